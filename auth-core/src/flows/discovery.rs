//! What the service says about itself.

use std::sync::atomic::Ordering;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::http::reply::{self, Status};
use crate::{Auth, Endpoint, Error, Limit, ProblemCode, Request, Response, Result};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get(
        "/jwks.json",
        "Publishes the keys that verify access tokens.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(jwks(auth, request)),
    )
    .media(&["application/jwk-set+json"])
    .answers::<KeySet>(),
    #[cfg(feature = "openapi")]
    Endpoint::get(
        "/openapi.json",
        "Describes the endpoints in OpenAPI 3.1.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(documents::openapi(auth, request)),
    ),
    #[cfg(feature = "openapi")]
    Endpoint::get(
        "/docs",
        "Shows the description as a page to try it out on.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(documents::docs(auth, request)),
    )
    .media(&["text/html"]),
    #[cfg(feature = "openapi")]
    Endpoint::get(
        "/docs/init.js",
        "A script of the page.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(documents::init(auth, request)),
    )
    .media(&["text/javascript"]),
    #[cfg(feature = "openapi")]
    Endpoint::get(
        "/docs/swagger-ui-bundle.js",
        "A script of the page.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(documents::script(auth, request)),
    )
    .media(&["text/javascript"]),
    #[cfg(feature = "openapi")]
    Endpoint::get(
        "/docs/swagger-ui.css",
        "The style of the page.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(documents::style(auth, request)),
    )
    .media(&["text/css"]),
    Endpoint::get(
        "/health",
        "Says whether requests are to be sent here: the database answers, and the service is not about to stop.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(health(auth, request)),
    )
    .answers::<Status>()
    .problems(&[ProblemCode::Unavailable]),
    // As MicroProfile Health names it. What waits for its database must not be restarted for it.
    Endpoint::get(
        "/health/live",
        "Says that the process answers, whatever becomes of what it depends on.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(live(auth, request)),
    )
    .answers::<Status>(),
];

async fn jwks(auth: &Auth, _: Request) -> Result<Response> {
    let keys = auth.0.keyring.published(auth.now()).map(|key| key.jwk()).collect();
    let mut response = reply::json(StatusCode::OK, &KeySet { keys });
    let headers = response.headers_mut();
    // The one answer that is the same for everybody; a new key is published an hour before it signs.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    Ok(response)
}

async fn health(auth: &Auth, request: Request) -> Result<Response> {
    if auth.0.draining.load(Ordering::Relaxed) {
        return Err(Error::Draining);
    }
    auth.0.store.read().await?.ping().await?;
    live(auth, request).await
}

async fn live(_: &Auth, _: Request) -> Result<Response> {
    Ok(reply::json(StatusCode::OK, &Status { status: "ok" }))
}

/// A JSON Web Key Set (RFC 7517 §5).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct KeySet {
    /// Public members only.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    keys: Vec<serde_json::Value>,
}

#[cfg(feature = "openapi")]
mod documents {
    use std::borrow::Cow;
    use std::sync::Arc;

    use bytes::Bytes;
    use utoipa_swagger_ui::Config;

    use super::super::SECTIONS;
    use super::*;
    use crate::http::openapi::document;

    pub(super) async fn openapi(auth: &Auth, _: Request) -> Result<Response> {
        Ok(reply::json(StatusCode::OK, &document(SECTIONS, &auth.0.config)))
    }

    pub(super) async fn docs(auth: &Auth, _: Request) -> Result<Response> {
        let page = auth.0.templates.docs_page(&auth.0.config).map_err(Error::internal)?;
        Ok(reply::html(page))
    }

    pub(super) async fn init(auth: &Auth, _: Request) -> Result<Response> {
        let script = auth.0.templates.docs_script().to_owned();
        Ok(reply::bytes(JAVASCRIPT, script.into()))
    }

    pub(super) async fn script(_: &Auth, _: Request) -> Result<Response> {
        vendored("swagger-ui-bundle.js", JAVASCRIPT)
    }

    pub(super) async fn style(_: &Auth, _: Request) -> Result<Response> {
        vendored("swagger-ui.css", CSS)
    }

    fn vendored(name: &str, content_type: HeaderValue) -> Result<Response> {
        let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default()))
            .map_err(|error| Error::internal(error.to_string()))?
            .ok_or(Error::NotFound)?;
        let body = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Ok(reply::bytes(content_type, body))
    }

    const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
    const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
}
