//! Second factors used many times at once: each code and each challenge is good once.

use std::time::Duration;

use serde_json::{Value, json};

use super::counting::{assert_only, assert_tally, rows, tally};
use super::races::assert_dead;
use crate::{App, Authenticator, Person, Reply, Request};

pub(super) fn a_challenge_is_met_once(app: &App) {
    let (person, authenticator) = two_factor_user(app);
    let body = json!({ "mfa_token": challenge(app, &person), "code": app.code(&authenticator) });
    let replies = app.race(32, |_| Request::post("/sign-in-mfa", &body));
    assert_tally(&replies, &[("200", 1), ("401 invalid_challenge", 31)]);
    assert_eq!(rows(app, "auth_sessions WHERE revoked_at IS NULL"), 2);
}

/// Ten challenges, for the account has ten tries.
pub(super) fn a_code_of_the_authenticator_meets_one_of_many_challenges(app: &App) {
    let (person, authenticator) = two_factor_user(app);
    let challenges: Vec<Value> = (0..10).map(|_| challenge(app, &person)).collect();
    let code = app.code(&authenticator);
    let replies = app.race(10, |number| {
        let body = json!({ "mfa_token": challenges[number], "code": code });
        Request::post("/sign-in-mfa", &body)
    });
    assert_tally(&replies, &[("200", 1), ("401 invalid_code", 9)]);
}

pub(super) fn codes_of_both_kinds_are_spent_once_each_and_stay_spent(app: &App) {
    let (person, authenticator) = two_factor_user(app);
    let codes = [
        app.code(&authenticator),
        authenticator.recovery_codes[0].clone(),
        authenticator.recovery_codes[1].clone(),
    ];
    let challenges: Vec<Value> = (0..9).map(|_| challenge(app, &person)).collect();
    let replies = app.race(9, |number| {
        let body = json!({ "mfa_token": challenges[number], "code": codes[number % 3] });
        Request::post("/sign-in-mfa", &body)
    });
    for kind in 0..3 {
        let own = replies.iter().skip(kind).step_by(3);
        assert_tally(own, &[("200", 1), ("401 invalid_code", 2)]);
    }
    assert_eq!(rows(app, "auth_recovery_codes"), 8);
    let challenge = challenge(app, &person);
    for code in codes {
        let again = app.post("/sign-in-mfa", json!({ "mfa_token": challenge, "code": code }));
        assert_tally(&[again], &[("401 invalid_code", 1)]);
    }
}

pub(super) fn a_recovery_code_is_exchanged_once(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    let body = json!({ "code": authenticator.recovery_codes[4] });
    let replies = app.race(32, |_| Request::post("/recovery-codes", &body).bearer(&tokens.access));
    // The account's ten tries are counted before anybody looks.
    assert_only(&replies, &["200", "401 invalid_code", "429 too_many_requests"]);
    assert_eq!(tally(&replies).get("200"), Some(&1), "{:?}", tally(&replies));
    assert_eq!(rows(app, "auth_recovery_codes"), 10);
}

pub(super) fn an_enrolment_is_confirmed_once(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let enrolment = app.post_as(&tokens.access, "/enable-2fa", json!({})).json();
    let secret = enrolment["secret"].as_str().expect("it has a secret").to_owned();
    let authenticator = Authenticator { secret, recovery_codes: Vec::new() };
    let body = json!({ "code": app.code(&authenticator) });
    let replies = app.race(32, |_| Request::post("/confirm-2fa", &body).bearer(&tokens.access));
    let late = ["409 no_pending_enrolment", "409 two_factor_already_enabled"];
    assert_only(&replies, &["200", "429 too_many_requests", late[0], late[1]]);
    assert_eq!(tally(&replies).get("200"), Some(&1), "{:?}", tally(&replies));

    let shown = replies.iter().find(|reply| reply.status == 200).expect("there is one").json();
    assert_eq!(rows(app, "auth_recovery_codes"), 10);
    // Those that were shown are those that are good, once the tries of the others are forgotten.
    app.clock.advance(Duration::from_secs(15 * 60));
    let body = json!({
        "mfa_token": challenge(app, &person),
        "code": shown["recovery_codes"][9],
    });
    App::tokens(&app.post("/sign-in-mfa", body));
}

pub(super) fn no_session_without_the_second_factor_outlives_its_confirmation(app: &App) {
    for _ in 0..3 {
        let person = app.user();
        let tokens = app.sign_in(&person);
        let enrolment = app.post_as(&tokens.access, "/enable-2fa", json!({})).json();
        let secret = enrolment["secret"].as_str().expect("it has a secret").to_owned();
        let authenticator = Authenticator { secret, recovery_codes: Vec::new() };
        let code = json!({ "code": app.code(&authenticator) });
        let sign_in = json!({ "email": person.email, "password": person.password });
        let replies = app.race(4, |number| match number {
            3 => Request::post("/confirm-2fa", &code).bearer(&tokens.access),
            _ => Request::post("/sign-in", &sign_in),
        });
        assert_only(&replies, &["200", "401 invalid_credentials"]);
        assert_eq!(replies[3].status, 200, "{}", replies[3].text());
        let signed_in = |reply: &&Reply| reply.json()["status"] == "signed_in";
        for reply in replies[..3].iter().filter(signed_in) {
            let other = App::tokens(reply);
            assert_dead(app, &other.access, &other.refresh);
        }
        assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    }
}

/// Whose current code is not spent.
fn two_factor_user(app: &App) -> (Person, Authenticator) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.clock.advance(Duration::from_secs(30));
    (person, authenticator)
}

#[track_caller]
fn challenge(app: &App, person: &Person) -> Value {
    let body = json!({ "email": person.email, "password": person.password });
    let mut first = app.post("/sign-in", body).json();
    assert_eq!(first["status"], "mfa_required", "{first}");
    first["mfa_token"].take()
}
