//! Signing in with the second factor, and what replaces it.

use std::time::Duration;

use auth_core::{Clock, MessageKind, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use crate::{App, Authenticator, Person, Reply, Tokens, totp_code};

pub(super) fn before_the_second_factor_there_is_a_challenge_and_nothing_else(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let challenge = first_factor(app, &person);
    assert_eq!(
        challenge,
        json!({
            "status": "mfa_required",
            "mfa_token": challenge["mfa_token"],
            "expires_in": 300,
            "methods": ["totp", "recovery_code"],
        })
    );
    let token = challenge["mfa_token"].as_str().unwrap_or_default();
    assert_eq!(token.len(), 43, "{challenge}");
    assert_problem(&app.get("/me", Some(token)), 401, "unauthenticated");
    let refresh = app.post("/access", json!({ "refresh_token": token }));
    assert_problem(&refresh, 401, "invalid_refresh_token");
    let activate = app.post("/activate-account", json!({ "token": token }));
    assert_problem(&activate, 400, "invalid_token");

    let tokens = App::tokens(&answer(app, &challenge, &app.code(&authenticator)));
    assert_eq!(claim(&tokens, "amr"), json!(["pwd", "otp", "mfa"]));
    assert_eq!(claim(&tokens, "auth_time"), app.clock.now().secs());
    assert_problem(&answer(app, &challenge, &app.code(&authenticator)), 401, "invalid_challenge");
}

pub(super) fn a_code_is_good_in_its_step_and_the_next(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    app.clock.advance(Duration::from_secs(300));
    let challenge = first_factor(app, &person);
    for steps in [-2, 1] {
        let code = code_at(app, &authenticator, steps);
        assert_problem(&answer(app, &challenge, &code), 401, "invalid_code");
    }
    assert_eq!(answer(app, &challenge, &code_at(app, &authenticator, -1)).status, 200);
}

pub(super) fn a_code_is_good_once_and_never_an_earlier_one(app: &App) {
    let (person, tokens, authenticator) = enrolled(app);
    app.clock.advance(Duration::from_secs(60));
    let (spent, earlier) = (app.code(&authenticator), code_at(app, &authenticator, -1));
    assert_eq!(answer(app, &first_factor(app, &person), &spent).status, 200);

    // Wherever it is presented (OTP-04).
    let challenge = first_factor(app, &person);
    for code in [&spent, &earlier] {
        assert_problem(&answer(app, &challenge, code), 401, "invalid_code");
        for path in ["/disable-2fa", "/recovery-codes"] {
            let reply = app.post_as(&tokens.access, path, json!({ "code": code }));
            assert_problem(&reply, 401, "invalid_code");
        }
    }
    let again = json!({ "password": person.password, "code": spent });
    let reply = app.post_as(&tokens.access, "/reauthenticate", again);
    assert_problem(&reply, 401, "invalid_code");
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(answer(app, &challenge, &app.code(&authenticator)).status, 200);
}

pub(super) fn a_code_has_one_meaning_however_it_is_spelt(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let code = app.code(&authenticator);
    let arabic: String = code.chars().map(|digit| shifted(digit, '\u{660}')).collect();
    let wide: String = code.chars().map(|digit| shifted(digit, '\u{ff10}')).collect();
    let challenge = first_factor(app, &person);
    for wrong in [&arabic, &wide, &format!("+{code}"), &format!("{code}0"), &format!("{code}\n")] {
        assert_problem(&answer(app, &challenge, wrong), 401, "invalid_code");
    }
    // Its tries are spent on what is no code, too.
    assert_problem(&answer(app, &challenge, &code), 401, "invalid_challenge");

    let challenge = first_factor(app, &person);
    let grouped = format!(" {} {}-", &code[..3], &code[3..]);
    assert_eq!(answer(app, &challenge, &grouped).status, 200);
    assert_problem(&answer(app, &first_factor(app, &person), &code), 401, "invalid_code");
}

pub(super) fn a_challenge_has_five_tries(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let challenge = first_factor(app, &person);
    for _ in 0..4 {
        assert_problem(&answer(app, &challenge, &wrong(app, &authenticator)), 401, "invalid_code");
    }
    assert_eq!(answer(app, &challenge, &app.code(&authenticator)).status, 200, "the fifth try");

    app.clock.advance(Duration::from_secs(30));
    let challenge = first_factor(app, &person);
    for _ in 0..5 {
        assert_problem(&answer(app, &challenge, &wrong(app, &authenticator)), 401, "invalid_code");
    }
    let sixth = answer(app, &challenge, &app.code(&authenticator));
    assert_problem(&sixth, 401, "invalid_challenge");
}

/// Somebody has the password (ASVS 6.3.5).
pub(super) fn a_wrong_code_is_told_once_a_day(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    app.mails();
    for (told, later) in [(1, 0), (0, 60), (0, 23 * 60 * 60), (1, 60 * 60)] {
        app.clock.advance(Duration::from_secs(later));
        let challenge = first_factor(app, &person);
        assert_problem(&answer(app, &challenge, &wrong(app, &authenticator)), 401, "invalid_code");
        let mails = app.mails();
        assert_eq!(mails.len(), told, "{later} s later");
        let expected = (MessageKind::SuspiciousSignIn, &person.email);
        assert!(mails.iter().all(|mail| (mail.kind, &mail.to) == expected));
    }
}

pub(super) fn wrong_codes_are_counted_over_everything_that_takes_one(app: &App) {
    let (person, tokens, authenticator) = enrolled(app);
    let wrong = wrong(app, &authenticator);
    // A new challenge, and the right password for it, buy no further tries (OTP-06).
    for _ in 0..2 {
        let challenge = first_factor(app, &person);
        for _ in 0..3 {
            assert_problem(&answer(app, &challenge, &wrong), 401, "invalid_code");
        }
    }
    let recovery = "0000-0000-0000-0000-0000-0000";
    let challenge = first_factor(app, &person);
    assert_problem(&answer(app, &challenge, recovery), 401, "invalid_code");
    for path in ["/disable-2fa", "/recovery-codes"] {
        let reply = app.post_as(&tokens.access, path, json!({ "code": wrong }));
        assert_problem(&reply, 401, "invalid_code");
    }
    let again = json!({ "password": person.password, "code": wrong });
    let reply = app.post_as(&tokens.access, "/reauthenticate", again);
    assert_problem(&reply, 401, "invalid_code");

    for code in [&app.code(&authenticator), &authenticator.recovery_codes[0]] {
        let reply = answer(app, &challenge, code);
        let problem = assert_problem(&reply, 429, "too_many_requests");
        assert_eq!(problem["retry_after"], 900, "{problem}");
        assert_eq!(reply.header("retry-after"), "900");
        let reply = app.post_as(&tokens.access, "/disable-2fa", json!({ "code": code }));
        assert_problem(&reply, 429, "too_many_requests");
    }
    app.clock.advance(Duration::from_secs(900));
    assert_eq!(answer(app, &first_factor(app, &person), &app.code(&authenticator)).status, 200);
}

pub(super) fn a_right_code_clears_the_count(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    for _ in 0..3 {
        let challenge = first_factor(app, &person);
        for _ in 0..4 {
            let reply = answer(app, &challenge, &wrong(app, &authenticator));
            assert_problem(&reply, 401, "invalid_code");
        }
        assert_eq!(answer(app, &challenge, &app.code(&authenticator)).status, 200);
        app.clock.advance(Duration::from_secs(30));
    }
}

pub(super) fn a_challenge_lives_for_five_minutes(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let (one, other) = (first_factor(app, &person), first_factor(app, &person));
    app.clock.advance(Duration::from_secs(299));
    assert_eq!(answer(app, &one, &app.code(&authenticator)).status, 200);
    app.clock.advance(Duration::from_secs(1));
    let late = answer(app, &other, &authenticator.recovery_codes[0]);
    assert_problem(&late, 401, "invalid_challenge");
    let unknown = json!({ "mfa_token": "A".repeat(43) });
    assert_problem(&answer(app, &unknown, "123456"), 401, "invalid_challenge");
}

pub(super) fn a_challenge_dies_with_what_it_was_issued_for(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let reset = first_factor(app, &person);
    app.mails();
    app.post("/request-password-reset", json!({ "email": person.email }));
    let body = json!({ "token": app.mailed_token(&person.email), "password": OTHER_PASSWORD });
    assert_eq!(app.post("/reset-password", body).status, 200);
    assert_problem(&answer(app, &reset, &app.code(&authenticator)), 401, "invalid_challenge");

    let person = Person { password: OTHER_PASSWORD.to_owned(), ..person };
    let disabled = first_factor(app, &person);
    app.clock.advance(Duration::from_secs(30));
    app.execute("UPDATE auth_users SET disabled_at = created_at");
    assert_problem(&answer(app, &disabled, &app.code(&authenticator)), 401, "invalid_challenge");
}

pub(super) fn a_recovery_code_signs_in_once(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let [code, other, ..] = authenticator.recovery_codes.as_slice() else { panic!("too few") };
    let spelt = code.to_uppercase().replace('-', " ");
    let tokens = App::tokens(&answer(app, &first_factor(app, &person), &spelt));
    assert_eq!(claim(&tokens, "amr"), json!(["pwd", "mfa"]));

    let challenge = first_factor(app, &person);
    assert_problem(&answer(app, &challenge, code), 401, "invalid_code");
    assert_eq!(answer(app, &challenge, other).status, 200);
    // An authenticator that was found again goes on to work.
    assert_eq!(answer(app, &first_factor(app, &person), &app.code(&authenticator)).status, 200);
}

pub(super) fn a_code_belongs_to_its_user(app: &App) {
    let (person, ..) = enrolled(app);
    let (other, _, theirs) = enrolled(app);
    let challenge = first_factor(app, &person);
    for code in [&theirs.recovery_codes[0], &app.code(&theirs)] {
        assert_problem(&answer(app, &challenge, code), 401, "invalid_code");
    }
    let own = first_factor(app, &other);
    assert_eq!(answer(app, &own, &theirs.recovery_codes[0]).status, 200, "it was not consumed");
    assert_eq!(answer(app, &first_factor(app, &other), &app.code(&theirs)).status, 200);
}

pub(super) fn new_recovery_codes_replace_the_old(app: &App) {
    let (person, tokens, authenticator) = enrolled(app);
    app.mails();
    let body = json!({ "code": app.code(&authenticator) });
    let reply = app.post_as(&tokens.access, "/recovery-codes", body);
    let codes = reply.json()["recovery_codes"].clone();
    assert_eq!((reply.status, codes.as_array().map(Vec::len)), (200, Some(10)), "{codes}");
    let mails: Vec<_> = app.mails().iter().map(|mail| (mail.to.clone(), mail.kind)).collect();
    assert_eq!(mails, [(person.email.clone(), MessageKind::RecoveryCodesReplaced)]);

    let challenge = first_factor(app, &person);
    let old = &authenticator.recovery_codes[9];
    assert_problem(&answer(app, &challenge, old), 401, "invalid_code");
    let new = codes[9].as_str().unwrap_or_default();
    assert_eq!(answer(app, &challenge, new).status, 200);
}

pub(super) fn a_refresh_keeps_what_was_proven(app: &App) {
    let (person, _, authenticator) = enrolled(app);
    let tokens = app.sign_in_twice(&person, &authenticator);
    app.clock.advance(Duration::from_secs(60));
    let body = json!({ "refresh_token": tokens.refresh });
    let refreshed = App::tokens(&app.post("/access", body));
    for name in ["amr", "auth_time", "sid", "sub"] {
        assert_eq!(claim(&refreshed, name), claim(&tokens, name), "{name}");
    }
    for name in ["jti", "iat", "exp"] {
        assert_ne!(claim(&refreshed, name), claim(&tokens, name), "{name}");
    }
}

/// Somebody whose authenticator has a fresh code to show, and the session that enrolled it.
#[track_caller]
fn enrolled(app: &App) -> (Person, Tokens, Authenticator) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    app.clock.advance(Duration::from_secs(30));
    (person, tokens, authenticator)
}

#[track_caller]
fn first_factor(app: &App, person: &Person) -> Value {
    let body = json!({ "email": person.email, "password": person.password });
    let challenge = app.post("/sign-in", body).json();
    assert_eq!(challenge["status"], "mfa_required", "{challenge}");
    challenge
}

#[track_caller]
fn answer(app: &App, challenge: &Value, code: &str) -> Reply {
    app.post("/sign-in-mfa", json!({ "mfa_token": challenge["mfa_token"], "code": code }))
}

fn code_at(app: &App, authenticator: &Authenticator, steps: i64) -> String {
    let secs = app.clock.now().secs() + 30 * steps;
    totp_code(&authenticator.secret, Timestamp::from_secs(secs))
}

/// A code that is of no step that is near.
fn wrong(app: &App, authenticator: &Authenticator) -> String {
    let near: Vec<_> = (-2..=2).map(|steps| code_at(app, authenticator, steps)).collect();
    let mut codes = (0..).map(|number| format!("{number:06}"));
    codes.find(|code| !near.contains(code)).expect("there are a million")
}

fn claim(tokens: &Tokens, name: &str) -> Value {
    let payload = tokens.access.split('.').nth(1).expect("it is a JWT");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("it is base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("it is JSON");
    claims[name].clone()
}

fn shifted(digit: char, zero: char) -> char {
    let value = digit.to_digit(10).expect("a code is of digits");
    char::from_u32(u32::from(zero) + value).expect("it is a digit of that script")
}

const OTHER_PASSWORD: &str = "eleven quiet walnuts drift";
