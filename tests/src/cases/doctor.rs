//! Each thing that is wrong with a running service is found, and nothing that is not.

use std::time::Duration;

use auth_core::{Auth, Clock, Config, MasterSecret, Severity, Store, SystemClock};
use sqlx::postgres::PgPoolOptions;

use crate::adapters::block_on;
use crate::{App, StoreKind};

pub(super) fn what_is_wrong_is_found_and_nothing_else(apps: &[App]) {
    let app = &apps[0];
    let sound = in_the_present(app);
    sound.enable_two_factor(&sound.sign_in(&sound.user()));
    sound.mails();
    let found = || {
        to_the_present(app);
        found(&sound.auth)
    };
    assert_eq!(found(), []);
    let (past, long_past, zero) = match app.kind {
        StoreKind::Postgres => {
            ("now() - interval '3 days'", "now() - interval '40 days'", r"'\x00'")
        }
        StoreKind::Sqlite => (
            "unixepoch() * 1000000 - 259200000000",
            "unixepoch() * 1000000 - 3456000000000",
            "X'00'",
        ),
    };

    let rotated = block_on(async {
        let store = store(app, app.service_url()).await;
        let secret = secret(100).with_previous(secret(0));
        Auth::builder(config(), store, secret).clock(SystemClock).build().await
    });
    let rotated = self::found(&rotated.expect("one of the secrets opens the keys"));
    assert_eq!(rotated, [(Severity::Warning, "mailer"), (Severity::Note, "secret")].map(owned));

    for (wrong, mended, finding) in [
        (
            format!("INSERT INTO auth_attempts VALUES ('one', 1, {past})"),
            "DELETE FROM auth_attempts".to_owned(),
            (Severity::Warning, "housekeeping"),
        ),
        (
            format!("UPDATE auth_messages SET failed_at = {past}"),
            "UPDATE auth_messages SET failed_at = NULL".to_owned(),
            (Severity::Warning, "outbox"),
        ),
        (
            format!("UPDATE auth_messages SET sent_at = NULL, created_at = {past}"),
            format!("UPDATE auth_messages SET sent_at = {past}"),
            (Severity::Warning, "outbox"),
        ),
        (
            format!("UPDATE auth_signing_keys SET active_from = {long_past}"),
            format!("UPDATE auth_signing_keys SET active_from = {past}"),
            (Severity::Warning, "signing_keys"),
        ),
        (
            format!("UPDATE auth_totp SET secret = {zero}"),
            "DELETE FROM auth_totp".to_owned(),
            (Severity::Error, "secret"),
        ),
        (
            "DELETE FROM _auth_migrations WHERE version = 5".to_owned(),
            "DROP TABLE auth_username_holds".to_owned(),
            (Severity::Error, "database"),
        ),
    ] {
        app.execute(&wrong);
        assert_eq!(found(), [owned(finding)], "{wrong}");
        app.execute(&mended);
    }
    app.execute("DROP TABLE auth_attempts");
    assert!(found().contains(&owned((Severity::Error, "database"))));
}

pub(super) fn a_server_tells_of_its_clock_its_locks_and_its_roles(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        return;
    }
    // The clock of this instance stands still, in another year.
    let apart = app.beside(config(), |builder| builder);
    assert_eq!(found(&apart.auth), [owned((Severity::Warning, "database"))]);
    let sound = in_the_present(app);
    assert_eq!(found(&sound.auth), []);
    app.execute("GRANT DELETE ON auth_events TO PUBLIC");
    to_the_present(app);
    assert_eq!(found(&sound.auth), [owned((Severity::Note, "database"))]);
    // A host's own pool, of an administrator.
    let findings = block_on(async {
        let pool = PgPoolOptions::new().connect(app.database_url()).await.expect("it answers");
        let store = Store::from_postgres(pool).await.expect("the schema is there");
        let auth = Auth::builder(config(), store, secret(0)).clock(SystemClock).build().await;
        auth.expect("a sound configuration builds").doctor().await
    });
    let has = |part: &str| findings.iter().any(|finding| finding.problem.contains(part));
    assert!(has("lock_timeout") && has("superuser"), "{findings:?}");
}

/// An instance whose clock is right, with the keys of one.
fn in_the_present(app: &App) -> App {
    to_the_present(app);
    app.execute("DELETE FROM auth_signing_keys");
    app.beside(config(), |builder| builder)
}

fn to_the_present(app: &App) {
    app.clock.advance(SystemClock.now().since(app.clock.now()));
}

fn found(auth: &Auth) -> Vec<(Severity, String)> {
    let findings = block_on(auth.doctor());
    findings.into_iter().map(|finding| (finding.severity, finding.subject)).collect()
}

fn owned((severity, subject): (Severity, &str)) -> (Severity, String) {
    (severity, subject.to_owned())
}

/// So slow a database is none.
fn config() -> Config {
    App::config().uniform_time(Duration::from_secs(5))
}

async fn store(app: &App, url: &str) -> Store {
    match app.kind {
        StoreKind::Postgres => Store::postgres(url).await,
        StoreKind::Sqlite => Store::sqlite(url).await,
    }
    .expect("the database opens")
}

fn secret(first: u8) -> MasterSecret {
    MasterSecret::new((first..first + 32).collect()).expect("it is long enough")
}
