//! What is over is deleted, and nothing else; by a role that may do no more than it has to.

use std::time::Duration;

use auth_core::{Auth, MasterSecret, Store};
use serde_json::json;

use super::counting::{assert_tally, rows};
use crate::adapters::block_on;
use crate::{App, Request, StoreKind};

pub(super) fn what_is_over_is_deleted_and_nothing_else(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.enable_two_factor(&tokens);
    let sign_in = json!({ "email": person.email, "password": person.password });
    app.post("/sign-in", sign_in);
    let other = app.user();
    let enrolling = app.sign_in(&other);
    app.post_as(&enrolling.access, "/enable-2fa", json!({}));
    app.post("/request-password-reset", json!({ "email": person.email }));
    let unproven = app.stranger();
    let sign_up = json!({
        "email": unproven.email, "password": unproven.password, "username": "awaited"
    });
    app.post("/sign-up", sign_up);
    app.mails();
    app.post("/sign-out", json!({ "refresh_token": enrolling.refresh }));
    let deleted = app.sign_in(&app.user());
    app.send(&Request::new("DELETE", "/me").bearer(&deleted.access));
    app.mails();

    let owner = owner(app);
    let nothing = block_on(owner.purge()).expect("the owner may delete");
    assert_eq!(format!("{nothing:?}").matches(": 0").count(), 11, "{nothing:?}");

    app.clock.advance(hours(2));
    let purged = block_on(owner.purge()).expect("the owner may delete");
    assert_eq!((purged.challenges, purged.enrolments, purged.one_time_tokens), (1, 1, 1));
    assert_eq!(purged.sessions, 1, "of those the one that was signed out");
    assert_eq!(purged.revocations, 1);
    assert_eq!((purged.username_holds, purged.users, purged.messages), (0, 0, 0));
    assert_tally(&[app.post("/access", json!({ "refresh_token": tokens.refresh }))], &[("200", 1)]);

    app.clock.advance(days(29));
    let purged = block_on(owner.purge()).expect("the owner may delete");
    assert_eq!((purged.one_time_tokens, purged.username_holds), (1, 1));
    assert_eq!((purged.sessions, purged.attempts > 0), (1, true));
    assert_eq!((purged.users, purged.messages, purged.events), (0, 0, 0));
    app.clock.advance(days(1));
    let purged = block_on(owner.purge()).expect("the owner may delete");
    assert_eq!(purged.users, 1, "who never proved the address");
    assert!(purged.messages > 0);
    assert_eq!(rows(app, "auth_users"), 2);
    assert_eq!(rows(app, "auth_messages"), 0);
    assert_eq!(rows(app, "auth_events WHERE kind = 'user_deleted' AND actor = 'system'"), 1);

    let events = rows(app, "auth_events");
    app.clock.advance(days(336));
    let purged = block_on(owner.purge()).expect("the owner may delete");
    assert!(purged.events > 0 && purged.events < events as u64, "{purged:?} of {events}");
    assert_eq!(rows(app, "auth_users"), 2, "proven users stay");
}

pub(super) fn a_user_who_may_still_prove_the_address_stays(apps: &[App]) {
    let app = &apps[0];
    let [late, disabled, referred] = [(); 3].map(|()| {
        let person = app.stranger();
        app.sign_up(&person);
        person.email
    });
    app.execute(&format!(
        "UPDATE auth_users SET disabled_at = created_at WHERE email = '{disabled}'"
    ));
    let id = match app.kind {
        StoreKind::Postgres => "UUID",
        StoreKind::Sqlite => "BLOB",
    };
    app.execute(&format!("CREATE TABLE host_things (user_id {id} REFERENCES auth_users (id))"));
    app.execute(&format!(
        "INSERT INTO host_things SELECT id FROM auth_users WHERE email = '{referred}'"
    ));
    app.clock.advance(days(30));
    app.post("/send-activation-email", json!({ "email": late }));
    assert!(block_on(owner(app).purge()).is_err(), "the host refers to one of them");
    assert_eq!(rows(app, "auth_users"), 3);
    app.execute("DELETE FROM host_things");
    let purged = block_on(owner(app).purge()).expect("nobody refers to them");
    assert_eq!(purged.users, 1);
    // The link that was asked for last.
    let token = app.mails().iter().rev().find(|mail| mail.to == late).map(App::token_of);
    let token = token.expect("it was mailed");
    assert_tally(
        &[app.post(
            "/activate-account",
            json!({ "token": token, "password": "a new plum tractor" }),
        )],
        &[("200", 1)],
    );
}

pub(super) fn many_refreshes_leave_one_row(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let mut tokens = app.sign_in(&person);
    for _ in 0..200 {
        tokens = App::tokens(&app.post("/access", json!({ "refresh_token": tokens.refresh })));
        app.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(rows(app, "auth_sessions"), 1);
}

/// More than one statement deletes.
pub(super) fn a_flood_is_deleted_whole_by_all_instances_at_once(apps: &[App]) {
    let app = &apps[0];
    let (series, now) = match app.kind {
        StoreKind::Postgres => ("FROM generate_series(1, 2500) n", "now() - interval '10 years'"),
        StoreKind::Sqlite => (
            "FROM (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT 2500)
                   SELECT n FROM s)",
            "0",
        ),
    };
    app.execute(&format!("INSERT INTO auth_attempts SELECT 'flood:' || n, 1, {now} {series}"));
    let other = owner(app);
    let (one, two) = block_on(async { tokio::join!(app.auth.purge(), other.purge()) });
    let deleted = one.expect("it deletes").attempts + two.expect("it deletes").attempts;
    assert_eq!((deleted, rows(app, "auth_attempts")), (2500, 0));
}

/// An instance that connects as whoever migrated.
fn owner(app: &App) -> Auth {
    block_on(async {
        let store = match app.kind {
            StoreKind::Postgres => Store::postgres(app.database_url()).await,
            StoreKind::Sqlite => Store::sqlite(app.database_url()).await,
        };
        let secret = MasterSecret::new((0..32).collect()).expect("it is long enough");
        let store = store.expect("the database opens");
        let builder = Auth::builder(App::config(), store, secret).clock(app.clock.clone());
        builder.build().await.expect("a sound configuration builds")
    })
}

fn days(n: u64) -> Duration {
    hours(24 * n)
}

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}
