//! The OpenAPI 3.1 description, generated from the endpoint table and the types that the endpoints
//! read and write.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::cookies::SessionCookie;
use super::endpoint::{Access, Credential, Endpoint};
use super::problem::Problem;
use super::shape::{Schemas, Shape};
use crate::{Config, ProblemCode};

/// Describes the endpoints of a service with this configuration.
pub(crate) fn document(sections: &[(&str, &[&[Endpoint]])], config: &Config) -> Value {
    let mut schemas = Vec::new();
    let problem = (Shape::of::<Problem<'_>>().collect)(&mut schemas);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (section, flows) in sections {
        for endpoint in flows.iter().copied().flatten() {
            if endpoint.is_disabled(config) {
                continue;
            }
            let mut operation = operation(endpoint, &problem, &mut schemas);
            operation["tags"] = json!([section]);
            let path = paths.entry(format!("{}{}", config.mount, endpoint.path)).or_default();
            path.insert(endpoint.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    let cookie = |cookie: SessionCookie| json!({ "type": "apiKey", "in": "cookie", "name": cookie.name(config) });
    let tags: Vec<_> = sections.iter().map(|(name, _)| json!({ "name": name })).collect();
    let schemas: BTreeMap<_, _> = schemas.into_iter().collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{} authentication", config.product_name),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "access_token": { "type": "http", "scheme": "bearer", "bearerFormat": "at+jwt" },
                "access_cookie": cookie(SessionCookie::Access),
                "refresh_cookie": cookie(SessionCookie::Refresh),
            },
        },
    })
}

fn operation(endpoint: &Endpoint, problem: &str, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    let mut success = json!({ "description": "Success." });
    if endpoint.success != StatusCode::NO_CONTENT {
        let schema = endpoint.output.map(|output| reference(&(output.collect)(schemas)));
        let mut content = Map::new();
        for &media in endpoint.media {
            let schema = schema.as_ref().filter(|_| media.ends_with("json"));
            let body = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
            content.insert(media.to_owned(), body);
        }
        success["content"] = Value::Object(content);
    }
    responses.insert(endpoint.success.as_str().to_owned(), success);
    let mut codes: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    for code in problems(endpoint) {
        codes.entry(code.status().as_u16()).or_default().push(code);
    }
    for (status, codes) in codes {
        let names: Vec<_> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
        let response = json!({
            "description": names.join(", "),
            "content": { "application/problem+json": { "schema": reference(problem) } },
        });
        responses.insert(status.to_string(), response);
    }

    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "responses": responses,
    });
    if let Some(input) = endpoint.input {
        let name = (input.collect)(schemas);
        operation["requestBody"] = json!({
            "required": endpoint.optional_body.is_empty(),
            "content": { "application/json": { "schema": reference(&name) } },
        });
    }
    if let Some(parameter) = endpoint.query {
        operation["parameters"] = json!([{
            "name": parameter, "in": "query", "schema": { "type": "string" },
        }]);
    }
    let credentials: &[Credential] = match endpoint.access {
        Access::Public => endpoint.optional_body,
        Access::RecentSignIn | Access::SignedIn => {
            &[Credential::AccessToken, Credential::AccessCookie]
        }
    };
    if !credentials.is_empty() {
        let mut security: Vec<_> =
            credentials.iter().map(|&credential| scheme(credential)).collect();
        if endpoint.access == Access::Public {
            security.push(json!({}));
        }
        operation["security"] = Value::Array(security);
    }
    operation
}

/// The problems that an endpoint lists, and those that follow from its kind.
fn problems(endpoint: &Endpoint) -> Vec<ProblemCode> {
    let mut codes = endpoint.problems.to_vec();
    codes.extend([ProblemCode::PayloadTooLarge, ProblemCode::Internal, ProblemCode::Unavailable]);
    if endpoint.method != Method::GET {
        codes.extend([
            ProblemCode::CrossSiteRequest,
            ProblemCode::MalformedRequest,
            ProblemCode::UnsupportedMediaType,
        ]);
    }
    if endpoint.limits.iter().any(|limit| limit.refuses()) {
        codes.push(ProblemCode::TooManyRequests);
    }
    if endpoint.input.is_some() {
        codes.push(ProblemCode::ValidationFailed);
    }
    match endpoint.access {
        Access::Public => {}
        Access::RecentSignIn => {
            codes.extend([
                ProblemCode::MalformedRequest,
                ProblemCode::Unauthenticated,
                ProblemCode::ReauthenticationRequired,
            ]);
        }
        Access::SignedIn => {
            codes.extend([ProblemCode::MalformedRequest, ProblemCode::Unauthenticated]);
        }
    }
    codes.sort_by_key(|code| code.as_str());
    codes.dedup();
    codes
}

fn scheme(credential: Credential) -> Value {
    match credential {
        Credential::AccessCookie => json!({ "access_cookie": [] }),
        Credential::AccessToken => json!({ "access_token": [] }),
        Credential::RefreshCookie => json!({ "refresh_cookie": [] }),
    }
}

fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.trim_start_matches('/').replace(['/', '-', '.'], "_");
    format!("{}_{path}", endpoint.method.as_str().to_ascii_lowercase())
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
