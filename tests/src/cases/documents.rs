//! What the service says about itself.

use std::collections::BTreeSet;

use auth_core::{Access, Auth};
use serde_json::{Value, json};

use super::assertions::assert_problem;
use crate::{App, MOUNT, Request};

pub(super) fn the_key_set_has_public_members_only(app: &App) {
    let reply = app.get("/jwks.json", None);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/jwk-set+json");
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let keys = reply.json();
    assert_eq!(members(&keys), ["keys"].into());
    for key in keys["keys"].as_array().expect("it is a key set") {
        assert_eq!(members(key), ["alg", "crv", "kid", "kty", "use", "x"].into(), "{key}");
        let fixed = ["alg", "crv", "kty", "use"].map(|name| &key[name]);
        assert_eq!(fixed, ["EdDSA", "Ed25519", "OKP", "sig"], "{key}");
        let lengths = ["kid", "x"].map(|name| key[name].as_str().map(str::len));
        assert_eq!(lengths, [Some(43), Some(43)], "{key}");
    }
    let refused = app.raw("POST", "/jwks.json", &[], b"");
    assert_problem(&refused, 405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD");
}

pub(super) fn the_description_lists_exactly_the_endpoints(app: &App) {
    let reply = app.get("/openapi.json", None);
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    let document = reply.json();
    let version = document["openapi"].as_str().unwrap_or_default();
    assert!(version.starts_with("3.1."), "{version}");
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("it has paths") {
        for (method, operation) in methods.as_object().expect("a path has methods") {
            described.insert((path.clone(), method.to_uppercase()));
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{operation}");
        }
    }
    let endpoints: BTreeSet<_> = Auth::endpoints()
        .map(|endpoint| (format!("{MOUNT}{}", endpoint.path), endpoint.method.to_string()))
        .collect();
    assert_eq!(described, endpoints);

    for endpoint in Auth::endpoints() {
        let method = endpoint.method.as_str().to_lowercase();
        let operation = &document["paths"][format!("{MOUNT}{}", endpoint.path)][method];
        let responses = members(&operation["responses"]);
        assert!(responses.contains(endpoint.success.as_str()), "{endpoint:?}: {responses:?}");
        let security = operation.get("security").unwrap_or(&Value::Null);
        if endpoint.access == Access::Public {
            // Where a token may be shown, none is an alternative.
            let open = security.as_array().is_none_or(|ways| ways.contains(&json!({})));
            assert!(open, "{endpoint:?}: {security}");
        } else {
            let ways = json!([{ "access_token": [] }, { "access_cookie": [] }]);
            assert_eq!(security, &ways, "{endpoint:?}");
            assert!(responses.contains("401"), "{endpoint:?}: {responses:?}");
        }
    }
}

pub(super) fn the_description_is_closed(app: &App) {
    let document = app.get("/openapi.json", None).json();
    let mut references = Vec::new();
    collect(&document, "$ref", &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let found = pointer.and_then(|pointer| document.pointer(pointer));
        assert!(found.is_some(), "{reference} leads nowhere");
    }
    let mut ids = Vec::new();
    collect(&document, "operationId", &mut ids);
    let unique: BTreeSet<_> = ids.iter().map(|id| id.as_str()).collect();
    assert_eq!((unique.len(), ids.len()), (ids.len(), Auth::endpoints().count()));
    assert_eq!(document["components"]["securitySchemes"]["access_token"]["scheme"], "bearer");
}

pub(super) fn health_says_whether_the_database_answers(app: &App) {
    let reply = app.get("/health", None);
    assert_eq!((reply.status, reply.json()), (200, json!({ "status": "ok" })));
    assert_eq!(reply.header("cache-control"), "no-store");
    let head = app.raw("HEAD", "/health", &[], b"");
    assert_eq!((head.status, head.text()), (200, ""));
}

pub(super) fn a_service_that_drains_lives_and_sends_new_requests_elsewhere(app: &App) {
    let live = || app.get("/health/live", None);
    assert_eq!((live().status, live().json()), (200, json!({ "status": "ok" })));
    app.auth.drain();
    assert_problem(&app.get("/health", None), 503, "unavailable");
    assert_eq!(live().status, 200);
    // Who was on the way is still served.
    app.sign_in(&app.user());
}

pub(super) fn head_is_get_without_a_body(app: &App) {
    let token = app.sign_in(&app.user()).access;
    for endpoint in Auth::endpoints().filter(|endpoint| endpoint.method == "GET") {
        let [get, head] = ["GET", "HEAD"]
            .map(|method| app.send(&Request::new(method, endpoint.path).bearer(&token)));
        assert_eq!((head.status, head.text()), (get.status, ""), "{endpoint:?}");
        for name in ["content-type", "content-length", "cache-control", "content-security-policy"] {
            assert_eq!(head.header(name), get.header(name), "{endpoint:?}: {name}");
        }
    }
}

pub(super) fn the_reader_of_the_description_comes_from_here(app: &App) {
    let page = app.get("/docs", None);
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    for directive in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|stated| stated == directive), "{policy}");
    }
    assert!(!page.text().contains("://"), "{}", page.text());
    // Nothing inline: every script and style is a file of this mount, and is there.
    let sources = page.text().split(['"', '\'']).filter(|part| part.starts_with(MOUNT));
    let mut files = 0;
    for source in sources {
        files += 1;
        let file = app.get(&source[MOUNT.len()..], None);
        let expected = match source.rsplit_once('.').expect("a file has an extension").1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "application/json",
        };
        assert_eq!((file.status, file.header("content-type")), (200, expected), "{source}");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        assert!(!file.body.is_empty(), "{source}");
    }
    assert!(files >= 4, "{}", page.text());
    assert!(!page.text().contains("<script>"), "{}", page.text());
    let init = app.get("/docs/init.js", None);
    assert!(init.text().contains("validatorUrl: null"), "the default asks a third party");
}

fn members(object: &Value) -> BTreeSet<&str> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Collects what stands under `name`, wherever it stands.
fn collect<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, name, found)),
        Value::Object(members) => {
            found.extend(members.get(name).filter(|value| value.is_string()));
            members.values().for_each(|value| collect(value, name, found));
        }
        _ => {}
    }
}
