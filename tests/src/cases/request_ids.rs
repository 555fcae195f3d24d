//! The id of a request, by which its answer, its events and its log lines are found.

use auth_core::EventQuery;
use serde_json::json;

use crate::adapters::block_on;
use crate::{App, Reply, Request};

pub(super) fn every_answer_names_its_request(app: &App) {
    let mut seen = Vec::new();
    for path in ["/me", "/jwks.json", "/health", "/nowhere", ""] {
        for method in ["GET", "POST", "OPTIONS", "FOO"] {
            seen.push(made(&app.send(&Request::new(method, path))));
        }
    }
    let large = Request::post("/sign-in", &json!({ "password": "a".repeat(100_000) }));
    seen.push(made(&app.send(&large)));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "two requests have the same id");
}

pub(super) fn an_id_that_is_a_name_is_kept(app: &App) {
    let longest = "x".repeat(64);
    for id in ["7", "proxy-1.0190b5a4_7b5e", &longest] {
        let reply = app.send(&Request::get("/jwks.json").header("x-request-id", id));
        assert_eq!(reply.all("x-request-id"), [id]);
    }
    let too_long = "x".repeat(65);
    for id in ["", "a b", "a;b", "<script>", "ü", "%0d%0a", &too_long] {
        made(&app.send(&Request::get("/jwks.json").header("x-request-id", id)));
    }
    let twice = Request::get("/jwks.json").header("x-request-id", "a").header("x-request-id", "a");
    made(&app.send(&twice));
}

pub(super) fn an_event_names_its_request(app: &App) {
    let person = app.user();
    let body = json!({ "email": person.email, "password": "wrong" });
    let reply = app.send(&Request::post("/sign-in", &body).header("x-request-id", "of-a-proxy"));
    assert_eq!(reply.status, 401);
    let events = block_on(app.auth.events(&EventQuery::new().limit(1)));
    let events = events.expect("the database answers");
    assert_eq!(events[0].detail["request_id"], "of-a-proxy");
}

/// The id of an answer whose request brought none that counts: a UUIDv7.
#[track_caller]
fn made(reply: &Reply) -> String {
    let ids = reply.all("x-request-id");
    let [id] = ids[..] else { panic!("not one id: {ids:?}") };
    assert!(id.len() == 36 && id.as_bytes()[14] == b'7', "{id}");
    id.to_owned()
}
