//! A clock that is set forward or back by five minutes, as one is that was wrong.

use std::thread;
use std::time::{Duration, Instant};

use auth_core::{Clock, ManualClock};
use serde_json::json;

use super::assertions::assert_problem;
use super::probes::{assert_ended, assert_live, refresh, reset_token, try_sign_in};
use crate::adapters::block_on;
use crate::{App, Tokens, totp_code};

pub(super) fn who_is_signed_in_goes_on(app: &App) {
    let person = app.user();
    let before = app.sign_in(&person);
    app.clock.advance(STEP);
    assert_live(app, &before);
    let ahead = App::tokens(&refresh(app, &before.refresh));

    back(app);
    // Its time has not come yet; the one before it is as good as it was.
    assert_problem(&app.get("/me", Some(&ahead.access)), 401, "unauthenticated");
    assert_live(app, &before);
    let now = App::tokens(&refresh(app, &ahead.refresh));
    assert_live(app, &now);
    assert_live(app, &app.sign_in(&person));
    let reset = reset_token(app, &person);
    assert!(!reset.is_empty());
}

pub(super) fn what_has_ended_stays_ended(app: &App) {
    let [first, second] = [(); 2].map(|()| app.sign_in(&app.user()));
    end(app, &first);
    app.clock.advance(STEP);
    assert_ended(app, &first);
    end(app, &second);
    app.clock.advance(STEP);
    block_on(app.auth.purge()).expect("what is over can be deleted");
    back(app);
    back(app);
    for ended in [&first, &second] {
        assert_ended(app, ended);
    }
}

/// RFC 6238: the code of the step that is, and each once.
pub(super) fn a_code_is_of_the_time_that_it_is(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    let right = app.clock.now();
    let second = |code: &str| {
        let first = try_sign_in(app, &person.email, &person.password).json();
        app.post("/sign-in-mfa", json!({ "mfa_token": first["mfa_token"], "code": code }))
    };
    app.clock.advance(STEP);
    let late = second(&totp_code(&authenticator.secret, right.plus(Duration::from_secs(60))));
    assert_problem(&late, 401, "invalid_code");
    App::tokens(&second(&app.code(&authenticator)));

    back(app);
    // An earlier code than the last one might have been seen; a recovery code helps until then.
    assert_problem(&second(&app.code(&authenticator)), 401, "invalid_code");
    App::tokens(&second(&authenticator.recovery_codes[0]));
    app.clock.advance(STEP + Duration::from_secs(30));
    App::tokens(&second(&app.code(&authenticator)));
}

pub(super) fn mails_and_limits_wait_no_longer_than_the_step(app: &App) {
    let person = app.user();
    app.clock.advance(STEP);
    for _ in 0..6 {
        try_sign_in(app, &person.email, "wrong");
    }
    app.post("/request-password-reset", json!({ "email": person.email }));

    back(app);
    assert_problem(&try_sign_in(app, &person.email, "wrong"), 429, "too_many_requests");
    app.clock.advance(STEP + Duration::from_secs(60));
    assert!(!app.mails().is_empty());
    app.sign_in(&person);
}

pub(super) fn an_instance_that_is_ahead_hears_of_revocations(apps: &[App]) {
    let app = &apps[0];
    let ahead = ManualClock::at(app.clock.now().plus(STEP));
    let other = app.beside(App::config(), |builder| builder.clock(ahead));
    let background = block_on(async { other.auth.start() });
    let person = app.user();
    // One after the other, so that the feed has read of others by then.
    for _ in 0..2 {
        let tokens = app.sign_in(&person);
        assert_eq!(other.host("/identity", Some(&tokens.access)).status, 200);
        app.execute("UPDATE auth_sessions SET revoked_at = created_at");
        let begun = Instant::now();
        while other.host("/identity", Some(&tokens.access)).status != 401 {
            assert!(begun.elapsed() < Duration::from_secs(10), "it is not told");
            thread::sleep(Duration::from_millis(20));
        }
    }
    block_on(background.stop());
}

fn back(app: &App) {
    app.clock.set(app.clock.now().minus(STEP));
}

fn end(app: &App, tokens: &Tokens) {
    let reply = app.post("/sign-out", json!({ "refresh_token": tokens.refresh }));
    assert_eq!(reply.status, 204, "{}", reply.text());
}

const STEP: Duration = Duration::from_secs(5 * 60);
