//! One session's refresh tokens used many times at once: a session never forks.

use std::time::Duration;

use serde_json::json;

use super::counting::{assert_only, assert_tally, rows, tally};
use super::races::{assert_dead, race_both};
use crate::{App, Reply, Request, Tokens};

pub(super) fn within_the_grace_everybody_gets_the_same_successor(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let replies = app.race(32, |_| access(&tokens.refresh));
    assert_tally(&replies, &[("200", 32)]);
    let next = one_successor(&replies);
    assert_ne!(next.refresh, tokens.refresh);
    assert_eq!(rows(app, "auth_sessions"), 1);
    App::tokens(&app.send(&access(&next.refresh)));
    assert_eq!(rows(app, "auth_sessions WHERE revoked_at IS NULL"), 1);
}

pub(super) fn two_instances_give_the_same_successor(app: &App) {
    let other = app.beside(App::config(), |builder| builder);
    let person = app.user();
    let tokens = app.sign_in(&person);
    let race = |app: &App| app.race(16, |_| access(&tokens.refresh));
    let replies = race_both(app, other, race);
    assert_tally(&replies, &[("200", 32)]);
    one_successor(&replies);
}

pub(super) fn without_grace_a_second_use_ends_the_session(app: &App) {
    let strict = app.beside(App::config().refresh_grace(Duration::ZERO), |builder| builder);
    let person = app.user();
    let tokens = strict.sign_in(&person);
    let replies = strict.race(32, |_| access(&tokens.refresh));
    assert_tally(&replies, &[("200", 1), ("401 invalid_refresh_token", 31)]);
    assert_dead(&strict, &tokens.access, &tokens.refresh);
    let next = one_successor(replies.iter().filter(|reply| reply.status == 200));
    assert_dead(&strict, &next.access, &next.refresh);
    let kinds: Vec<_> = strict.mails().iter().map(|mail| mail.kind.as_str()).collect();
    assert_eq!(kinds, ["refresh_token_reuse"]);
}

/// The first token is good as long as the second is unused: afterwards it is a replay.
pub(super) fn a_replay_that_races_its_successor_leaves_one_line_or_none(app: &App) {
    for _ in 0..3 {
        let person = app.user();
        let first = app.sign_in(&person);
        let second = App::tokens(&app.send(&access(&first.refresh)));
        let replies = app.race(32, |number| {
            access(if number % 2 == 0 { &first.refresh } else { &second.refresh })
        });
        assert_only(&replies, &["200", "401 invalid_refresh_token"]);
        let replayed = tally(&replies).contains_key("401 invalid_refresh_token");

        let good: Vec<Tokens> =
            replies.iter().filter(|reply| reply.status == 200).map(App::tokens).collect();
        let mut others: Vec<&str> =
            good.iter().map(|tokens| &*tokens.refresh).filter(|it| *it != second.refresh).collect();
        others.sort_unstable();
        others.dedup();
        assert!(others.len() <= 1, "it forked: {others:?}, {:?}", tally(&replies));
        for tokens in &good {
            let reply = app.get("/me", Some(&tokens.access));
            assert_eq!(reply.status, if replayed { 401 } else { 200 }, "{}", reply.text());
        }
        let third = others.first().expect("the second token was good at least once");
        if !replayed {
            App::tokens(&app.send(&access(third)));
            assert_tally(&[app.send(&access(&first.refresh))], &[REFUSED]);
        }
        assert_tally(&[app.send(&access(third))], &[REFUSED]);
    }
}

pub(super) fn a_sign_out_that_races_refreshes_ends_the_session(app: &App) {
    for _ in 0..3 {
        let person = app.user();
        let tokens = app.sign_in(&person);
        let body = json!({ "refresh_token": tokens.refresh });
        let replies = app.race(16, |number| match number {
            7 => Request::post("/sign-out", &body),
            _ => access(&tokens.refresh),
        });
        assert_only(&replies, &["200", "204", "401 invalid_refresh_token"]);
        assert_eq!(replies[7].status, 204, "{}", replies[7].text());
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            let next = App::tokens(reply);
            assert_dead(app, &next.access, &next.refresh);
        }
        assert_eq!(rows(app, "auth_sessions WHERE revoked_at IS NULL"), 0);
    }
}

#[track_caller]
fn one_successor<'a>(replies: impl IntoIterator<Item = &'a Reply>) -> Tokens {
    let all: Vec<Tokens> = replies.into_iter().map(App::tokens).collect();
    let different = all.iter().filter(|tokens| tokens.refresh != all[0].refresh).count();
    assert_eq!(different, 0, "of {}", all.len());
    all[0].clone()
}

fn access(refresh_token: &str) -> Request {
    Request::post("/access", &json!({ "refresh_token": refresh_token }))
}

const REFUSED: (&str, usize) = ("401 invalid_refresh_token", 1);
