use std::time::Duration;

use auth_core::MessageKind;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::counting::{assert_only, tally};
use super::probes::{
    OTHER_PASSWORD, assert_ended, assert_live, assert_refused, claims, refresh, reset_token,
    try_sign_in,
};
use crate::{App, Person, Reply, Request, Tokens};

pub(super) fn the_new_password_replaces_the_old(app: &App) {
    let person = app.user();
    let (before, other) = (app.sign_in(&person), app.sign_in(&person));
    let stranger = app.sign_in(&app.user());
    let after = App::tokens(&change(app, &before, &person.password, OTHER_PASSWORD));

    assert_problem(&try_sign_in(app, &person.email, &person.password), 401, "invalid_credentials");
    app.sign_in(&Person { password: OTHER_PASSWORD.to_owned(), ..person.clone() });
    assert_ended(app, &other);
    assert_live(app, &stranger);
    assert_live(app, &after);
    // The same session, but not for whoever has its tokens of before.
    assert_ended(app, &before);
    let sessions = app.get("/sessions", Some(&after.access)).json();
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(2));
    App::tokens(&refresh(app, &after.refresh));

    let mails = app.mails();
    let [mail] = &mails[..] else { panic!("one notice comes, not {}", mails.len()) };
    assert_eq!((mail.kind, &mail.to), (MessageKind::PasswordChanged, &person.email));
    for secret in [OTHER_PASSWORD, &*person.password] {
        assert!(!mail.text.contains(secret) && !mail.html.contains(secret), "{}", mail.text);
    }
}

pub(super) fn a_wrong_current_password_changes_nothing(app: &App) {
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    let wrong = change(app, &tokens, OTHER_PASSWORD, OTHER_PASSWORD);
    assert_problem(&wrong, 401, "invalid_credentials");
    let wrong = change(app, &tokens, "not the password at all", OTHER_PASSWORD);
    assert_problem(&wrong, 401, "invalid_credentials");
    let failed = "SELECT kind FROM auth_events WHERE kind = 'authn_password_change_fail'";
    assert_eq!(app.texts(failed).len(), 2);
    assert_live(app, &tokens);
    assert_live(app, &other);
    App::tokens(&refresh(app, &tokens.refresh));
    app.sign_in(&person);
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn a_password_that_is_not_acceptable_changes_nothing(app: &App) {
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    let current = &person.password;
    for (new, code) in [
        ("", "required"),
        ("password", "too_common"),
        (&*person.email, "contextual"),
        (current, "unchanged"),
    ] {
        assert_refused(&change(app, &tokens, current, new), "#/new_password", code);
    }
    let reply = change(app, &tokens, "", OTHER_PASSWORD);
    assert_refused(&reply, "#/current_password", "required");
    assert_live(app, &other);
    App::tokens(&refresh(app, &tokens.refresh));
    app.sign_in(&person);
}

pub(super) fn it_proves_no_more_than_was_proven(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.clock.advance(Duration::from_secs(30));
    let before = app.sign_in_twice(&person, &authenticator);
    app.clock.advance(Duration::from_secs(4 * 60));
    let after = App::tokens(&change(app, &before, &person.password, OTHER_PASSWORD));
    let (old, new) = (claims(&before.access), claims(&after.access));
    assert_eq!((&old["auth_time"], &old["amr"]), (&new["auth_time"], &new["amr"]));
    assert_ne!(old["iat"], new["iat"]);
    app.clock.advance(Duration::from_secs(61));
    let reply = change(app, &after, OTHER_PASSWORD, &person.password);
    assert_problem(&reply, 403, "reauthentication_required");
    let reply = app.post("/change-password", json!({}));
    assert_problem(&reply, 401, "unauthenticated");
}

pub(super) fn what_was_under_way_with_the_old_password_is_void(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    app.mails();
    let begun = try_sign_in(app, &person.email, &person.password).json();
    let link = reset_token(app, &person);
    App::tokens(&change(app, &tokens, &person.password, OTHER_PASSWORD));

    app.clock.advance(Duration::from_secs(30));
    let body = json!({ "mfa_token": begun["mfa_token"], "code": app.code(&authenticator) });
    assert_problem(&app.post("/sign-in-mfa", body), 401, "invalid_challenge");
    let body = json!({ "token": link, "password": person.password });
    assert_problem(&app.post("/reset-password", body), 400, "invalid_token");
}

/// However many change the password at once, and reset it: one of them did, and no session of
/// another password is left.
pub(super) fn one_of_many_changes_wins(app: &App) {
    for resets in [0, 2] {
        let person = app.user();
        let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
        let link = reset_token(app, &person);
        let replies = app.race(12, |number| {
            let new = password(number);
            if number < resets {
                return Request::post(
                    "/reset-password",
                    &json!({ "token": link, "password": new }),
                );
            }
            let body = json!({ "current_password": person.password, "new_password": new });
            Request::post("/change-password", &body).bearer(&tokens.access)
        });
        let allowed =
            ["200", "400 invalid_token", "401 invalid_credentials", "401 unauthenticated"];
        assert_only(&replies, &allowed);
        let won: Vec<usize> = (0..12).filter(|&number| replies[number].status == 200).collect();
        let [winner] = won[..] else { panic!("{:?}", tally(&replies)) };
        assert_ended(app, &other);
        app.sign_in(&Person { password: password(winner), ..person.clone() });
        for loser in [&*person.password, &*password((winner + 1) % 12)] {
            assert_problem(&try_sign_in(app, &person.email, loser), 401, "invalid_credentials");
        }
        if winner < resets {
            assert_ended(app, &tokens);
        } else {
            assert_live(app, &App::tokens(&replies[winner]));
        }
        app.mails();
    }
}

fn change(app: &App, tokens: &Tokens, current: &str, new: &str) -> Reply {
    let body: Value = json!({ "current_password": current, "new_password": new });
    app.post_as(&tokens.access, "/change-password", body)
}

fn password(number: usize) -> String {
    format!("{number} plum tractors hum at dawn")
}
