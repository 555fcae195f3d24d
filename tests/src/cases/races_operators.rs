//! Operators who act while users do.

use std::thread;

use auth_core::{Error, NewAccount, User};
use serde_json::json;

use super::counting::{assert_only, rows};
use super::operators::id_of;
use super::races::assert_dead;
use crate::adapters::block_on;
use crate::{App, Reply, Request};

pub(super) fn no_session_outlives_a_disabling(apps: &[App]) {
    let app = &apps[0];
    for _ in 0..3 {
        let person = app.user();
        let id = id_of(app, &person);
        let body = json!({ "email": person.email, "password": person.password });
        let replies = while_users(
            app,
            8,
            |_| Request::post("/sign-in", &body),
            || {
                block_on(app.auth.operator("ada").disable(id)).expect("there is such a user");
            },
        );
        // The password of who is disabled is as wrong as any, and so limited.
        let refused = ["401 invalid_credentials", "429 too_many_requests", "503 unavailable"];
        assert_only(&replies, &["200", refused[0], refused[1], refused[2]]);
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            let tokens = App::tokens(reply);
            assert_dead(app, &tokens.access, &tokens.refresh);
        }
        assert_eq!(rows(app, "auth_sessions WHERE revoked_at IS NULL"), 0);
    }
}

/// All of them lock users and sessions, and a deadlock would be an error.
pub(super) fn signing_everybody_out_stands_in_nobodys_way(apps: &[App]) {
    let app = &apps[0];
    let people: Vec<_> = (0..4).map(|_| app.user()).collect();
    for _ in 0..3 {
        let sessions: Vec<_> =
            people.iter().chain(&people).chain(&people).map(|person| app.sign_in(person)).collect();
        let request = |number: usize| {
            let tokens = &sessions[number];
            match number % 3 {
                0 => Request::post("/access", &json!({ "refresh_token": tokens.refresh })),
                1 => Request::post("/sessions/revoke", &json!({ "others": true }))
                    .bearer(&tokens.access),
                _ => Request::post("/sign-out", &json!({ "refresh_token": tokens.refresh })),
            }
        };
        let replies = while_users(app, sessions.len(), request, || {
            block_on(app.auth.operator("ada").revoke_all_sessions())
                .expect("nothing is in the way");
        });
        let refused = ["401 invalid_refresh_token", "401 unauthenticated"];
        assert_only(&replies, &["200", "204", refused[0], refused[1]]);
        for tokens in &sessions {
            assert_dead(app, &tokens.access, &tokens.refresh);
        }
    }
}

pub(super) fn of_many_who_create_one_user_one_does(apps: &[App]) {
    let app = &apps[0];
    let (mut users, refused) = create(app, |_| ("ada@example.com".to_owned(), None));
    assert_eq!(users.len(), 1);
    assert!(refused.iter().all(|error| matches!(error, Error::Validation(_))), "{refused:?}");
    let by_name = |number| (format!("person{number}@example.com"), Some("ada".to_owned()));
    let (named, refused) = create(app, by_name);
    assert_eq!(named.len(), 1);
    assert!(refused.iter().all(|error| matches!(error, Error::UsernameTaken)), "{refused:?}");
    users.extend(named);
    assert_eq!(rows(app, "auth_users"), 2);
    assert_eq!(app.mails().len(), 2);
}

/// Eight operators at once.
fn create(
    app: &App,
    account: impl Fn(usize) -> (String, Option<String>),
) -> (Vec<User>, Vec<Error>) {
    let accounts: Vec<_> = (0..8).map(account).collect();
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = accounts
            .into_iter()
            .map(|(email, username)| {
                scope.spawn(move || {
                    let mut account = NewAccount::new(&email);
                    account.username = username;
                    block_on(app.auth.operator("ada").create_user(account))
                })
            })
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    let (users, errors): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    (
        users.into_iter().filter_map(Result::ok).collect(),
        errors.into_iter().filter_map(Result::err).collect(),
    )
}

/// Lets users send `n` requests at once, while an operator acts.
fn while_users(
    app: &App,
    n: usize,
    request: impl Fn(usize) -> Request + Send,
    act: impl FnOnce(),
) -> Vec<Reply> {
    thread::scope(|scope| {
        let replies = scope.spawn(move || app.race(n, request));
        act();
        replies.join().expect("the race has no reason to panic")
    })
}
