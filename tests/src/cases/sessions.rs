use std::time::Duration;

use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::probes::{assert_ended, assert_live, assert_refused, claims, refresh};
use crate::{App, Tokens};

pub(super) fn every_live_one_is_listed_newest_first(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    app.clock.advance(MINUTE);
    let second = app.sign_in(&person);
    app.sign_in(&app.user());

    let listed = list(app, &second);
    let ids: Vec<_> = listed.iter().map(|session| &session["id"]).collect();
    assert_eq!(ids, [&claims(&second.access)["sid"], &claims(&first.access)["sid"]]);
    let current: Vec<_> = listed.iter().map(|session| &session["current"]).collect();
    assert_eq!(current, [true, false]);
    assert_eq!(listed[1]["created_at"], "2023-11-14T22:13:20Z");
    assert_eq!(listed[1]["last_used_at"], "2023-11-14T22:13:20Z");
    assert_eq!(listed[1]["expires_at"], "2023-11-28T22:13:20Z");
    assert_eq!(listed[0]["created_at"], "2023-11-14T22:14:20Z");

    App::tokens(&refresh(app, &first.refresh));
    let used = &list(app, &second)[1];
    assert_eq!(used["created_at"], "2023-11-14T22:13:20Z");
    assert_eq!(used["last_used_at"], "2023-11-14T22:14:20Z");
    assert_eq!(used["expires_at"], "2023-11-28T22:14:20Z");
}

pub(super) fn the_list_shows_no_secret(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let session = &list(app, &tokens)[0];
    let mut keys: Vec<_> = session.as_object().expect("an object").keys().cloned().collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["created_at", "current", "device", "expires_at", "id", "ip", "last_used_at", "user_agent"]
    );
    let id = session["id"].as_str().unwrap_or_default();
    assert_problem(&app.get("/me", Some(id)), 401, "unauthenticated");
    assert_problem(&refresh(app, id), 401, "invalid_refresh_token");
}

pub(super) fn one_is_ended_by_its_id(app: &App) {
    let person = app.user();
    let (own, lost, third) = (app.sign_in(&person), app.sign_in(&person), app.sign_in(&person));
    let reply = revoke(app, &own, &claims(&lost.access)["sid"]);
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_ended(app, &lost);
    assert_live(app, &own);
    assert_live(app, &third);
    assert_eq!(list(app, &own).len(), 2);
    let again = revoke(app, &own, &claims(&lost.access)["sid"]);
    assert_problem(&again, 404, "not_found");
    assert_eq!(revoke(app, &own, &claims(&own.access)["sid"]).status, 204);
    assert_ended(app, &own);
}

pub(super) fn all_others_are_ended_together(app: &App) {
    let person = app.user();
    let (own, second, third) = (app.sign_in(&person), app.sign_in(&person), app.sign_in(&person));
    let stranger = app.sign_in(&app.user());
    let reply = app.post_as(&own.access, "/sessions/revoke", json!({ "others": true }));
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_ended(app, &second);
    assert_ended(app, &third);
    assert_live(app, &own);
    assert_live(app, &stranger);
    assert_eq!(list(app, &own).len(), 1);
}

pub(super) fn somebody_elses_is_not_found_and_lives_on(app: &App) {
    let (own, foreign) = (app.sign_in(&app.user()), app.sign_in(&app.user()));
    let of_another = revoke(app, &own, &claims(&foreign.access)["sid"]);
    assert_problem(&of_another, 404, "not_found");
    for id in ["00000000-0000-0000-0000-000000000000", "x", "", "' OR 1=1 --"] {
        assert_eq!(revoke(app, &own, &json!(id)).comparable(), of_another.comparable(), "{id}");
    }
    assert_live(app, &foreign);
}

pub(super) fn ending_one_needs_a_recent_sign_in(app: &App) {
    let person = app.user();
    let (own, other) = (app.sign_in(&person), app.sign_in(&person));
    app.clock.advance(5 * MINUTE + Duration::from_secs(1));
    let id = &claims(&other.access)["sid"];
    assert_problem(&revoke(app, &own, id), 403, "reauthentication_required");
    let reply = app.post_as(&own.access, "/sessions/revoke", json!({ "others": true }));
    assert_problem(&reply, 403, "reauthentication_required");
    assert_live(app, &other);
    assert_eq!(list(app, &own).len(), 2, "looking is free");
}

pub(super) fn what_to_end_is_said_clearly(app: &App) {
    let own = app.sign_in(&app.user());
    let send = |body: Value| app.post_as(&own.access, "/sessions/revoke", body);
    let id = &claims(&own.access)["sid"];
    assert_refused(&send(json!({})), "#/id", "required");
    assert_refused(&send(json!({ "id": id, "others": true })), "#/others", "conflict");
    assert_refused(&send(json!({ "others": false })), "#/others", "conflict");
    assert_problem(&send(json!({ "others": "true" })), 400, "malformed_request");
    assert_problem(&send(json!({ "id": 1 })), 400, "malformed_request");
    assert_live(app, &own);
}

pub(super) fn a_stranger_sees_and_ends_nothing(app: &App) {
    assert_problem(&app.get("/sessions", None), 401, "unauthenticated");
    let reply = app.post("/sessions/revoke", json!({ "others": true }));
    assert_problem(&reply, 401, "unauthenticated");
}

pub(super) fn one_that_ran_out_is_not_listed(app: &App) {
    let person = app.user();
    app.sign_in(&person);
    app.clock.advance(14 * 24 * 60 * MINUTE);
    let own = app.sign_in(&person);
    assert_eq!(list(app, &own).len(), 1);
}

fn list(app: &App, tokens: &Tokens) -> Vec<Value> {
    let reply = app.get("/sessions", Some(&tokens.access));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["sessions"].as_array().expect("it is a list").clone()
}

fn revoke(app: &App, tokens: &Tokens, id: &Value) -> crate::Reply {
    app.post_as(&tokens.access, "/sessions/revoke", json!({ "id": id }))
}

const MINUTE: Duration = Duration::from_secs(60);
