//! Many requests for one account at once: what may happen once happens once.

use std::thread;

use serde_json::{Value, json};

use super::counting::{assert_only, assert_tally, rows, tally};
use crate::{App, Person, Reply, Request};

pub(super) fn sign_ups_of_one_address_leave_one_user_and_one_live_link(app: &App) {
    let person = app.stranger();
    let sign_up = |number| Request::post("/sign-up", &with_password(&person, &password(number)));
    // What does not fit into the queue for hashing is turned away.
    let replies = app.race(32, sign_up);
    assert_only(&replies, &["202", "429 too_many_requests", "503 unavailable"]);
    assert!(tally(&replies).contains_key("202"), "{:?}", tally(&replies));
    assert_one_live_link(app, &person);
    // What does fit in is not turned away by the database either.
    let person = app.stranger();
    let sign_up = |number| Request::post("/sign-up", &with_password(&person, &password(number)));
    assert_tally(&app.race(12, sign_up), &[("202", 12)]);
    assert_one_live_link(app, &person);
}

/// Some of them lock the user first and some the name; a deadlock would be an answer of 503, and
/// would tell that there is a user.
pub(super) fn sign_ups_with_and_without_a_name_do_not_stand_in_each_others_way(app: &App) {
    let user = app.user();
    let plain = json!({ "email": user.email, "password": user.password });
    let mut named = plain.clone();
    named["username"] = json!("ada");
    for _ in 0..4 {
        let replies = app.race(8, |number| {
            Request::post("/sign-up", if number % 2 == 0 { &plain } else { &named })
        });
        assert_tally(&replies, &[("202", 8)]);
    }
}

pub(super) fn requests_for_a_link_leave_one_live_link(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let body = json!({ "email": person.email });
    let replies = app.race(32, |_| Request::post("/send-activation-email", &body));
    assert_tally(&replies, &[("202", 32)]);
    assert_one_live_link(app, &person);
}

pub(super) fn an_activation_link_activates_once(app: &App) {
    for _ in 0..3 {
        let person = app.stranger();
        app.sign_up(&person);
        let body = json!({ "token": app.mailed_token(&person.email) });
        let replies = app.race(32, |_| Request::post("/activate-account", &body));
        assert_tally(&replies, &[("200", 1), ("400 invalid_token", 31)]);
        assert_eq!(kinds(app), ["welcome"]);
        app.sign_in(&person);
    }
}

pub(super) fn an_activation_link_activates_once_on_two_instances(app: &App) {
    let other = app.beside(App::config(), |builder| builder);
    let person = app.stranger();
    app.sign_up(&person);
    let body = json!({ "token": app.mailed_token(&person.email) });
    let race = |app: &App| app.race(16, |_| Request::post("/activate-account", &body));
    let mut replies = race_both(app, other, race);
    replies.retain(|reply| reply.status != 200 || reply.json()["status"] == "activated");
    assert_tally(&replies, &[("200", 1), ("400 invalid_token", 31)]);
    assert_eq!(kinds(app), ["welcome"]);
}

/// Both lock the user and the token, and a deadlock would be an answer of 503.
pub(super) fn a_sign_up_and_an_activation_do_not_stand_in_each_others_way(app: &App) {
    for _ in 0..3 {
        let person = app.stranger();
        app.sign_up(&person);
        let activate = json!({ "token": app.mailed_token(&person.email) });
        let sign_up = with_password(&person, "another plum tractor hums");
        // Five mails an hour, the first one included.
        let replies = app.race(12, |number| match number {
            3 | 7 => Request::post("/sign-up", &sign_up),
            5 | 9 => Request::post("/send-activation-email", &json!({ "email": person.email })),
            _ => Request::post("/activate-account", &activate),
        });
        assert_only(&replies, &["200", "202", "400 invalid_token"]);
        let (activations, accepted): (Vec<_>, Vec<_>) =
            replies.iter().partition(|reply| reply.json()["status"] == "activated");
        assert!(activations.len() <= 1, "{:?}", tally(&replies));
        assert_eq!(accepted.iter().filter(|reply| reply.status == 202).count(), 4);

        let of_person = format!("auth_users WHERE email = '{}'", person.email);
        assert_eq!(rows(app, &of_person), 1);
        let activated = rows(app, &format!("{of_person} AND activated_at IS NOT NULL"));
        assert_eq!(activated, activations.len());
        // The one who proved the mailbox has the password of that link's sign-up, and no other.
        if activated == 1 {
            app.sign_in(&person);
        } else {
            assert_one_live_link(app, &person);
        }
        app.mails();
    }
}

pub(super) fn a_reset_link_sets_one_of_many_passwords(app: &App) {
    let person = app.user();
    let before = app.sign_in(&person);
    app.post("/request-password-reset", json!({ "email": person.email }));
    let token = app.mailed_token(&person.email);
    let replies = app.race(32, |number| {
        Request::post("/reset-password", &json!({ "token": token, "password": password(number) }))
    });
    assert_only(&replies, &["200", "400 invalid_token", "503 unavailable"]);
    assert_eq!(tally(&replies).get("200"), Some(&1), "{:?}", tally(&replies));

    let winner = replies.iter().position(|reply| reply.status == 200).expect("there is one");
    let sign_in = |password: &str| app.post("/sign-in", with_password(&person, password));
    App::tokens(&sign_in(&password(winner)));
    for loser in [&*person.password, &*password((winner + 1) % 32), &*password((winner + 31) % 32)]
    {
        assert_tally(&[sign_in(loser)], &[("401 invalid_credentials", 1)]);
    }
    assert_dead(app, &before.access, &before.refresh);
    assert_eq!(kinds(app), ["password_changed"]);
}

pub(super) fn no_session_of_the_old_password_outlives_a_reset(app: &App) {
    for round in 0..3 {
        let person = app.user();
        app.post("/request-password-reset", json!({ "email": person.email }));
        let token = app.mailed_token(&person.email);
        let new = password(round);
        let replies = app.race(4, |number| match number {
            0 => Request::post("/reset-password", &json!({ "token": token, "password": new })),
            _ => Request::post("/sign-in", &with_password(&person, &person.password)),
        });
        assert_only(&replies, &["200", "401 invalid_credentials"]);
        assert_eq!(replies[0].status, 200, "{}", replies[0].text());
        for reply in replies[1..].iter().filter(|reply| reply.status == 200) {
            let tokens = App::tokens(reply);
            assert_dead(app, &tokens.access, &tokens.refresh);
        }
        App::tokens(&app.post("/sign-in", with_password(&person, &new)));
    }
}

/// Lets two instances race, each against itself and both against each other.
pub(super) fn race_both(
    app: &App,
    other: App,
    race: impl Fn(&App) -> Vec<Reply> + Copy + Send,
) -> Vec<Reply> {
    thread::scope(|scope| {
        let theirs = scope.spawn(move || race(&other));
        let mut replies = race(app);
        replies.extend(theirs.join().expect("the other race has no reason to panic"));
        replies
    })
}

/// Asserts that neither token of a session is good any more.
#[track_caller]
pub(super) fn assert_dead(app: &App, access: &str, refresh: &str) {
    let replies = [
        app.get("/me", Some(access)),
        app.post("/access", json!({ "refresh_token": refresh })),
        app.host("/identity", Some(access)),
    ];
    let statuses = replies.map(|reply| reply.status);
    assert_eq!(statuses, [401; 3]);
}

#[track_caller]
fn assert_one_live_link(app: &App, person: &Person) {
    assert_eq!(rows(app, &format!("auth_users WHERE email = '{}'", person.email)), 1);
    let mails = app.mails();
    let own: Vec<_> =
        mails.iter().filter(|mail| mail.to == person.email && mail.link.is_some()).collect();
    assert!((1..=5).contains(&own.len()), "{} mails", own.len());
    let live: Vec<String> = own
        .iter()
        .map(|mail| App::token_of(mail))
        .filter(|token| {
            // A good token asks for a password where none is left.
            let path = format!("/activate-account?token={token}");
            matches!(app.raw("HEAD", &path, &[], b"").status, 200 | 422)
        })
        .collect();
    assert_eq!(live.len(), 1, "of {} links", own.len());
    // None of the passwords that were given before is asked for.
    let chosen = "the mailbox's owner chose it";
    let reply = app.post("/activate-account", json!({ "token": live[0], "password": chosen }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    App::tokens(&app.post("/sign-in", with_password(person, chosen)));
    app.mails();
}

fn kinds(app: &App) -> Vec<&'static str> {
    app.mails().iter().map(|mail| mail.kind.as_str()).collect()
}

fn with_password(person: &Person, password: &str) -> Value {
    json!({ "email": person.email, "password": password })
}

fn password(number: usize) -> String {
    format!("{number} plum tractors hum at dawn")
}
