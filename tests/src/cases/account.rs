use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::probes::assert_refused;
use crate::{App, Request};

pub(super) fn who_is_signed_in_is_shown(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let reply = app.get("/me", Some(&tokens.access));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-store");
    let expected = json!({
        "id": tokens.body["user"]["id"],
        "email": person.email,
        "username": Value::Null,
        "activated_at": "2023-11-14T22:13:20Z",
        "two_factor_enabled": false,
        "roles": [],
        "created_at": "2023-11-14T22:13:20Z",
    });
    assert_eq!(reply.json(), expected);
    assert_eq!(tokens.body["user"], expected);
}

pub(super) fn it_is_what_the_database_knows_now(app: &App) {
    let tokens = app.sign_in(&app.user());
    app.execute("UPDATE auth_users SET roles = '[\"editor\"]'");
    app.enable_two_factor(&tokens);
    let user = app.get("/me", Some(&tokens.access)).json();
    assert_eq!(user["roles"], json!(["editor"]), "{user}");
    assert_eq!(user["two_factor_enabled"], true, "{user}");
}

pub(super) fn somebody_elses_token_shows_somebody_else(app: &App) {
    let (bob, eve) = (app.user(), app.user());
    let (of_bob, of_eve) = (app.sign_in(&bob), app.sign_in(&eve));
    assert_eq!(app.get("/me", Some(&of_bob.access)).json()["email"], bob.email);
    assert_eq!(app.get("/me", Some(&of_eve.access)).json()["email"], eve.email);
}

pub(super) fn mails_come_in_the_language_that_signed_up(app: &App) {
    let person = app.stranger();
    let body = json!({ "email": person.email, "password": person.password });
    let request = Request::post("/sign-up", &body).header("accept-language", "de-AT, en;q=0.5");
    assert_eq!(app.send(&request).status, 202);
    let mails = app.mails();
    assert_eq!(mails[0].subject, "Aktivieren Sie Ihr Konto bei Auth");
    let token = App::token_of(&mails[0]);
    assert_eq!(app.post("/activate-account", json!({ "token": token })).status, 200);
    assert!(app.mails()[0].subject.contains("Willkommen"));
}

pub(super) fn mails_come_in_the_language_that_was_chosen(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let choose = |body| app.post_as(&tokens.access, "/change-language", body);
    let subject = |expected: &str| {
        app.post("/request-password-reset", json!({ "email": person.email }));
        let mails = app.mails();
        assert_eq!(mails[0].subject, expected);
    };
    subject("Reset your Auth password");
    assert_eq!(choose(json!({ "language": "de-AT" })).status, 204);
    subject(GERMAN);
    for (body, code) in [(json!({}), "required"), (json!({ "language": "tlh" }), "invalid")] {
        assert_refused(&choose(body), "#/language", code);
    }
    subject(GERMAN);
    let nobody = app.post("/change-language", json!({ "language": "fr" }));
    assert_problem(&nobody, 401, "unauthenticated");
}

const GERMAN: &str = "Setzen Sie Ihr Passwort bei Auth zurück";
