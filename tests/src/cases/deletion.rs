use std::time::{Duration, Instant};

use auth_core::MessageKind;
use serde_json::json;

use super::assertions::assert_problem;
use super::counting::{assert_only, rows, tally};
use super::probes::{assert_ended, assert_live, reset_token, try_sign_in};
use crate::adapters::block_on;
use crate::{App, Reply, Request, Tokens};

pub(super) fn nothing_of_the_user_stays_but_events(app: &App) {
    let stranger = app.user();
    let of_stranger = app.sign_in(&stranger);
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.enable_two_factor(&tokens);
    app.mails();
    try_sign_in(app, &person.email, &person.password);
    reset_token(app, &person);
    let id = tokens.body["user"]["id"].as_str().expect("a user has an id").to_owned();

    assert_eq!(delete(app, &tokens).status, 204);
    assert_ended(app, &tokens);
    assert_problem(&try_sign_in(app, &person.email, &person.password), 401, "invalid_credentials");
    assert_live(app, &of_stranger);
    for (table, left) in [
        ("auth_users", 1),
        ("auth_sessions", 1),
        ("auth_totp", 0),
        ("auth_recovery_codes", 0),
        ("auth_challenges", 0),
        ("auth_one_time_tokens", 0),
        ("auth_username_holds", 0),
    ] {
        assert_eq!(rows(app, table), left, "{table}");
    }
    let mails = app.mails();
    let [mail] = &mails[..] else { panic!("one notice comes, not {}", mails.len()) };
    assert_eq!((mail.kind, &mail.to), (MessageKind::AccountDeleted, &person.email));
    let user = id.parse().expect("an id is a UUID");
    let query = auth_core::EventQuery::new().user(user);
    let events = block_on(app.auth.events(&query)).expect("events can be read");
    let deleted = |event: &auth_core::Event| event.kind == auth_core::EventKind::UserDeleted;
    assert!(events.iter().any(deleted), "{events:?}");
    assert!(!format!("{events:?}").contains(&person.email), "{events:?}");
}

pub(super) fn the_address_and_the_name_are_free_at_once(app: &App) {
    let person = app.stranger();
    let named =
        |email: &str| json!({ "email": email, "password": person.password, "username": "ada" });
    assert_eq!(app.post("/sign-up", named(&person.email)).status, 202);
    let token = app.mailed_token(&person.email);
    assert_eq!(app.post("/activate-account", json!({ "token": token })).status, 200);
    let before = app.sign_in(&person);
    assert_eq!(delete(app, &before).status, 204);
    app.mails();
    assert_eq!(app.post("/sign-up", named(&app.stranger().email)).status, 202);
    app.mails();
    app.sign_up(&person);
    let token = app.mailed_token(&person.email);
    assert_eq!(app.post("/activate-account", json!({ "token": token })).status, 200);
    let after = app.sign_in(&person);
    assert_ne!(before.body["user"]["id"], after.body["user"]["id"]);
    assert_ended(app, &before);
}

pub(super) fn it_takes_a_recent_sign_in_and_no_input(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let request = Request::new("DELETE", "/me").bearer(&tokens.access);
    let unknown = request.clone().json(&json!({ "password": person.password }));
    assert_problem(&app.send(&unknown), 400, "malformed_request");
    assert_problem(&app.send(&Request::new("DELETE", "/me")), 401, "unauthenticated");
    app.clock.advance(Duration::from_secs(5 * 60 + 1));
    assert_problem(&app.send(&request), 403, "reauthentication_required");
    assert_live(app, &tokens);
    let reply = app.raw("PUT", "/me", &[], b"");
    assert_problem(&reply, 405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "GET, HEAD, DELETE");
}

/// What is under way while the user goes ends in a plain refusal.
pub(super) fn of_many_deletions_one_happens_and_nothing_breaks(app: &App) {
    for _ in 0..3 {
        let person = app.user();
        let tokens = app.sign_in(&person);
        let replies = app.race(8, |number| match number {
            0..3 => Request::new("DELETE", "/me").bearer(&tokens.access),
            3 => Request::post("/enable-2fa", &json!({})).bearer(&tokens.access),
            4 => Request::post("/access", &json!({ "refresh_token": tokens.refresh })),
            5 => Request::post("/request-password-reset", &json!({ "email": person.email })),
            _ => Request::post(
                "/sign-in",
                &json!({ "email": person.email, "password": person.password }),
            ),
        });
        let refusals =
            ["401 unauthenticated", "401 invalid_credentials", "401 invalid_refresh_token"];
        assert_only(&replies, &[&["200", "202", "204"][..], &refusals].concat());
        assert_eq!(tally(&replies).get("204"), Some(&1), "{:?}", tally(&replies));
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            if reply.json()["status"] == "signed_in" {
                assert_ended(app, &App::tokens(reply));
            }
        }
        assert_eq!(rows(app, &format!("auth_users WHERE email = '{}'", person.email)), 0);
        app.mails();
    }
}

/// The rows of the sessions are gone with their user; other instances hear of them all the same.
pub(super) fn another_instance_is_told_within_a_second(apps: &[App]) {
    let app = &apps[0];
    let other = app.beside(App::config(), |builder| builder);
    let background = block_on(async { other.auth.start() });
    // A row that is gone without a word is in no feed: as soon as its session is believed to be live,
    // the feed is believed, and the clock stands still, so it stays so.
    let lost = app.sign_in(&app.user());
    app.execute("DELETE FROM auth_sessions");
    let begun = Instant::now();
    while other.host("/identity", Some(&lost.access)).status == 401 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the feed does not start");
    }
    let mut told = false;
    // A busy machine may be late; one that never tells is late every time.
    for _ in 0..5 {
        let tokens = app.sign_in(&app.user());
        assert_eq!(delete(app, &tokens).status, 204);
        let begun = Instant::now();
        while !told && begun.elapsed() < Duration::from_secs(1) {
            told = other.host("/identity", Some(&tokens.access)).status == 401;
        }
        if told {
            break;
        }
    }
    assert!(told);
    block_on(background.stop());
}

fn delete(app: &App, tokens: &Tokens) -> Reply {
    app.send(&Request::new("DELETE", "/me").bearer(&tokens.access))
}
