//! The codes by which clients know what failed: names that stay the same.

use std::collections::BTreeMap;
use std::time::Duration;

use auth_core::{Error, ProblemCode};
use serde_json::{Value, json};

use super::assertions::assert_problem;
use crate::{App, StoreKind};

/// A code that is added, renamed or answered with another status is a change of the contract:
/// `tests/golden/problems.json` says so to whoever reviews it.
pub(super) fn the_codes_are_those_of_the_golden_file() {
    let golden = golden();
    let actual: BTreeMap<_, _> = ProblemCode::ALL
        .iter()
        .map(|code| {
            let (status, title) = (code.status().as_u16(), code.title());
            (code.as_str().to_owned(), json!({ "status": status, "title": title }))
        })
        .collect();
    let mut differences = Vec::new();
    for (code, listed) in &golden {
        match actual.get(code) {
            None => differences.push(format!("- {code}: {listed}")),
            Some(found) if found == listed => {}
            Some(found) => differences.push(format!("- {code}: {listed}\n+ {code}: {found}")),
        }
    }
    let added = actual.iter().filter(|(code, _)| !golden.contains_key(*code));
    differences.extend(added.map(|(code, found)| format!("+ {code}: {found}")));
    let diff = differences.join("\n");
    assert!(diff.is_empty(), "golden/problems.json (-) and the code (+) differ:\n{diff}");
}

pub(super) fn every_code_is_answered_as_it_is_listed(app: &App) {
    let person = app.user();
    let mut seen: BTreeMap<&str, Value> = BTreeMap::new();
    let mut see = |code: &'static str, problem: Value| {
        seen.insert(code, json!({ "status": problem["status"], "title": problem["title"] }));
        let mut members: Vec<_> =
            problem.as_object().expect("it is an object").keys().map(String::as_str).collect();
        members.retain(|name| !["errors", "retry_after"].contains(name));
        members.sort_unstable();
        assert_eq!(members, ["code", "detail", "status", "title", "type"], "{problem}");
        assert_eq!(problem.get("errors").is_some(), code == "validation_failed", "{problem}");
        let waits = ["too_many_requests", "unavailable"].contains(&code);
        assert_eq!(problem.get("retry_after").is_some(), waits, "{problem}");
    };
    let password = json!(person.password);
    let code = json!({ "code": "12345" });
    let unknown = json!({ "token": "A".repeat(43) });

    let tokens = app.sign_in(&person);
    let post = |path, body: &Value| app.post_as(&tokens.access, path, body.clone());
    for (expected, status, reply) in [
        ("malformed_request", 400, post("/sign-in", &json!({ "nothing": 1 }))),
        ("validation_failed", 422, post("/sign-in", &json!({ "password": password }))),
        ("invalid_token", 400, post("/activate-account", &unknown)),
        (
            "invalid_credentials",
            401,
            post("/sign-in", &json!({ "email": person.email, "password": "wrong" })),
        ),
        ("invalid_challenge", 401, post("/sign-in-mfa", &json!({ "mfa_token": "A", "code": "1" }))),
        ("invalid_refresh_token", 401, post("/access", &json!({ "refresh_token": "A" }))),
        ("no_pending_enrolment", 409, post("/confirm-2fa", &code)),
        ("two_factor_not_enabled", 409, post("/disable-2fa", &code)),
        ("unauthenticated", 401, app.get("/me", None)),
        (
            "cross_site_request",
            403,
            app.raw("POST", "/sign-in", &[("sec-fetch-site", "cross-site")], b"{}"),
        ),
        ("forbidden", 403, app.host("/editors", Some(&tokens.access))),
        ("not_found", 404, app.get("/nowhere", None)),
        ("method_not_allowed", 405, app.get("/sign-in", None)),
        ("unsupported_media_type", 415, app.raw("POST", "/sign-in", &[], b"{}")),
        ("payload_too_large", 413, app.raw("POST", "/sign-in", &[], &[b' '; 16_385])),
    ] {
        see(expected, assert_problem(&reply, status, expected));
    }

    let newcomer = app.stranger();
    app.sign_up(&newcomer);
    let body = json!({ "email": newcomer.email, "password": newcomer.password });
    let reply = app.post("/sign-in", body.clone());
    see("account_not_activated", assert_problem(&reply, 403, "account_not_activated"));
    let mut named = body;
    named["username"] = json!("somebody");
    assert_eq!(app.post("/sign-up", named.clone()).status, 202);
    named["email"] = json!(app.stranger().email);
    let reply = app.post("/sign-up", named);
    see("username_taken", assert_problem(&reply, 409, "username_taken"));

    app.enable_two_factor(&tokens);
    let reply = post("/enable-2fa", &json!({}));
    see("two_factor_already_enabled", assert_problem(&reply, 409, "two_factor_already_enabled"));
    for _ in 0..10 {
        let reply = post("/disable-2fa", &code);
        see("invalid_code", assert_problem(&reply, 401, "invalid_code"));
    }
    let reply = post("/disable-2fa", &code);
    see("too_many_requests", assert_problem(&reply, 429, "too_many_requests"));
    app.execute("DELETE FROM auth_attempts");
    app.execute(match app.kind {
        StoreKind::Postgres => "UPDATE auth_totp SET secret = '\\x00'",
        StoreKind::Sqlite => "UPDATE auth_totp SET secret = x'00'",
    });
    let reply = post("/disable-2fa", &json!({ "code": "123456" }));
    see("internal", assert_problem(&reply, 500, "internal"));
    app.clock.advance(Duration::from_secs(301));
    let reply = post("/enable-2fa", &json!({}));
    see("reauthentication_required", assert_problem(&reply, 403, "reauthentication_required"));

    // A database that is away cannot be had without taking the trial's own.
    let rejection = app.auth.reject(Error::Saturated).response();
    assert_eq!(rejection.headers()["retry-after"], "2");
    see("unavailable", serde_json::from_slice(rejection.body()).expect("it is JSON"));
    assert_eq!(app.get("/health", None).status, 200);

    let seen: BTreeMap<String, Value> =
        seen.into_iter().map(|(code, problem)| (code.to_owned(), problem)).collect();
    assert_eq!(seen, golden(), "a code that is listed has to be sampled here");
}

fn golden() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../../golden/problems.json")).expect("it is a map of codes")
}
