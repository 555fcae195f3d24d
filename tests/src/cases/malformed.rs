//! Requests that no endpoint should have to think about: each has one exact refusal.

use std::time::Duration;

use auth_core::Auth;
use serde_json::json;

use super::assertions::assert_problem;
use super::mutations::{Form, Mutation, forms};
use super::probes::{assert_refused, refused_fields};
use crate::{App, MOUNT, Request};

pub(super) fn a_body_that_is_no_json_object_is_refused(app: &App) {
    refused(app, 400, "malformed_request", Form::broken_bodies);
}

pub(super) fn a_field_of_another_type_is_refused(app: &App) {
    refused(app, 400, "malformed_request", Form::wrong_fields);
}

pub(super) fn what_takes_no_input_refuses_some(app: &App) {
    let tokens = app.sign_in(&app.user());
    let reply = app.post_as(&tokens.access, "/enable-2fa", json!({ "code": "000000" }));
    assert_problem(&reply, 400, "malformed_request");
    let request = Request::new("DELETE", "/me").bearer(&tokens.access);
    let reply = app.send(&request.json(&json!({ "reason": "none" })));
    assert_problem(&reply, 400, "malformed_request");
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
}

pub(super) fn what_is_empty_is_missing(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    let password = &person.password;
    for (path, body, pointer) in [
        ("/sign-up", json!({ "email": "", "password": password }), "#/email"),
        ("/sign-up", json!({ "email": "a@x.example", "password": "" }), "#/password"),
        ("/activate-account", json!({ "token": "" }), "#/token"),
        ("/reset-password", json!({ "token": "", "password": password }), "#/token"),
        ("/confirm-email-change", json!({ "token": "" }), "#/token"),
        ("/access", json!({ "refresh_token": "" }), "#/refresh_token"),
        ("/sign-in-mfa", json!({ "mfa_token": "", "code": "000000" }), "#/mfa_token"),
        ("/sign-in-mfa", json!({ "mfa_token": "a", "code": "" }), "#/code"),
        ("/reauthenticate", json!({ "password": password, "code": "" }), "#/code"),
        ("/reauthenticate", json!({ "password": "", "code": "000000" }), "#/password"),
        (
            "/change-password",
            json!({ "current_password": "wrong", "new_password": "" }),
            "#/new_password",
        ),
        ("/change-email", json!({ "new_email": "" }), "#/new_email"),
        ("/disable-2fa", json!({ "code": "" }), "#/code"),
        ("/recovery-codes", json!({ "code": "" }), "#/code"),
    ] {
        assert_refused(&app.post_as(&tokens.access, path, body), pointer, "required");
    }
    // All that is missing is told at once.
    for (path, pointers) in [
        ("/sign-up", ["#/email", "#/password"]),
        ("/sign-in", ["#/email", "#/password"]),
        ("/sign-in-mfa", ["#/mfa_token", "#/code"]),
        ("/reset-password", ["#/token", "#/password"]),
        ("/change-password", ["#/current_password", "#/new_password"]),
    ] {
        let reply = app.post_as(&tokens.access, path, json!({}));
        let missing = pointers.map(|pointer| (pointer.to_owned(), "required".to_owned()));
        assert_eq!(refused_fields(&reply), missing, "{path}");
    }
    // And none of it was an attempt.
    app.clock.advance(Duration::from_secs(30));
    app.sign_in_twice(&person, &authenticator);
}

pub(super) fn a_body_of_another_media_type_is_refused(app: &App) {
    refused(app, 415, "unsupported_media_type", Form::other_types);
}

pub(super) fn a_body_that_is_too_large_is_refused(app: &App) {
    let person = app.user();
    let token = app.sign_in(&person).access;
    for form in forms(app) {
        let object = form.body().to_string();
        let padded = |size: usize| format!("{object}{}", " ".repeat(size - object.len()));
        let largest = app.send(&form.json(padded(16_384)).bearer("none"));
        assert_ne!(largest.status, 413, "{}: {}", form.path, largest.text());
        let larger = app.send(&form.json(padded(16_385)).bearer(&token));
        assert_problem(&larger, 413, "payload_too_large");
        // Nor does a body that hides its length get further.
        let chunk = format!("{:x}\r\n{}\r\n", 9_000, " ".repeat(9_000));
        let chunked = form.json(format!("{chunk}{chunk}0\r\n\r\n")).bearer(&token);
        let chunked = app.send(&chunked.header("transfer-encoding", "chunked"));
        assert_problem(&chunked, 413, "payload_too_large");
    }
    assert_eq!(app.get("/me", Some(&token)).status, 200);
}

pub(super) fn another_method_changes_nothing(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    for path in Auth::paths() {
        let mut allow = Vec::new();
        for endpoint in Auth::endpoints().filter(|endpoint| endpoint.path == path) {
            allow.push(endpoint.method.as_str());
            if endpoint.method == "GET" {
                allow.push("HEAD");
            }
        }
        let methods =
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "post"];
        for method in methods.into_iter().filter(|method| !allow.contains(method)) {
            let request = Request::new(method, path)
                .header("x-http-method-override", "POST")
                .header("x-http-method", "POST")
                .header("x-method-override", "POST")
                .bearer(&tokens.access)
                .json(&json!({ "refresh_token": tokens.refresh }));
            let reply = app.send(&request);
            assert_eq!(reply.status, 405, "{method} {path}: {}", reply.text());
            assert_eq!(reply.header("allow"), allow.join(", "), "{method} {path}");
            if method == "HEAD" {
                assert_eq!(reply.text(), "");
            } else {
                assert_problem(&reply, 405, "method_not_allowed");
            }
        }
    }
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    let refresh = app.post("/access", json!({ "refresh_token": tokens.refresh }));
    assert_eq!(refresh.status, 200, "it was not used: {}", refresh.text());
    assert!(app.mails().is_empty());
}

pub(super) fn another_path_is_not_found(app: &App) {
    let person = app.user();
    let body = json!({ "email": person.email, "password": person.password });
    assert_eq!(app.post("/sign-in", body.clone()).status, 200);
    for path in [
        "",
        "/",
        "//",
        "/sign-in/",
        "//sign-in",
        "/sign-in//",
        "/./sign-in",
        "/../auth/sign-in",
        "/x/../sign-in",
        "/sign-in/.",
        "/sign-in/x",
        "/sign-in%2F",
        "/%2Fsign-in",
        "/sign%2Din",
        "/%73ign-in",
        "/sign-in%00",
        "/sign-in%20",
        "/%ff",
        "/sign-in;a=b",
        "/SIGN-IN",
        "/Sign-in",
        "/sign-in.json",
        "/sign_in",
        "/*",
        "/{path}",
        "/docs/",
        "/docs/../sign-in",
        "/problems/not_found",
        "/nowhere",
    ] {
        for method in ["POST", "GET"] {
            let reply = app.send(&Request::new(method, path).json(&body));
            assert_problem(&reply, 404, "not_found");
        }
    }
    let query = app.post("/sign-in?x=1&y", body);
    assert_eq!(query.status, 200, "a query is not part of the path: {}", query.text());
}

/// What the framework refuses by itself has its own words, but is the client's fault.
pub(super) fn a_request_that_is_not_http_is_no_servers_error(app: &App) {
    let host = "host: 127.0.0.1\r\nconnection: close\r\n";
    let long = "a".repeat(2_000_000);
    for (what, head) in [
        ("no version", format!("GET {MOUNT}/me\r\n{host}")),
        ("another version", format!("GET {MOUNT}/me HTTP/9.9\r\n{host}")),
        ("a method with a space", format!("GE T {MOUNT}/me HTTP/1.1\r\n{host}")),
        ("no path", format!("GET HTTP/1.1\r\n{host}")),
        ("a header without a colon", format!("GET {MOUNT}/me HTTP/1.1\r\n{host}nothing\r\n")),
        ("a header with a space", format!("GET {MOUNT}/me HTTP/1.1\r\n{host}a b: c\r\n")),
        ("a bad length", format!("POST {MOUNT}/sign-in HTTP/1.1\r\n{host}content-length: x\r\n")),
        (
            "two lengths",
            format!(
                "POST {MOUNT}/sign-in HTTP/1.1\r\n{host}content-length: 0\r\ncontent-length: 1\r\n"
            ),
        ),
        ("a long path", format!("GET {MOUNT}/{long} HTTP/1.1\r\n{host}")),
        ("a long header", format!("GET {MOUNT}/me HTTP/1.1\r\n{host}a: {long}\r\n")),
    ] {
        let reply = app.bytes(format!("{head}\r\n").as_bytes());
        assert!((400..500).contains(&reply.status), "{what}: {}", reply.status);
    }
    assert_eq!(app.get("/health", None).status, 200);
}

/// Sends what `mutations` makes of every form, as somebody who might do all of it.
#[track_caller]
fn refused(app: &App, status: u16, code: &str, mutations: impl Fn(&Form) -> Vec<Mutation>) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let mut sent = 0;
    for Mutation { what, request } in forms(app).iter().flat_map(mutations) {
        let reply = app.send(&request.bearer(&tokens.access));
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert_problem(&reply, status, code);
        sent += 1;
    }
    assert!(sent > 100, "only {sent} requests were made");
    assert!(app.mails().is_empty(), "nothing was done");
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    app.sign_in(&person);
}
