//! What tells an instance of the sessions that others have revoked, before it looks by itself.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::counting::rows;
use crate::adapters::block_on;
use crate::namespace::Namespace;
use crate::{App, Person, StoreKind, Tokens};

pub(super) fn postgres_tells_an_instance_at_once(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        return;
    }
    // One whose Redis is away hears as well as one that has none.
    let other = app.beside(App::config(), |builder| builder.redis(Namespace::nobodys()));
    let people = [app.user(), app.user()];
    let background = block_on(async { other.auth.start() });
    assert!(is_told_at_once(app, &other, &people, Telling::Postgres));

    // One connection hears of everything. It is made again when the server has closed it.
    assert!(eventually(|| rows(app, LISTENERS) == 1));
    app.execute(&format!("SELECT pg_terminate_backend(pid, 5000) FROM {LISTENERS}"));
    assert!(eventually(|| rows(app, LISTENERS) == 1));
    assert!(is_told_at_once(app, &other, &people, Telling::Postgres));
    block_on(background.stop());
}

pub(super) fn redis_tells_an_instance_at_once(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let [one, other] =
        [0, 1].map(|_| app.beside(App::config(), |builder| builder.redis(namespace.redis())));
    let people = [app.user(), app.user()];
    let background = block_on(async { other.auth.start() });
    assert!(is_told_at_once(&one, &other, &people, Telling::Redis));
    block_on(background.stop());
}

pub(super) fn what_redis_says_is_asked_of_the_database(apps: &[App]) {
    let (app, namespace) = (&apps[0], Namespace::fresh());
    let [one, other] =
        [0, 1].map(|_| app.beside(App::config(), |builder| builder.redis(namespace.redis())));
    let people = [app.user(), app.user()];
    let background = block_on(async { other.auth.start() });
    let tokens = app.sign_in(&people[0]);
    // The limits make keys, and so tell what keys start with.
    one.sign_in(&people[0]);
    let key = namespace.keys().swap_remove(0);
    let service = key.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
    let channel = format!("{service}:revocations");
    let session = session_of(&tokens).replace('-', "");
    let listens = || namespace.run::<(String, i64)>(&["PUBSUB", "NUMSUB", &channel]).1 == 1;
    assert!(eventually(listens));
    for forged in [&session[..], "", "x", &session[1..], &"0".repeat(1_000_000)] {
        assert_eq!(namespace.run::<i64>(&["PUBLISH", &channel, forged]), 1);
        assert!(is_accepted(&other, &tokens));
    }
    assert!(is_told_at_once(&one, &other, &people, Telling::Redis));
    assert!(is_accepted(&other, &app.sign_in(&people[0])));
    block_on(background.stop());
}

/// Who tells.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Telling {
    Postgres,
    Redis,
}

/// Whether `other` hears that a session has ended on `app` long before its next look is due.
fn is_told_at_once(app: &App, other: &App, people: &[Person; 2], by: Telling) -> bool {
    let [decoy, person] = people;
    // A busy machine may be late; one that is told nothing is late every time.
    (0..5).any(|_| {
        let (decoys, tokens) = (app.sign_in(decoy), app.sign_in(person));
        // What nobody tells of is learnt by looking: the next look is half a second away.
        notify(app, false);
        revoke(app, decoy);
        assert!(eventually(|| !is_accepted(other, &decoys)));
        notify(app, by == Telling::Postgres);
        assert!(is_accepted(other, &tokens));
        let begun = Instant::now();
        app.post("/sign-out", json!({ "refresh_token": tokens.refresh }));
        assert!(eventually(|| !is_accepted(other, &tokens)));
        begun.elapsed() < SOON
    })
}

/// Lets Postgres tell of revocations, or not.
fn notify(app: &App, enable: bool) {
    if app.kind == StoreKind::Postgres {
        let what = if enable { "ENABLE" } else { "DISABLE" };
        app.execute(&format!("ALTER TABLE auth_sessions {what} TRIGGER auth_revocations_notify"));
    }
}

/// Revokes every session of `person` behind the server's back.
fn revoke(app: &App, person: &Person) {
    app.execute(&format!(
        "UPDATE auth_sessions SET revoked_at = created_at
         WHERE user_id = (SELECT id FROM auth_users WHERE email = '{}')",
        person.email
    ));
}

/// Returns the session of an access token.
fn session_of(tokens: &Tokens) -> String {
    let claims = tokens.access.split('.').nth(1).expect("a token has three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("they are base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("claims are JSON");
    claims["sid"].as_str().expect("a session is named").to_owned()
}

fn is_accepted(app: &App, tokens: &Tokens) -> bool {
    app.host("/identity", Some(&tokens.access)).status == 200
}

fn eventually(condition: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

const LISTENERS: &str =
    "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
/// Half of what a look takes to come, and more than anything that is told.
const SOON: Duration = Duration::from_millis(250);
/// Longer than anything healthy takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
