use std::time::Duration;

use auth_core::MessageKind;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::probes::{assert_alike, assert_refused, refused_fields, try_sign_in};
use crate::App;

pub(super) fn a_taken_address_answers_as_a_free_one(app: &App) {
    let person = app.stranger();
    let fresh = app.sign_up(&person);
    assert_eq!(fresh.json(), json!({ "status": "accepted" }));
    let again = app.sign_up(&person);
    let owner = app.user();
    let taken = app.sign_up(&owner);
    app.execute("UPDATE auth_users SET disabled_at = created_at");
    let disabled = app.sign_up(&owner);
    assert_alike([&fresh, &again, &taken, &disabled]);
}

pub(super) fn the_owner_of_a_taken_address_is_told_and_keeps_the_account(app: &App) {
    let owner = app.user();
    let body =
        json!({ "email": owner.email.to_uppercase(), "password": "vex coral mirrors 88 slowly" });
    assert_eq!(app.post("/sign-up", body).status, 202);

    let mails = app.mails();
    let [mail] = &mails[..] else { panic!("one mail comes, not {}", mails.len()) };
    assert_eq!((mail.kind, &mail.to), (MessageKind::AlreadyRegistered, &owner.email));
    assert_eq!(mail.link, None, "whoever asked must not gain a link");
    app.sign_in(&owner);
}

pub(super) fn nobody_is_signed_in_before_the_mailbox_is_proven(app: &App) {
    let person = app.stranger();
    let reply = app.sign_up(&person);
    assert_eq!(reply.json(), json!({ "status": "accepted" }));
    assert!(reply.all("set-cookie").is_empty(), "{:?}", reply.headers);

    let reply = try_sign_in(app, &person.email, &person.password);
    assert_problem(&reply, 403, "account_not_activated");
    let wrong = try_sign_in(app, &person.email, "another password by far");
    assert_problem(&wrong, 401, "invalid_credentials");
}

pub(super) fn what_is_not_acceptable_is_named(app: &App) {
    let named = |body: Value| refused_fields(&app.post("/sign-up", body));
    let field = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    assert_eq!(
        named(json!({ "email": "nobody", "password": "short", "username": "a b" })),
        [
            field("#/email", "invalid"),
            field("#/password", "too_short"),
            field("#/username", "invalid")
        ]
    );
    assert_eq!(named(json!({})), [field("#/email", "required"), field("#/password", "required")]);
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn nothing_else_can_be_set(app: &App) {
    for (field, value) in [
        ("activated_at", json!("2023-11-14T22:13:20Z")),
        ("email_verified", json!(true)),
        ("id", json!("00000000-0000-0000-0000-000000000001")),
        ("role", json!("admin")),
        ("roles", json!(["admin"])),
        ("two_factor_enabled", json!(false)),
    ] {
        let person = app.stranger();
        let mut body = json!({ "email": person.email, "password": person.password });
        body[field] = value;
        assert_problem(&app.post("/sign-up", body), 400, "malformed_request");
    }
    assert_eq!(app.texts("SELECT email FROM auth_users"), [], "no account came of it");
}

pub(super) fn an_address_is_one_mailbox(app: &App) {
    let password = app.stranger().password;
    for email in [
        "a@x.example,b@y.example",
        "a@x.example b@y.example",
        "A <a@x.example>",
        "<a@x.example>",
        "\"e@evil.example\"@x.example",
        "a@x.example\r\nBcc: b@y.example",
        "a@x.example ",
        "a@localhost",
        "a@[127.0.0.1]",
        "a@x.example\u{0}",
        "ａ@x.example",
    ] {
        app.clock.advance(MINUTE);
        let reply = app.post("/sign-up", json!({ "email": email, "password": password }));
        assert_refused(&reply, "#/email", "invalid");
    }
    for email in [json!(["a@x.example"]), json!({ "a": "x.example" }), json!(7), json!(null)] {
        let reply = app.post("/sign-up", json!({ "email": email, "password": password }));
        assert_problem(&reply, 400, "malformed_request");
    }
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn the_same_address_in_another_case_is_the_same_account(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let body = json!({ "email": person.email.to_uppercase(), "password": person.password });
    assert_eq!(app.post("/sign-up", body).status, 202);
    let accounts = app.texts("SELECT email_canonical FROM auth_users");
    assert_eq!(accounts, [Some(person.email)]);
}

pub(super) fn a_fresh_database_has_no_accounts(app: &App) {
    assert_eq!(app.texts("SELECT email FROM auth_users"), []);
}

pub(super) fn the_adapters_answer_alike(apps: &[App]) {
    assert_alike(&apps.iter().map(|app| app.sign_up(&app.stranger())).collect::<Vec<_>>());
}

/// How far apart requests are that are more than a client may send at once.
const MINUTE: Duration = Duration::from_secs(60);
