use std::time::Duration;

use auth_core::MessageKind;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::probes::{
    OTHER_PASSWORD, assert_alike, assert_ended, assert_live, assert_refused, reset_token,
    try_sign_in,
};
use crate::{App, Person, Reply};

pub(super) fn asking_answers_the_same_for_everybody(app: &App) {
    let (active, pending, unknown) = (app.user(), app.stranger(), app.stranger());
    app.sign_up(&pending);
    app.mails();
    let replies = [&active, &pending, &unknown].map(|person| {
        app.clock.advance(SECOND);
        ask(app, &person.email)
    });
    assert_eq!((replies[0].status, replies[0].json()), (202, json!({ "status": "accepted" })));
    assert_alike(&replies);
    let recipients: Vec<_> = app.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(recipients, [active.email, pending.email]);
    assert_refused(&ask(app, "nobody"), "#/email", "invalid");
}

pub(super) fn asking_changes_nothing(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    for _ in 0..5 {
        ask(app, &person.email);
    }
    assert_live(app, &tokens);
    app.sign_in(&person);
}

pub(super) fn the_new_password_replaces_the_old(app: &App) {
    let person = app.user();
    let reply = reset(app, &reset_token(app, &person), OTHER_PASSWORD);
    assert_eq!((reply.status, reply.json()), (200, json!({ "status": "password_reset" })));
    assert!(reply.all("set-cookie").is_empty(), "{:?}", reply.headers);
    let old = try_sign_in(app, &person.email, &person.password);
    assert_problem(&old, 401, "invalid_credentials");
    app.sign_in(&changed(&person));
}

pub(super) fn every_session_ends_at_once(app: &App) {
    let person = app.user();
    let sessions = [0, 1, 2].map(|_| app.sign_in(&person));
    let stranger = app.sign_in(&app.user());
    let token = reset_token(app, &person);
    assert_eq!(reset(app, &token, OTHER_PASSWORD).status, 200);
    for tokens in &sessions {
        assert_ended(app, tokens);
    }
    assert_live(app, &stranger);
}

pub(super) fn a_second_factor_stays(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.mails();
    let token = reset_token(app, &person);
    assert_eq!(reset(app, &token, OTHER_PASSWORD).status, 200);
    let body = try_sign_in(app, &person.email, OTHER_PASSWORD).json();
    assert_eq!(body["status"], "mfa_required", "{body}");
    app.clock.advance(Duration::from_secs(30));
    app.sign_in_twice(&changed(&person), &authenticator);
}

pub(super) fn a_sign_in_under_way_is_void(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.mails();
    let begun = try_sign_in(app, &person.email, &person.password).json();
    let token = reset_token(app, &person);
    assert_eq!(reset(app, &token, OTHER_PASSWORD).status, 200);
    app.clock.advance(Duration::from_secs(30));
    let body = json!({ "mfa_token": begun["mfa_token"], "code": app.code(&authenticator) });
    assert_problem(&app.post("/sign-in-mfa", body), 401, "invalid_challenge");
}

pub(super) fn the_user_is_told(app: &App) {
    let person = app.user();
    let token = reset_token(app, &person);
    assert_eq!(reset(app, &token, OTHER_PASSWORD).status, 200);
    let mails = app.mails();
    let [mail] = &mails[..] else { panic!("one notice comes, not {}", mails.len()) };
    assert_eq!((mail.kind, &mail.to), (MessageKind::PasswordChanged, &person.email));
    assert_eq!(mail.link, None);
    for secret in [&*token, OTHER_PASSWORD, &*person.password] {
        assert!(!mail.text.contains(secret) && !mail.html.contains(secret), "{}", mail.text);
    }
}

pub(super) fn a_link_works_once_and_only_the_newest(app: &App) {
    let person = app.user();
    let first = reset_token(app, &person);
    let second = reset_token(app, &person);
    assert_problem(&reset(app, &first, OTHER_PASSWORD), 400, "invalid_token");
    assert_eq!(reset(app, &second, OTHER_PASSWORD).status, 200);
    assert_problem(&reset(app, &second, OTHER_PASSWORD), 400, "invalid_token");
}

pub(super) fn a_refused_password_does_not_burn_the_link(app: &App) {
    let person = app.user();
    let token = reset_token(app, &person);
    assert_refused(&reset(app, &token, "password"), "#/password", "too_common");
    assert_refused(&reset(app, &token, ""), "#/password", "required");
    assert_refused(&reset(app, &token, "person0person0"), "#/password", "contextual");
    assert_eq!(reset(app, &token, OTHER_PASSWORD).status, 200);
}

pub(super) fn a_link_is_for_one_purpose_and_survives_another(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let activation = app.mailed_token(&person.email);
    let of_reset = reset_token(app, &person);
    let reply = reset(app, &activation, OTHER_PASSWORD);
    assert_problem(&reply, 400, "invalid_token");
    let reply = app.post("/activate-account", json!({ "token": of_reset }));
    assert_problem(&reply, 400, "invalid_token");
    let reply = app.post("/activate-account", json!({ "token": activation }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reset(app, &of_reset, OTHER_PASSWORD).status, 200);
}

pub(super) fn a_link_dies_with_what_it_was_issued_for(app: &App) {
    for change in [
        "email = 'c@x.example', email_canonical = 'c@x.example'",
        "password_epoch = password_epoch + 1",
        "disabled_at = created_at",
    ] {
        let person = app.user();
        let token = reset_token(app, &person);
        app.execute(&format!("UPDATE auth_users SET {change} WHERE email = '{}'", person.email));
        assert_problem(&reset(app, &token, OTHER_PASSWORD), 400, "invalid_token");
        app.execute("DELETE FROM auth_users");
    }
    let person = app.user();
    let token = reset_token(app, &person);
    app.execute("DELETE FROM auth_users");
    assert_problem(&reset(app, &token, OTHER_PASSWORD), 400, "invalid_token");
}

pub(super) fn nothing_but_the_token_leads_on(app: &App) {
    let person = app.user();
    ask(app, &person.email);
    let id = app.sign_in(&person).body["user"]["id"].clone();
    let send = |body: Value| app.post("/reset-password", body);
    assert_refused(&send(json!({ "password": OTHER_PASSWORD })), "#/token", "required");
    for extra in ["email", "flow_id", "user_id"] {
        let mut body = json!({ "token": "A".repeat(43), "password": OTHER_PASSWORD });
        body[extra] = id.clone();
        assert_problem(&send(body), 400, "malformed_request");
    }
    let body = json!({ "token": id, "password": OTHER_PASSWORD });
    assert_problem(&send(body), 400, "invalid_token");
    app.sign_in(&person);
}

pub(super) fn the_mail_goes_to_the_address_on_record(app: &App) {
    let person = app.user();
    ask(app, &person.email.to_uppercase());
    let recipients: Vec<_> = app.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(recipients, [person.email]);
}

pub(super) fn no_answer_shows_the_token(app: &App) {
    let person = app.user();
    let asked = ask(app, &person.email);
    let token = app.mailed_token(&person.email);
    let page = app.get("/reset-password", None);
    let used = reset(app, &token, OTHER_PASSWORD);
    for reply in [asked, page, used] {
        assert!(!reply.comparable().contains(&token), "{}", reply.comparable());
    }
}

pub(super) fn on_an_unproven_account_it_is_the_first_proof(app: &App) {
    let victim = app.stranger();
    let password = "crimson attack vector 4711";
    let body = json!({ "email": victim.email, "password": password, "username": "mallory" });
    assert_eq!(app.post("/sign-up", body).status, 202);
    let activation = app.mailed_token(&victim.email);

    let token = reset_token(app, &victim);
    assert_eq!(reset(app, &token, OTHER_PASSWORD).status, 200);
    let user = app.sign_in(&changed(&victim)).body["user"].clone();
    assert_eq!(user["activated_at"], "2023-11-14T22:13:20Z", "{user}");
    assert_eq!(user["username"], Value::Null, "{user}");
    let reply = try_sign_in(app, &victim.email, password);
    assert_problem(&reply, 401, "invalid_credentials");
    let reply = app.post("/activate-account", json!({ "token": activation }));
    assert_problem(&reply, 400, "invalid_token");
}

fn ask(app: &App, email: &str) -> Reply {
    app.post("/request-password-reset", json!({ "email": email }))
}

fn reset(app: &App, token: &str, password: &str) -> Reply {
    app.post("/reset-password", json!({ "token": token, "password": password }))
}

fn changed(person: &Person) -> Person {
    Person { password: OTHER_PASSWORD.to_owned(), ..person.clone() }
}

const SECOND: Duration = Duration::from_secs(1);
