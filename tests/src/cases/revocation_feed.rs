//! What tells an instance of the sessions that others have revoked, before it looks by itself.

use std::time::{Duration, Instant};

use serde_json::json;

use super::counting::rows;
use crate::adapters::block_on;
use crate::{App, Person, StoreKind, Tokens};

pub(super) fn postgres_tells_an_instance_at_once(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        return;
    }
    let other = app.beside(App::config(), |builder| builder);
    let background = block_on(async { other.auth.start() });
    assert!(is_told_at_once(app, &other, Telling::Postgres));

    // One connection hears of everything. It is made again when the server has closed it.
    assert!(eventually(|| rows(app, LISTENERS) == 1));
    app.execute(&format!("SELECT pg_terminate_backend(pid, 5000) FROM {LISTENERS}"));
    assert!(eventually(|| rows(app, LISTENERS) == 1));
    assert!(is_told_at_once(app, &other, Telling::Postgres));
    block_on(background.stop());
}

/// Who tells.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Telling {
    Postgres,
}

/// Whether `other` hears that a session has ended on `app` long before its next look is due.
fn is_told_at_once(app: &App, other: &App, by: Telling) -> bool {
    let [decoy, person] = [app.user(), app.user()];
    // A busy machine may be late; one that is told nothing is late every time.
    (0..5).any(|_| {
        let (decoys, tokens) = (app.sign_in(&decoy), app.sign_in(&person));
        // What nobody tells of is learnt by looking: the next look is half a second away.
        notify(app, false);
        revoke(app, &decoy);
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
