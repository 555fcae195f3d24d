use std::time::Duration;

use auth_core::Usernames;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::probes::{OTHER_PASSWORD, assert_alike, assert_refused};
use crate::{App, Person, Reply};

pub(super) fn it_signs_in_as_the_address_does(app: &App) {
    let person = user_named(app, "Plum.Tree");
    let sign_in = |username: &str| {
        app.post("/sign-in", json!({ "username": username, "password": person.password }))
    };
    for username in ["Plum.Tree", "plum.tree", "PLUM.TREE"] {
        let user = App::tokens(&sign_in(username)).body["user"].clone();
        assert_eq!(user["username"], "Plum.Tree", "{user}");
    }
    assert_eq!(app.sign_in(&person).body["user"]["username"], "Plum.Tree");
    assert_problem(&sign_in("plumtree"), 401, "invalid_credentials");
    assert_problem(&sign_in(&person.email), 401, "invalid_credentials");
}

pub(super) fn notices_say_it(app: &App) {
    for (person, greeting) in [(user_named(app, "Plum"), "Hello Plum,"), (app.user(), "Hello,")] {
        let new = json!({ "current_password": person.password, "new_password": OTHER_PASSWORD });
        let tokens = app.sign_in(&person);
        assert_eq!(app.post_as(&tokens.access, "/change-password", new).status, 200);
        let mails = app.mails();
        let text = &mails.last().expect("the user is told").text;
        assert!(text.contains(greeting), "{text}");
    }
}

pub(super) fn a_taken_one_is_refused_in_any_case(app: &App) {
    user_named(app, "plum");
    app.clock.advance(DAY); // What was held while it was asked for is so no longer.
    for username in ["plum", "Plum", "PLUM"] {
        let reply = sign_up(app, &app.stranger(), username);
        assert_problem(&reply, 409, "username_taken");
    }
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn one_that_is_asked_for_is_held_whatever_the_address(app: &App) {
    let owner = app.user();
    let free = sign_up(app, &app.stranger(), "free");
    let taken = sign_up(app, &owner, "taken");
    assert_eq!(free.status, 202, "{}", free.text());
    assert_alike([&free, &taken]);
    // Else the second answer would tell which of the two addresses has an account.
    let after_free = sign_up(app, &app.stranger(), "free");
    let after_taken = sign_up(app, &app.stranger(), "taken");
    assert_problem(&after_free, 409, "username_taken");
    assert_alike([&after_free, &after_taken]);
}

pub(super) fn a_hold_ends_with_the_activation_link(app: &App) {
    let (first, second) = (app.stranger(), app.stranger());
    assert_eq!(sign_up(app, &first, "plum").status, 202);
    app.clock.advance(DAY - Duration::from_secs(1));
    assert_problem(&sign_up(app, &second, "plum"), 409, "username_taken");
    app.clock.advance(Duration::from_secs(1));
    app.mails();
    assert_eq!(sign_up(app, &second, "plum").status, 202);
    activate(app, &second);
    assert_eq!(app.sign_in(&second).body["user"]["username"], "plum");
}

pub(super) fn a_newer_link_prolongs_the_hold_whatever_the_address(app: &App) {
    let (pending, owner) = (app.stranger(), app.user());
    assert_eq!(sign_up(app, &pending, "free").status, 202);
    assert_eq!(sign_up(app, &owner, "taken").status, 202);
    app.clock.advance(DAY - Duration::from_secs(1));
    app.mails();
    for person in [&pending, &owner] {
        let reply = app.post("/send-activation-email", json!({ "email": person.email }));
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
    app.clock.advance(DAY - Duration::from_secs(1));
    // Were only one of the two still held, it would tell which address has an account.
    let after_free = sign_up(app, &app.stranger(), "free");
    let after_taken = sign_up(app, &app.stranger(), "taken");
    assert_problem(&after_free, 409, "username_taken");
    assert_alike([&after_free, &after_taken]);
    activate(app, &pending);
    assert_eq!(app.sign_in(&pending).body["user"]["username"], "free");
}

/// Whoever could keep a name without a link that is good for it could keep it for ever.
pub(super) fn nothing_but_a_link_prolongs_the_hold(app: &App) {
    let reset =
        |person: &Person| app.post("/request-password-reset", json!({ "email": person.email }));
    let link =
        |person: &Person| app.post("/send-activation-email", json!({ "email": person.email }));
    let free = |name: &str| sign_up(app, &app.stranger(), name).status;
    let (resetting, flooding) = (app.stranger(), app.stranger());
    for (person, name) in [(&resetting, "plum"), (&flooding, "pear")] {
        assert_eq!(sign_up(app, person, name).status, 202);
    }
    for _ in 0..5 {
        assert_eq!(link(&flooding).status, 202);
    }
    app.clock.advance(Duration::from_secs(30 * 60));
    // No mail any more within this hour.
    assert_eq!(link(&flooding).status, 202);
    app.clock.advance(DAY - Duration::from_secs(30 * 60 + 1));
    assert_eq!((free("plum"), free("pear")), (409, 409));
    assert_eq!(reset(&resetting).status, 202);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!((free("plum"), free("pear")), (202, 202));
}

pub(super) fn an_address_holds_the_latest_it_asked_for(app: &App) {
    let (person, other) = (app.stranger(), app.stranger());
    let ask = |person: &Person, username: &str| {
        let body =
            json!({ "email": person.email, "password": person.password, "username": username });
        app.post("/sign-up", body)
    };
    assert_eq!(ask(&person, "first").status, 202);
    assert_eq!(ask(&person, "second").status, 202);
    assert_problem(&ask(&other, "second"), 409, "username_taken");
    assert_eq!(ask(&other, "first").status, 202);
}

pub(super) fn whoever_asks_can_ask_again(app: &App) {
    let person = app.stranger();
    assert_eq!(sign_up(app, &person, "plum").status, 202);
    assert_eq!(sign_up(app, &person, "plum").status, 202);
    assert_eq!(sign_up(app, &person, "pear").status, 202);
    let names = app.texts("SELECT username FROM auth_users");
    assert_eq!(names, [Some("pear".to_owned())]);
}

pub(super) fn what_is_no_username_is_named(app: &App) {
    let long = "a".repeat(33);
    for (username, code) in [
        ("", "too_short"),
        ("ab", "too_short"),
        (&*long, "too_long"),
        ("a@x.example", "invalid"),
        ("a b", "invalid"),
        ("-abc", "invalid"),
        ("a..b", "invalid"),
        ("\u{430}dmin", "invalid"),
        ("abc\u{200b}", "invalid"),
    ] {
        app.clock.advance(Duration::from_secs(60));
        assert_refused(&sign_up(app, &app.stranger(), username), "#/username", code);
    }
    assert_eq!(app.texts("SELECT username FROM auth_username_holds"), []);
}

pub(super) fn they_can_be_switched_off(app: &App) {
    let off = app.beside(App::config().usernames(Usernames::Off), |builder| builder);
    assert_refused(&sign_up(&off, &off.stranger(), "plum"), "#/username", "not_allowed");
    let person = off.user();
    assert_eq!(off.sign_in(&person).body["user"]["username"], Value::Null);
}

pub(super) fn they_can_be_required(app: &App) {
    let required = app.beside(App::config().usernames(Usernames::Required), |builder| builder);
    let person = required.stranger();
    let body = json!({ "email": person.email, "password": person.password });
    assert_refused(&required.post("/sign-up", body), "#/username", "required");
    user_named(&required, "plum");
}

pub(super) fn of_many_who_ask_at_once_one_gets_it(app: &App) {
    let people: Vec<_> = (0..6).map(|_| app.stranger()).collect();
    let replies = app.race(people.len(), |index| {
        let body = json!({
            "email": people[index].email,
            "password": people[index].password,
            "username": "plum",
        });
        crate::Request::post("/sign-up", &body)
    });
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409, 409]);
    assert_eq!(app.mails().len(), 1);
}

fn sign_up(app: &App, person: &Person, username: &str) -> Reply {
    let body = json!({ "email": person.email, "password": person.password, "username": username });
    app.post("/sign-up", body)
}

fn activate(app: &App, person: &Person) {
    let token = app.mailed_token(&person.email);
    let reply = app.post("/activate-account", json!({ "token": token }));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn user_named(app: &App, username: &str) -> Person {
    let person = app.stranger();
    let reply = sign_up(app, &person, username);
    assert_eq!(reply.status, 202, "{}", reply.text());
    activate(app, &person);
    app.mails();
    person
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
