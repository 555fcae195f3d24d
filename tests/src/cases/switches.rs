//! What a host switches off.

use auth_core::Auth;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use crate::{App, Request};

pub(super) fn each_endpoint_can_be_switched_off(app: &App) {
    for off in Auth::paths() {
        let config = App::config().disabled_endpoints(vec![off.to_owned()]);
        let other = app.beside(config, |builder| builder);
        let unknown = other.raw("POST", "/nothing-here", &[], b"");
        for endpoint in Auth::endpoints().filter(|endpoint| endpoint.path == off) {
            let request = Request::new(endpoint.method.as_str(), off).json(&json!({}));
            let reply = other.send(&request);
            assert_problem(&reply, 404, "not_found");
            assert_eq!(reply.comparable(), unknown.comparable(), "{endpoint:?}");
        }
        if off != "/health" {
            assert_eq!(other.get("/health", None).status, 200, "{off}");
        }
        if off != "/openapi.json" {
            let document: Value = other.get("/openapi.json", None).json();
            let paths = document["paths"].as_object().expect("it lists them");
            assert!(!paths.contains_key(&format!("/api/auth{off}")), "{off}");
            assert_eq!(paths.len(), Auth::paths().len() - 1);
        }
    }
}

pub(super) fn one_method_of_a_path_can_be_switched_off(app: &App) {
    let tokens = app.sign_in(&app.user());
    let config = App::config().disabled_endpoints(vec!["DELETE /me".to_owned()]);
    let other = app.beside(config, |builder| builder);
    let delete = |app: &App| app.send(&Request::new("DELETE", "/me").bearer(&tokens.access));
    let refused = delete(&other);
    assert_problem(&refused, 405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD");
    assert_eq!(other.get("/me", Some(&tokens.access)).status, 200);
    assert_eq!(delete(app).status, 204);
}

pub(super) fn without_sign_up_nobody_gets_in_and_everybody_else_stays(app: &App) {
    let person = app.user();
    let config = App::config().disabled_endpoints(vec!["/sign-up".to_owned()]);
    let other = app.beside(config, |builder| builder);
    let body = json!({ "email": "new@example.com", "password": person.password });
    assert_problem(&other.post("/sign-up", body), 404, "not_found");
    assert!(other.mails().is_empty());
    other.sign_in(&person);
}
