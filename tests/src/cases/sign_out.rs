use std::time::Duration;

use serde_json::json;

use super::assertions::assert_problem;
use super::probes::{assert_ended, assert_live, refresh};
use crate::{App, Reply, Request, Tokens};

pub(super) fn a_refresh_token_ends_its_session_at_once(app: &App) {
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    assert_silent(&by_refresh_token(app, &tokens));
    assert_ended(app, &tokens);
    assert_live(app, &other);
}

pub(super) fn an_access_token_ends_its_session_at_once(app: &App) {
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    let bodiless = Request::new("POST", "/sign-out").bearer(&tokens.access);
    assert_silent(&app.send(&bodiless));
    assert_ended(app, &tokens);
    assert_silent(&app.post_as(&other.access, "/sign-out", json!({})));
    assert_ended(app, &other);
}

pub(super) fn an_expired_access_token_is_no_obstacle(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.clock.advance(Duration::from_secs(60 * 60));
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    let reply = app.post_as(&tokens.access, "/sign-out", json!({}));
    assert_problem(&reply, 401, "unauthenticated");
    let body = json!({ "refresh_token": tokens.refresh });
    assert_silent(&app.post_as(&tokens.access, "/sign-out", body));
    assert_ended(app, &tokens);
}

pub(super) fn it_can_be_repeated(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    for _ in 0..2 {
        assert_silent(&by_refresh_token(app, &tokens));
        assert_silent(&app.post_as(&tokens.access, "/sign-out", json!({})));
    }
    // Of a session that has ended on purpose, nothing is a replay.
    assert_ended(app, &tokens);
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn it_takes_a_credential(app: &App) {
    assert_problem(&app.post("/sign-out", json!({})), 401, "unauthenticated");
    let bodiless = app.send(&Request::new("POST", "/sign-out"));
    assert_problem(&bodiless, 401, "unauthenticated");
    assert_silent(&app.post("/sign-out", json!({ "refresh_token": "rt_unknown" })));
}

pub(super) fn another_instance_refuses_the_access_token_too(app: &App) {
    let beside = app.beside(App::config(), |builder| builder);
    let person = app.user();
    let tokens = app.sign_in(&person);
    assert_live(&beside, &tokens);
    assert_silent(&by_refresh_token(app, &tokens));
    app.clock.advance(Duration::from_secs(1));
    assert_ended(&beside, &tokens);
}

pub(super) fn after_a_refresh_the_whole_session_ends(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    let second = App::tokens(&refresh(app, &first.refresh));
    assert_silent(&by_refresh_token(app, &first));
    assert_ended(app, &second);
}

fn by_refresh_token(app: &App, tokens: &Tokens) -> Reply {
    app.post("/sign-out", json!({ "refresh_token": tokens.refresh }))
}

#[track_caller]
fn assert_silent(reply: &Reply) {
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_eq!(reply.header("cache-control"), "no-store");
}
