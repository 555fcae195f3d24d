//! Each lifetime at its edge: just inside it holds, from there on it does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::probes::{OTHER_PASSWORD, assert_ended, assert_live, claims, refresh, reset_token};
use crate::{App, Reply, totp_code};

pub(super) fn an_access_token_ten_minutes_and_the_leeway(app: &App) {
    let tokens = app.sign_in(&app.user());
    app.clock.advance(10 * MINUTE + 5 * SECOND - TICK);
    assert_live(app, &tokens);
    app.clock.advance(TICK);
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    assert_problem(&app.host("/identity", Some(&tokens.access)), 401, "unauthenticated");
    App::tokens(&refresh(app, &tokens.refresh));
}

pub(super) fn a_session_fourteen_days_without_use(app: &App) {
    let person = app.user();
    let (used, idle) = (app.sign_in(&person), app.sign_in(&person));
    app.clock.advance(14 * DAY - TICK);
    let used = App::tokens(&refresh(app, &used.refresh));
    app.clock.advance(TICK);
    assert_ended(app, &idle);
    app.clock.advance(14 * DAY - 2 * TICK);
    App::tokens(&refresh(app, &used.refresh));
    assert_eq!(app.mails().len(), 0, "what ran out was not stolen");
}

pub(super) fn a_session_thirty_days_in_any_case(app: &App) {
    let mut tokens = app.sign_in(&app.user());
    for _ in 0..2 {
        app.clock.advance(10 * DAY);
        tokens = App::tokens(&refresh(app, &tokens.refresh));
    }
    assert_eq!(tokens.body["refresh_expires_in"], 10 * 24 * 60 * 60, "{}", tokens.body);
    app.clock.advance(10 * DAY - MINUTE);
    let last = App::tokens(&refresh(app, &tokens.refresh));
    assert_eq!(last.body["expires_in"], 60, "{}", last.body);
    assert_eq!(last.body["refresh_expires_in"], 60, "{}", last.body);
    app.clock.advance(MINUTE - TICK);
    assert_live(app, &last);
    app.clock.advance(TICK);
    assert_ended(app, &last);
}

pub(super) fn reauthentication_prolongs_no_session(app: &App) {
    let person = app.user();
    let mut tokens = app.sign_in(&person);
    for _ in 0..2 {
        app.clock.advance(10 * DAY);
        tokens = App::tokens(&refresh(app, &tokens.refresh));
    }
    let body = json!({ "password": person.password });
    let tokens = App::tokens(&app.post_as(&tokens.access, "/reauthenticate", body));
    assert_eq!(tokens.body["refresh_expires_in"], 10 * 24 * 60 * 60, "{}", tokens.body);
    app.clock.advance(10 * DAY);
    assert_ended(app, &tokens);
}

pub(super) fn an_activation_link_a_day(app: &App) {
    let (early, late) = (app.stranger(), app.stranger());
    let [of_early, of_late] = [&early, &late].map(|person| {
        app.sign_up(person);
        app.mailed_token(&person.email)
    });
    let activate = |token: &str| app.post("/activate-account", json!({ "token": token }));
    app.clock.advance(DAY - TICK);
    assert_eq!(activate(&of_early).status, 200);
    app.clock.advance(TICK);
    assert_problem(&activate(&of_late), 400, "invalid_token");
}

pub(super) fn a_reset_link_half_an_hour(app: &App) {
    let person = app.user();
    let reset = |token: &str| {
        app.post("/reset-password", json!({ "token": token, "password": OTHER_PASSWORD }))
    };
    let token = reset_token(app, &person);
    app.clock.advance(30 * MINUTE - TICK);
    assert_eq!(reset(&token).status, 200);
    app.mails();
    let token = reset_token(app, &person);
    app.clock.advance(30 * MINUTE);
    assert_problem(&reset(&token), 400, "invalid_token");
}

pub(super) fn a_second_factor_is_awaited_five_minutes(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    let body = json!({ "email": person.email, "password": person.password });
    let begin = || app.post("/sign-in", body.clone()).json()["mfa_token"].clone();
    let finish = |token: &Value| {
        let code = app.code(&authenticator);
        app.post("/sign-in-mfa", json!({ "mfa_token": token, "code": code }))
    };
    let token = begin();
    app.clock.advance(5 * MINUTE - TICK);
    App::tokens(&finish(&token));
    let token = begin();
    app.clock.advance(5 * MINUTE);
    assert_problem(&finish(&token), 401, "invalid_challenge");
}

pub(super) fn an_enrolment_is_awaited_ten_minutes(app: &App) {
    let person = app.user();
    let begin = || {
        let tokens = app.sign_in(&person);
        let enrolment = app.post_as(&tokens.access, "/enable-2fa", json!({})).json();
        let secret = enrolment["secret"].as_str().expect("there is a secret").to_owned();
        (tokens, secret)
    };
    let finish = |(tokens, secret): &(crate::Tokens, String)| -> Reply {
        let code = totp_code(secret, auth_core::Clock::now(&app.clock));
        app.post_as(&tokens.access, "/confirm-2fa", json!({ "code": code }))
    };
    let late = begin();
    app.clock.advance(10 * MINUTE);
    assert_problem(&finish(&late), 409, "no_pending_enrolment");
    let early = begin();
    app.clock.advance(10 * MINUTE - TICK);
    assert_eq!(finish(&early).status, 200);
}

pub(super) fn a_sign_in_is_recent_five_minutes(app: &App) {
    let tokens = app.sign_in(&app.user());
    app.clock.advance(5 * MINUTE);
    assert_eq!(app.host("/recent", Some(&tokens.access)).status, 200);
    assert_eq!(app.post_as(&tokens.access, "/enable-2fa", json!({})).status, 200);
    app.clock.advance(TICK);
    let reply = app.host("/recent", Some(&tokens.access));
    assert_problem(&reply, 403, "reauthentication_required");
    let reply = app.post_as(&tokens.access, "/enable-2fa", json!({}));
    assert_problem(&reply, 403, "reauthentication_required");
}

pub(super) fn a_refresh_token_is_answered_again_for_ten_seconds(app: &App) {
    let first = app.sign_in(&app.user());
    let second = App::tokens(&refresh(app, &first.refresh));
    app.clock.advance(10 * SECOND - TICK);
    assert_eq!(App::tokens(&refresh(app, &first.refresh)).refresh, second.refresh);
    // Counted from the first answer: asking again does not prolong it.
    app.clock.advance(TICK);
    assert_problem(&refresh(app, &first.refresh), 401, "invalid_refresh_token");
    assert_ended(app, &second);
}

pub(super) fn without_grace_a_refresh_token_is_answered_once(app: &App) {
    let strict = app.beside(App::config().refresh_grace(Duration::ZERO), |builder| builder);
    let first = strict.sign_in(&app.user());
    let second = App::tokens(&refresh(&strict, &first.refresh));
    assert_problem(&refresh(&strict, &first.refresh), 401, "invalid_refresh_token");
    assert_ended(&strict, &second);
}

pub(super) fn each_is_configuration(app: &App) {
    let config = App::config()
        .access_token_lifetime(MINUTE)
        .session_idle(HOUR)
        .session_lifetime(2 * HOUR)
        .challenge_lifetime(2 * MINUTE)
        .recent_sign_in(MINUTE);
    let short = app.beside(config, |builder| builder);
    let tokens = short.sign_in(&app.user());
    assert_eq!(tokens.body["expires_in"], 60, "{}", tokens.body);
    assert_eq!(tokens.body["refresh_expires_in"], 3600, "{}", tokens.body);
    let claims = claims(&tokens.access);
    let lifetime = |claims: &Value| Some(claims["exp"].as_i64()? - claims["iat"].as_i64()?);
    assert_eq!(lifetime(&claims), Some(60), "{claims}");
    short.clock.advance(MINUTE + TICK);
    let reply = short.host("/recent", Some(&tokens.access));
    assert_problem(&reply, 403, "reauthentication_required");
    short.clock.advance(HOUR - MINUTE - TICK);
    assert_ended(&short, &tokens);
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The least that both databases can tell apart.
const TICK: Duration = Duration::from_micros(1);
