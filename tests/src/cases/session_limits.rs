//! How many sessions a user has, and how long those last that are not to be remembered.

use std::time::Duration;

use serde_json::json;

use super::assertions::assert_problem;
use super::counting::{assert_only, rows};
use super::probes::{assert_ended, assert_live, claims, refresh};
use crate::{App, Request};

pub(super) fn one_more_than_enough_ends_the_oldest(apps: &[App]) {
    let app = apps[0].beside(App::config().sessions_per_user(2_u32), |builder| builder);
    let (person, other) = (app.user(), app.user());
    let bystander = app.sign_in(&other);
    let sessions: Vec<_> = (0..3)
        .map(|_| {
            app.clock.advance(Duration::from_secs(1));
            app.sign_in(&person)
        })
        .collect();
    assert_ended(&app, &sessions[0]);
    for tokens in [&sessions[1], &sessions[2], &bystander] {
        assert_live(&app, tokens);
    }
}

pub(super) fn of_many_that_begin_at_once_no_more_than_enough_stay(apps: &[App]) {
    let app = apps[0].beside(App::config().sessions_per_user(5_u32), |builder| builder);
    let person = app.user();
    let oldest = app.sign_in(&person);
    app.clock.advance(Duration::from_secs(1));
    let body = json!({ "email": person.email, "password": person.password });
    // What does not fit into the queue for hashing is turned away, and comes again.
    let mut signed_in = Vec::new();
    while signed_in.len() < 20 {
        let replies = app.race(20 - signed_in.len(), |_| Request::post("/sign-in", &body));
        assert_only(&replies, &["200", "503 unavailable"]);
        let replies = replies.iter().filter(|reply| reply.status == 200);
        signed_in.extend(replies.map(App::tokens));
    }
    assert_eq!(rows(&app, "auth_sessions WHERE revoked_at IS NULL"), 5);
    assert_ended(&app, &oldest);
    let live = signed_in.iter().filter(|it| app.get("/me", Some(&it.access)).status == 200);
    assert_eq!(live.count(), 5);
}

pub(super) fn who_is_not_remembered_signs_in_again_the_next_day(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let sign_in = |remember: bool| {
        let body = json!({
            "email": person.email, "password": person.password, "remember": remember
        });
        App::tokens(&app.post("/sign-in", body))
    };
    let (mut short, mut long) = (sign_in(false), sign_in(true));
    let twice = {
        let second = app.user();
        let authenticator = app.enable_two_factor(&app.sign_in(&second));
        let body = json!({
            "email": second.email, "password": second.password, "remember": false
        });
        let challenge = app.post("/sign-in", body).json()["mfa_token"].clone();
        let code = json!({
            "mfa_token": challenge, "code": authenticator.recovery_codes[0]
        });
        App::tokens(&app.post("/sign-in-mfa", code))
    };
    assert_eq!(short.body["refresh_expires_in"], 12 * 60 * 60);
    assert_eq!(twice.body["refresh_expires_in"], 12 * 60 * 60);
    for _ in 0..11 {
        app.clock.advance(HOUR);
        short = App::tokens(&refresh(app, &short.refresh));
        long = App::tokens(&refresh(app, &long.refresh));
    }
    app.clock.advance(HOUR - Duration::from_secs(60));
    short = App::tokens(&refresh(app, &short.refresh));
    let token = claims(&short.access);
    let lifetime = token["exp"].as_i64().zip(token["iat"].as_i64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime, Some(60), "an access token ends with its session: {token}");
    app.clock.advance(Duration::from_secs(60));
    assert_problem(&refresh(app, &short.refresh), 401, "invalid_refresh_token");
    assert_problem(&refresh(app, &twice.refresh), 401, "invalid_refresh_token");
    App::tokens(&refresh(app, &long.refresh));
}

const HOUR: Duration = Duration::from_secs(60 * 60);
