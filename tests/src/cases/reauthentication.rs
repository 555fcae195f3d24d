use std::time::Duration;

use auth_core::{AccessToken, ChangePassword, Code, Error};
use serde_json::json;

use super::assertions::assert_problem;
use super::probes::{assert_ended, assert_live, assert_refused, claims, refresh};
use crate::adapters::block_on;
use crate::{App, Person, Reply, Tokens};

pub(super) fn what_is_dangerous_needs_a_recent_sign_in(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.clock.advance(LATER);
    for (path, body) in [
        ("/enable-2fa", json!({})),
        ("/disable-2fa", json!({ "code": "123456" })),
        ("/recovery-codes", json!({ "code": "123456" })),
        ("/sessions/revoke", json!({ "others": true })),
        ("/change-password", json!({ "current_password": "x", "new_password": "x" })),
        ("/change-email", json!({ "new_email": "x" })),
    ] {
        let reply = app.post_as(&tokens.access, path, body);
        assert_problem(&reply, 403, "reauthentication_required");
        // Nor is looked at what it says.
        let bearer = format!("Bearer {}", tokens.access);
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        assert_problem(&app.raw("POST", path, &headers, b"{"), 403, "reauthentication_required");
    }
}

pub(super) fn the_core_asks_for_it_too(app: &App) {
    let tokens = app.sign_in(&app.user());
    app.clock.advance(LATER);
    let (auth, access) = (&app.auth, AccessToken::from(&*tokens.access));
    let refusals = block_on(async {
        let session = auth.session(&access).await.expect("it is live");
        let code = Code::from("123456");
        let change = ChangePassword { current_password: "x".into(), new_password: "y".into() };
        [
            auth.change_email(&session, "x").await.err(),
            auth.delete_user(&session).await.err(),
            auth.disable_two_factor(&session, &code).await.err(),
            auth.replace_recovery_codes(&session, &code).await.err(),
            auth.revoke_other_sessions(&session).await.err(),
            auth.revoke_session(&session, session.id()).await.err(),
            auth.start_enrolment(&session).await.err(),
            auth.change_password(session, change).await.err(),
        ]
    });
    for refusal in &refusals {
        assert!(matches!(refusal, Some(Error::ReauthenticationRequired)), "{refusals:?}");
    }
}

pub(super) fn it_makes_the_sign_in_recent(app: &App) {
    let person = app.user();
    let before = app.sign_in(&person);
    app.clock.advance(LATER);
    assert!(!is_recent(app, &before));
    let after = App::tokens(&again(app, &before, &person));
    assert!(is_recent(app, &after));
    assert!(!is_recent(app, &before), "who has stolen a token has proven nothing");
    let (old, new) = (claims(&before.access), claims(&after.access));
    assert_eq!(old["sid"], new["sid"]);
    assert_ne!(old["jti"], new["jti"]);
    assert_eq!(new["auth_time"], new["iat"]);
}

pub(super) fn the_refresh_tokens_from_before_are_worth_nothing(app: &App) {
    let person = app.user();
    let before = app.sign_in(&person);
    let after = App::tokens(&again(app, &before, &person));
    assert_problem(&refresh(app, &before.refresh), 401, "invalid_refresh_token");
    assert_live(app, &after);
    App::tokens(&refresh(app, &after.refresh));
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn a_wrong_password_changes_nothing(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.clock.advance(LATER);
    let wrong = Person { password: "not the password at all".to_owned(), ..person };
    assert_problem(&again(app, &tokens, &wrong), 401, "invalid_credentials");
    let empty = app.post_as(&tokens.access, "/reauthenticate", json!({}));
    assert_refused(&empty, "#/password", "required");
    assert!(!is_recent(app, &tokens));
    App::tokens(&refresh(app, &tokens.refresh));
}

pub(super) fn it_takes_both_factors(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.clock.advance(Duration::from_secs(60));
    let tokens = app.sign_in_twice(&person, &authenticator);
    app.clock.advance(LATER);

    assert_refused(&again(app, &tokens, &person), "#/code", "required");
    let with = |code: &str| {
        let body = json!({ "password": person.password, "code": code });
        app.post_as(&tokens.access, "/reauthenticate", body)
    };
    assert_problem(&with("000000x"), 401, "invalid_code");
    assert!(!is_recent(app, &tokens));
    let code = app.code(&authenticator);
    let fresh = App::tokens(&with(&code));
    assert!(is_recent(app, &fresh));
    assert_eq!(claims(&fresh.access)["amr"], json!(["pwd", "otp", "mfa"]));
    assert_problem(&with(&code), 401, "invalid_code");
}

pub(super) fn it_counts_for_one_session_alone(app: &App) {
    let person = app.user();
    let (own, other) = (app.sign_in(&person), app.sign_in(&person));
    app.clock.advance(LATER);
    let own = App::tokens(&again(app, &own, &person));
    assert!(is_recent(app, &own));
    assert!(!is_recent(app, &other));
}

pub(super) fn refreshing_does_not_count(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.clock.advance(LATER);
    let tokens = App::tokens(&refresh(app, &tokens.refresh));
    assert!(!is_recent(app, &tokens));
}

pub(super) fn an_ended_session_is_not_revived(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    assert_eq!(app.post_as(&tokens.access, "/sign-out", json!({})).status, 204);
    assert_problem(&again(app, &tokens, &person), 401, "unauthenticated");
    assert_ended(app, &tokens);
    let reply = app.post("/reauthenticate", json!({ "password": person.password }));
    assert_problem(&reply, 401, "unauthenticated");
}

fn again(app: &App, tokens: &Tokens, person: &Person) -> Reply {
    app.post_as(&tokens.access, "/reauthenticate", json!({ "password": person.password }))
}

/// Asks one of the host's own routes, which takes a recent sign-in.
#[track_caller]
fn is_recent(app: &App, tokens: &Tokens) -> bool {
    let reply = app.host("/recent", Some(&tokens.access));
    if reply.status == 200 {
        return true;
    }
    assert_problem(&reply, 403, "reauthentication_required");
    false
}

const LATER: Duration = Duration::from_secs(5 * 60 + 1);
