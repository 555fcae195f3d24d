//! What once let somebody in, or kept somebody out.

use std::time::Duration;

use auth_core::{AccessToken, Code, Error, Language, Reauthenticate};
use serde_json::json;

use super::assertions::assert_problem;
use crate::adapters::block_on;
use crate::{App, Person, Request, totp_code};

pub(super) fn a_flood_of_requests_keeps_no_password_of_the_flooder(app: &App) {
    let victim = app.stranger();
    let flooder = Person { password: "the flooder chose this".to_owned(), ..victim.clone() };
    app.sign_up(&flooder);
    for _ in 0..30 {
        app.clock.advance(Duration::from_secs(1));
        app.post("/send-activation-email", json!({ "email": victim.email }));
    }
    app.sign_up(&victim);
    let mails = app.mails();
    let token = App::token_of(mails.last().expect("mails came within the limit"));
    let reply = app.post("/activate-account", json!({ "token": token }));
    let problem = assert_problem(&reply, 422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "#/password");
    let own = json!({ "token": token, "password": victim.password });
    assert_eq!(app.post("/activate-account", own).status, 200);
    let theirs = json!({ "email": flooder.email, "password": flooder.password });
    assert_problem(&app.post("/sign-in", theirs), 401, "invalid_credentials");
    app.sign_in(&victim);
}

pub(super) fn mails_of_one_purpose_use_up_no_other(app: &App) {
    let user = app.user();
    for _ in 0..30 {
        app.post("/send-activation-email", json!({ "email": user.email }));
    }
    app.post("/request-password-reset", json!({ "email": user.email }));
    app.mailed_token(&user.email);
}

pub(super) fn a_session_that_has_ended_changes_no_factor(app: &App) {
    let user = app.user();
    let thief = app.sign_in(&user);
    let enrolment = app.post_as(&thief.access, "/enable-2fa", json!({})).json();
    // The thief's request is under way: its session was found live, and then the owner resets.
    let session = block_on(app.auth.session(&AccessToken::from(thief.access.as_str())))
        .expect("the session is live");
    app.post("/request-password-reset", json!({ "email": user.email }));
    let token = app.mailed_token(&user.email);
    let reset = json!({ "token": token, "password": "the owner is back again" });
    assert_eq!(app.post("/reset-password", reset).status, 200);

    let secret = enrolment["secret"].as_str().expect("an enrolment has a secret");
    let code = Code::from(totp_code(secret, auth_core::Clock::now(&app.clock)).as_str());
    let result = block_on(app.auth.confirm_enrolment(&session, &code));
    assert!(matches!(result, Err(Error::Unauthenticated)), "{result:?}");
    let result = block_on(app.auth.revoke_other_sessions(&session));
    assert!(matches!(result, Err(Error::Unauthenticated)), "{result:?}");
    let owner = Person { password: "the owner is back again".to_owned(), ..user };
    app.sign_in(&owner);
}

/// What a request found live may have ended while it is under way.
pub(super) fn a_session_that_has_ended_changes_nothing(app: &App) {
    let user = app.user();
    let (tokens, other) = (app.sign_in(&user), app.sign_in(&user));
    let session = || {
        let token = AccessToken::from(tokens.access.as_str());
        block_on(app.auth.session(&token)).expect("the session is live")
    };
    let (held, again) = (session(), session());
    let sessions = block_on(app.auth.sessions(&held)).expect("they are listed");
    let of_other = sessions.iter().find(|one| one.id != held.id()).expect("there are two").id;
    assert_eq!(app.post_as(&tokens.access, "/sign-out", json!({})).status, 204);
    app.mails();
    let german = Language::parse("de").expect("it is a language");
    let proof = Reauthenticate { password: user.password.as_str().into(), code: None };
    let tried = [
        block_on(app.auth.change_language(&held, german)),
        block_on(app.auth.start_enrolment(&held)).map(drop),
        block_on(app.auth.revoke_session(&held, of_other)),
        block_on(app.auth.change_email(&held, &app.stranger().email)),
        block_on(app.auth.reauthenticate(again, proof)).map(drop),
    ];
    for (number, result) in tried.iter().enumerate() {
        assert!(matches!(result, Err(Error::Unauthenticated)), "{number}: {result:?}");
    }
    assert!(app.mails().is_empty());
    assert_eq!(app.get("/me", Some(&other.access)).status, 200);
}

/// What one factor proves does not make a session recent once there are two.
pub(super) fn one_factor_renews_no_session_that_has_two(app: &App) {
    let user = app.user();
    let tokens = app.sign_in(&user);
    let token = AccessToken::from(tokens.access.as_str());
    let held = block_on(app.auth.session(&token)).expect("the session is live");
    app.enable_two_factor(&tokens);
    let proof = Reauthenticate { password: user.password.as_str().into(), code: None };
    let result = block_on(app.auth.reauthenticate(held, proof));
    assert!(matches!(result, Err(Error::InvalidCredentials)), "{result:?}");
}

pub(super) fn a_token_from_before_is_not_recent_after_a_reauthentication(app: &App) {
    let user = app.user();
    let stolen = app.sign_in(&user);
    app.clock.advance(Duration::from_secs(6 * 60));
    let body = json!({ "password": user.password });
    let owner = App::tokens(&app.post_as(&stolen.access, "/reauthenticate", body));
    let reply = app.post_as(&stolen.access, "/enable-2fa", json!({}));
    assert_problem(&reply, 403, "reauthentication_required");
    assert_eq!(app.post_as(&owner.access, "/enable-2fa", json!({})).status, 200);
}

pub(super) fn an_access_token_ends_with_an_idle_session(app: &App) {
    let idle = Duration::from_secs(60);
    let app = app.beside(App::config().session_idle(idle), |builder| builder);
    let user = app.user();
    let tokens = app.sign_in(&user);
    assert_eq!(tokens.body["expires_in"], 60);
    app.clock.advance(idle + Duration::from_secs(6));
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
}

pub(super) fn a_broken_refresh_token_keeps_no_session_from_signing_out(app: &App) {
    let user = app.user();
    for broken in ["", "rt_x"] {
        let tokens = app.sign_in(&user);
        let body = json!({ "refresh_token": broken });
        assert_eq!(app.post_as(&tokens.access, "/sign-out", body).status, 204);
        assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    }
}

pub(super) fn without_grace_a_clock_that_is_behind_grants_none(app: &App) {
    let app = app.beside(App::config().refresh_grace(Duration::ZERO), |builder| builder);
    let user = app.user();
    let tokens = app.sign_in(&user);
    let body = json!({ "refresh_token": tokens.refresh });
    app.clock.advance(Duration::from_secs(60));
    App::tokens(&app.post("/access", body.clone()));
    app.clock.set(auth_core::Clock::now(&app.clock).minus(Duration::from_secs(30)));
    assert_problem(&app.post("/access", body), 401, "invalid_refresh_token");
}

pub(super) fn a_username_is_held_as_long_as_the_newest_link(app: &App) {
    let (first, second) = (app.stranger(), app.stranger());
    let sign_up = |person: &Person| {
        let body = json!({ "email": person.email, "password": person.password, "username": "Ada" });
        app.post("/sign-up", body)
    };
    assert_eq!(sign_up(&first).status, 202);
    app.mails();
    app.clock.advance(Duration::from_secs(23 * 60 * 60));
    app.post("/send-activation-email", json!({ "email": first.email }));
    app.clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_problem(&sign_up(&second), 409, "username_taken");
    let token = app.mailed_token(&first.email);
    assert_eq!(app.post("/activate-account", json!({ "token": token })).status, 200);
    let body = json!({ "username": "ada", "password": first.password });
    assert_eq!(App::tokens(&app.post("/sign-in", body)).body["user"]["username"], "Ada");
}

pub(super) fn a_name_that_lapsed_goes_to_whoever_asks_next(app: &App) {
    let (first, second) = (app.stranger(), app.stranger());
    let body = |person: &Person| json!({ "email": person.email, "password": person.password, "username": "ada" });
    assert_eq!(app.post("/sign-up", body(&first)).status, 202);
    app.mails();
    app.clock.advance(Duration::from_secs(25 * 60 * 60));
    let replies = app
        .race(8, |n| Request::post("/sign-up", &body(if n % 2 == 0 { &first } else { &second })));
    assert!(replies.iter().all(|reply| matches!(reply.status, 202 | 409)), "{replies:?}");
    assert!(replies.iter().any(|reply| reply.status == 202), "{replies:?}");
    let owners = app.texts("SELECT email FROM auth_users WHERE username_canonical = 'ada'");
    assert_eq!(owners.len(), 1, "{owners:?}");
}

pub(super) fn the_development_mailbox_is_shown_to_its_own_machine_only(app: &App) {
    app.user();
    let request = |host: &str| {
        let text =
            format!("GET /dev/mailbox.json HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        app.bytes(text.as_bytes()).status
    };
    assert_eq!(request("localhost:8000"), 200);
    assert_eq!(request("mailbox.evil.example"), 404);
}

pub(super) fn a_key_that_is_retired_needs_no_secret(app: &App) {
    let user = app.user();
    app.clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
    let tokens = app.sign_in(&user);
    app.clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(
        app.execute("UPDATE auth_signing_keys SET seed = public_key WHERE generation = 1"),
        1
    );
    let body = json!({ "refresh_token": tokens.refresh });
    App::tokens(&app.beside(App::config(), |builder| builder).post("/access", body));
}

pub(super) fn a_newer_schema_stops_no_running_instance(app: &App) {
    let user = app.user();
    let tokens = app.sign_in(&user);
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    app.execute("ALTER TABLE auth_users ADD COLUMN later TEXT");
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    app.sign_in(&user);
}
