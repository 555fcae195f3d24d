use std::time::Duration;

use serde_json::json;

use super::assertions::assert_problem;
use super::probes::{OTHER_PASSWORD, assert_alike, assert_refused, reset_token, try_sign_in};
use crate::{App, Person, Reply};

pub(super) fn a_link_activates_once(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let token = app.mailed_token(&person.email);
    let reply = activate(app, &token);
    assert_eq!((reply.status, reply.json()), (200, json!({ "status": "activated" })));
    assert!(reply.all("set-cookie").is_empty(), "{:?}", reply.headers);

    assert_problem(&activate(app, &token), 400, "invalid_token");
    let user = &app.sign_in(&person).body["user"];
    assert_eq!(user["activated_at"], "2023-11-14T22:13:20Z", "{user}");
}

/// Mail programs and counters of clicks add to links.
pub(super) fn what_else_a_link_carries_does_not_matter(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let token = app.mailed_token(&person.email);
    let link = format!("/activate-account?source=mail&token={token}&campaign=7");
    assert_eq!(app.get(&link, None).status, 200);
    app.sign_in(&person);
}

pub(super) fn a_token_is_long_and_random(app: &App) {
    let tokens = [0, 1].map(|_| {
        let person = app.stranger();
        app.sign_up(&person);
        app.mailed_token(&person.email)
    });
    for token in &tokens {
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(token.len() == 43 && token.bytes().all(alphabet), "{token}");
    }
    assert_ne!(tokens[0][..8], tokens[1][..8]);
    assert_ne!(tokens[0][35..], tokens[1][35..]);
}

pub(super) fn every_useless_token_answers_the_same(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let used = app.mailed_token(&person.email);
    assert_eq!(activate(app, &used).status, 200);
    app.mails();
    let reset = reset_token(app, &person);

    let other = app.stranger();
    app.sign_up(&other);
    let expired = app.mailed_token(&other.email);
    app.execute(
        "UPDATE auth_one_time_tokens SET expires_at = (SELECT MIN(created_at) FROM auth_users)
         WHERE purpose = 'activation'",
    );

    let unknown = "A".repeat(43);
    let replies = [&*used, &*reset, &*expired, &*unknown, "x", "' OR 1=1 --", "\u{0}"]
        .map(|token| activate(app, token));
    assert_problem(&replies[0], 400, "invalid_token");
    assert_alike(&replies);
    assert_refused(&activate(app, ""), "#/token", "required");
    let two = app.get(&format!("/activate-account?token={unknown}&token={unknown}"), None);
    assert_problem(&two, 400, "malformed_request");
}

pub(super) fn whoever_proves_the_mailbox_chooses_the_password(app: &App) {
    let victim = app.stranger();
    let attacker = Person { password: "crimson attack vector 4711".to_owned(), ..victim.clone() };
    app.sign_up(&attacker);
    app.clock.advance(Duration::from_secs(1));
    app.sign_up(&victim);
    let mails = app.mails();
    let token = App::token_of(mails.last().expect("both were mailed"));

    // Neither of the two passwords can be told to be the owner's.
    assert_refused(&activate(app, &token), "#/password", "required");
    let weak = json!({ "token": token, "password": "password" });
    assert_refused(&app.post("/activate-account", weak), "#/password", "too_common");
    let chosen = json!({ "token": token, "password": OTHER_PASSWORD });
    assert_eq!(app.post("/activate-account", chosen).status, 200, "the token was not burned");

    for person in [&attacker, &victim] {
        let reply = try_sign_in(app, &person.email, &person.password);
        assert_problem(&reply, 401, "invalid_credentials");
    }
    app.sign_in(&Person { password: OTHER_PASSWORD.to_owned(), ..victim });
}

pub(super) fn a_newer_link_replaces_the_older_one(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let first = app.mailed_token(&person.email);
    ask(app, &person.email);
    let second = app.mailed_token(&person.email);
    assert_problem(&activate(app, &first), 400, "invalid_token");
    assert_eq!(activate(app, &second).status, 200);
}

pub(super) fn only_who_awaits_a_link_is_mailed_one_and_nobody_can_tell(app: &App) {
    let (pending, active, unknown) = (app.stranger(), app.user(), app.stranger());
    app.sign_up(&pending);
    app.mails();
    let replies = [&pending, &active, &unknown].map(|person| ask(app, &person.email));
    assert_alike(&replies);
    let recipients: Vec<_> = app.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(recipients, [pending.email]);
    let nobody = app.post("/send-activation-email", json!({ "email": "nobody" }));
    assert_refused(&nobody, "#/email", "invalid");
    assert_refused(&app.post("/send-activation-email", json!({})), "#/email", "required");
}

pub(super) fn a_link_dies_with_the_address_it_was_mailed_to(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let token = app.mailed_token(&person.email);
    app.execute("UPDATE auth_users SET email = 'b@x.example', email_canonical = 'b@x.example'");
    assert_problem(&activate(app, &token), 400, "invalid_token");
    assert_eq!(app.texts("SELECT email FROM auth_users WHERE activated_at IS NOT NULL"), []);
}

pub(super) fn a_link_dies_with_its_user(app: &App) {
    let (disabled, deleted) = (app.stranger(), app.stranger());
    let [of_disabled, of_deleted] = [&disabled, &deleted].map(|person| {
        app.sign_up(person);
        app.mailed_token(&person.email)
    });
    let update = "UPDATE auth_users SET disabled_at = created_at WHERE email = ";
    app.execute(&format!("{update}'{}'", disabled.email));
    app.execute(&format!("DELETE FROM auth_users WHERE email = '{}'", deleted.email));
    for token in [of_disabled, of_deleted] {
        assert_problem(&activate(app, &token), 400, "invalid_token");
    }
}

fn activate(app: &App, token: &str) -> Reply {
    app.post("/activate-account", json!({ "token": token }))
}

fn ask(app: &App, email: &str) -> Reply {
    app.post("/send-activation-email", json!({ "email": email }))
}
