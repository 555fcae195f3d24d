//! Switching the second factor on and off.

use std::time::Duration;

use auth_core::MessageKind;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use crate::{App, Authenticator, Person, Tokens};

pub(super) fn an_enrolment_counts_for_nothing_until_it_is_confirmed(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let first = start(app, &tokens);
    // A sign-in takes no code, and `/me` knows nothing of it (OTP-09, OTP-15).
    let tokens = app.sign_in(&person);
    assert_eq!(tokens.body["user"]["two_factor_enabled"], false, "{}", tokens.body);
    let me = app.get("/me", Some(&tokens.access));
    assert!(!me.text().contains(&first.secret), "{}", me.text());

    let second = start(app, &tokens);
    assert_ne!(second.secret, first.secret);
    let stale = confirm(app, &tokens, &app.code(&first));
    assert_problem(&stale, 401, "invalid_code");
    let confirmed = confirm(app, &tokens, &app.code(&second));
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["two_factor_enabled"], true);
    assert_eq!(first_factor(app, &person)["status"], "mfa_required");
}

pub(super) fn wrong_codes_are_counted_before_there_is_a_factor(app: &App) {
    let tokens = app.sign_in(&app.user());
    let enrolment = start(app, &tokens);
    for _ in 0..10 {
        let reply = confirm(app, &tokens, "000000");
        assert_problem(&reply, 401, "invalid_code");
    }
    let reply = confirm(app, &tokens, &app.code(&enrolment));
    assert_problem(&reply, 429, "too_many_requests");
}

/// By another request of the same session, while this one is under way.
pub(super) fn an_enrolment_that_is_replaced_meanwhile_is_none(app: &App) {
    let tokens = app.sign_in(&app.user());
    let enrolment = start(app, &tokens);
    let another = "SELECT refresh FROM auth_sessions LIMIT 1";
    let replace = format!("UPDATE auth_totp_enrolments SET secret = ({another})");
    app.whenever("INSERT ON auth_attempts", "TRUE", &replace);
    let reply = confirm(app, &tokens, &app.code(&enrolment));
    assert_problem(&reply, 409, "no_pending_enrolment");
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["two_factor_enabled"], false);
}

pub(super) fn an_enrolment_shows_160_bits_in_three_spellings(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let reply = app.post_as(&tokens.access, "/enable-2fa", json!({}));
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(keys(&body), ["expires_in", "otpauth_url", "qr_code", "secret"], "{body}");
    let secret = body["secret"].as_str().unwrap_or_default();
    // 20 bytes are 32 letters of base32 without padding (OTP-02).
    assert_eq!(secret.len(), 32, "{body}");
    assert!(secret.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)), "{body}");
    let account = person.email.replace('@', "%40");
    let url = body["otpauth_url"].as_str().unwrap_or_default();
    assert_eq!(url, format!("otpauth://totp/Auth:{account}?secret={secret}&issuer=Auth"));
    let picture = body["qr_code"].as_str().unwrap_or_default();
    assert!(picture.starts_with("data:image/svg+xml;base64,"), "{picture}");
    assert_eq!(body["expires_in"], 600, "{body}");
    assert_ne!(start(app, &tokens).secret, secret);
}

pub(super) fn an_enrolment_belongs_to_its_session_and_ends(app: &App) {
    let person = app.user();
    let (one, other) = (app.sign_in(&person), app.sign_in(&person));
    let nothing = confirm(app, &one, "123456");
    assert_problem(&nothing, 409, "no_pending_enrolment");
    let enrolment = start(app, &one);
    let foreign = confirm(app, &other, &app.code(&enrolment));
    assert_problem(&foreign, 409, "no_pending_enrolment");

    app.clock.advance(Duration::from_secs(599));
    let wrong = confirm(app, &one, "00000");
    assert_problem(&wrong, 401, "invalid_code");
    app.clock.advance(Duration::from_secs(1));
    let late = confirm(app, &one, &app.code(&enrolment));
    assert_problem(&late, 409, "no_pending_enrolment");
}

pub(super) fn changing_the_factors_takes_a_recent_sign_in(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.clock.advance(Duration::from_secs(301));
    let stale = app.post_as(&tokens.access, "/enable-2fa", json!({}));
    assert_problem(&stale, 403, "reauthentication_required");

    // A refresh proves no factor (STP-05); both factors together do.
    let refreshed = app.post("/access", json!({ "refresh_token": tokens.refresh }));
    let refreshed = App::tokens(&refreshed);
    let stale = app.post_as(&refreshed.access, "/enable-2fa", json!({}));
    assert_problem(&stale, 403, "reauthentication_required");
    let again = json!({ "password": person.password });
    let tokens = App::tokens(&app.post_as(&refreshed.access, "/reauthenticate", again.clone()));
    let authenticator = app.enable_two_factor(&tokens);

    app.clock.advance(Duration::from_secs(301));
    let code = json!({ "code": app.code(&authenticator) });
    for path in ["/disable-2fa", "/recovery-codes"] {
        let stale = app.post_as(&tokens.access, path, code.clone());
        assert_problem(&stale, 403, "reauthentication_required");
    }
    let half = app.post_as(&tokens.access, "/reauthenticate", again);
    let problem = assert_problem(&half, 422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "#/code", "{problem}");
    let both = json!({ "password": person.password, "code": app.code(&authenticator) });
    let tokens = App::tokens(&app.post_as(&tokens.access, "/reauthenticate", both));
    app.clock.advance(Duration::from_secs(30));
    let code = json!({ "code": app.code(&authenticator) });
    assert_eq!(app.post_as(&tokens.access, "/disable-2fa", code).status, 204);
}

pub(super) fn confirming_spends_the_code_and_ends_the_other_sessions(app: &App) {
    let person = app.user();
    let (one, other) = (app.sign_in(&person), app.sign_in(&person));
    let authenticator = app.enable_two_factor(&one);
    assert_mailed(app, &person, MessageKind::TwoFactorEnabled);
    assert_ended(app, &other);
    assert_eq!(app.get("/me", Some(&one.access)).status, 200);

    let codes = &authenticator.recovery_codes;
    assert_eq!(codes.len(), 10);
    for (index, code) in codes.iter().enumerate() {
        let groups: Vec<_> = code.split('-').collect();
        assert_eq!(groups.len(), 6, "{code}");
        assert!(groups.iter().all(|group| group.len() == 4), "{code}");
        assert!(!codes[..index].contains(code), "{code} is there twice");
    }

    let challenge = first_factor(app, &person);
    let spent = json!({ "mfa_token": challenge["mfa_token"], "code": app.code(&authenticator) });
    assert_problem(&app.post("/sign-in-mfa", spent), 401, "invalid_code");
    app.clock.advance(Duration::from_secs(30));
    let next = json!({ "mfa_token": challenge["mfa_token"], "code": app.code(&authenticator) });
    let tokens = App::tokens(&app.post("/sign-in-mfa", next));
    assert_eq!(tokens.body["user"]["two_factor_enabled"], true, "{}", tokens.body);
}

pub(super) fn what_is_on_cannot_be_switched_on_nor_what_is_off_be_switched_off(app: &App) {
    let tokens = app.sign_in(&app.user());
    let code = json!({ "code": "123456" });
    for path in ["/disable-2fa", "/recovery-codes"] {
        let off = app.post_as(&tokens.access, path, code.clone());
        assert_problem(&off, 409, "two_factor_not_enabled");
    }
    app.enable_two_factor(&tokens);
    let on = app.post_as(&tokens.access, "/enable-2fa", json!({}));
    assert_problem(&on, 409, "two_factor_already_enabled");
    let on = app.post_as(&tokens.access, "/confirm-2fa", code);
    assert_problem(&on, 409, "two_factor_already_enabled");
}

pub(super) fn disabling_takes_a_code_and_ends_the_other_sessions(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    app.clock.advance(Duration::from_secs(30));
    let other = app.sign_in_twice(&person, &authenticator);
    app.mails();

    // The step of that sign-in is spent here too.
    for code in [app.code(&authenticator), "00000".to_owned()] {
        let reply = app.post_as(&tokens.access, "/disable-2fa", json!({ "code": code }));
        assert_problem(&reply, 401, "invalid_code");
    }
    app.clock.advance(Duration::from_secs(30));
    let code = json!({ "code": app.code(&authenticator) });
    let reply = app.post_as(&tokens.access, "/disable-2fa", code);
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_mailed(app, &person, MessageKind::TwoFactorDisabled);
    assert_ended(app, &other);
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["two_factor_enabled"], false);
    assert_eq!(first_factor(app, &person)["status"], "signed_in");
}

pub(super) fn a_recovery_code_disables_and_a_new_enrolment_owes_nothing_to_the_old(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let old = app.enable_two_factor(&tokens);
    let code = json!({ "code": old.recovery_codes[0] });
    assert_eq!(app.post_as(&tokens.access, "/disable-2fa", code).status, 204);

    app.clock.advance(Duration::from_secs(30));
    let new = app.enable_two_factor(&tokens);
    app.clock.advance(Duration::from_secs(30));
    let challenge = first_factor(app, &person);
    for code in [app.code(&old), old.recovery_codes[1].clone()] {
        let stale = json!({ "mfa_token": challenge["mfa_token"], "code": code });
        assert_problem(&app.post("/sign-in-mfa", stale), 401, "invalid_code");
    }
    let code = json!({ "mfa_token": challenge["mfa_token"], "code": app.code(&new) });
    assert_eq!(app.post("/sign-in-mfa", code).status, 200);
}

#[track_caller]
fn start(app: &App, tokens: &Tokens) -> Authenticator {
    let reply = app.post_as(&tokens.access, "/enable-2fa", json!({}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let secret = reply.json()["secret"].as_str().unwrap_or_default().to_owned();
    Authenticator { secret, recovery_codes: Vec::new() }
}

#[track_caller]
fn confirm(app: &App, tokens: &Tokens, code: &str) -> crate::Reply {
    app.post_as(&tokens.access, "/confirm-2fa", json!({ "code": code }))
}

#[track_caller]
fn first_factor(app: &App, person: &Person) -> Value {
    let body = json!({ "email": person.email, "password": person.password });
    app.post("/sign-in", body).json()
}

#[track_caller]
fn assert_ended(app: &App, tokens: &Tokens) {
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    assert_problem(&app.host("/identity", Some(&tokens.access)), 401, "unauthenticated");
    let refresh = app.post("/access", json!({ "refresh_token": tokens.refresh }));
    assert_problem(&refresh, 401, "invalid_refresh_token");
}

#[track_caller]
fn assert_mailed(app: &App, person: &Person, kind: MessageKind) {
    let mails: Vec<_> = app.mails().iter().map(|mail| (mail.to.clone(), mail.kind)).collect();
    assert_eq!(mails, [(person.email.clone(), kind)]);
}

fn keys(body: &Value) -> Vec<&str> {
    let mut keys: Vec<_> =
        body.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}
