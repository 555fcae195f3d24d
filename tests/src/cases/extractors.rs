//! The host's own routes, which ask who is calling.

use std::time::Duration;

use serde_json::json;

use super::assertions::assert_problem;
use crate::{App, Request};

pub(super) fn a_signed_in_user_passes(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    for (route, expected) in [
        ("/private", json!(person.email)),
        ("/identity", tokens.body["user"]["id"].clone()),
        ("/maybe", json!(person.email)),
        ("/recent", json!(person.email)),
    ] {
        let reply = app.host(route, Some(&tokens.access));
        assert_eq!((reply.status, json!(reply.text())), (200, expected), "{route}");
    }
}

pub(super) fn a_stranger_gets_a_problem_document(app: &App) {
    let expected = app.get("/me", None);
    assert_problem(&expected, 401, "unauthenticated");
    assert_eq!(expected.header("www-authenticate"), "Bearer");
    for token in [None, Some(""), Some("nonsense"), Some("a.b.c")] {
        for route in ["/private", "/identity", "/recent"] {
            let reply = app.host(route, token);
            assert_eq!(reply.comparable(), expected.comparable(), "{route} {token:?}");
        }
        let maybe = app.host("/maybe", token);
        assert_eq!((maybe.status, maybe.text()), (200, "nobody"), "{token:?}");
    }
}

pub(super) fn an_ended_session_is_a_stranger(app: &App) {
    let person = app.user();
    let signed_out = app.sign_in(&person);
    let body = json!({ "refresh_token": signed_out.refresh });
    assert_eq!(app.post("/sign-out", body).status, 204);
    let expired = app.sign_in(&person);
    // Ten minutes, and the five seconds by which clocks may differ.
    app.clock.advance(Duration::from_secs(604));
    assert_eq!(app.host("/private", Some(&expired.access)).status, 200);
    assert_eq!(app.host("/identity", Some(&expired.access)).status, 200);
    app.clock.advance(Duration::from_secs(1));
    for tokens in [&signed_out, &expired] {
        for route in ["/private", "/identity", "/recent"] {
            let reply = app.host(route, Some(&tokens.access));
            assert_problem(&reply, 401, "unauthenticated");
        }
        assert_eq!(app.host("/maybe", Some(&tokens.access)).text(), "nobody");
    }
}

pub(super) fn a_sign_in_does_not_stay_recent(app: &App) {
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(app.host("/recent", Some(&tokens.access)).status, 200);
    app.clock.advance(Duration::from_secs(1));
    let stale = app.host("/recent", Some(&tokens.access));
    assert_problem(&stale, 403, "reauthentication_required");
    for route in ["/private", "/identity", "/maybe"] {
        assert_eq!(app.host(route, Some(&tokens.access)).status, 200, "{route}");
    }

    let body = json!({ "password": person.password });
    let renewed = App::tokens(&app.post_as(&tokens.access, "/reauthenticate", body));
    assert_eq!(app.host("/recent", Some(&renewed.access)).text(), person.email);
    // It is of that session alone (STP-04).
    let stale = app.host("/recent", Some(&other.access));
    assert_problem(&stale, 403, "reauthentication_required");
}

pub(super) fn two_credentials_are_refused(app: &App) {
    let (one, other) = (app.sign_in(&app.user()), app.sign_in(&app.user()));
    for route in ["/private", "/identity", "/recent"] {
        let request = Request::get(route).of_host().bearer(&one.access).bearer(&other.access);
        assert_problem(&app.send(&request), 400, "malformed_request");
    }
    let request = Request::get("/maybe").of_host().bearer(&one.access).bearer(&other.access);
    assert_eq!(app.send(&request).text(), "nobody");
}
