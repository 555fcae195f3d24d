//! On Postgres the suite runs as the role that the manual describes, which owns nothing; this is
//! what such a role may not.

use std::error::Error;
use std::time::Duration;

use auth_core::Store;

use super::counting::rows;
use crate::adapters::block_on;
use crate::{App, StoreKind};

pub(super) fn what_happened_can_be_added_to_and_read(apps: &[App]) {
    let Some(app) = on_postgres(apps) else { return };
    let rights = "SELECT string_agg(p, ' ')
                  FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p,
                       (SELECT usename FROM pg_stat_activity
                        WHERE datname = current_database() AND usename LIKE '%_service' LIMIT 1) u
                  WHERE has_table_privilege(usename, 'auth_events', p)";
    assert_eq!(app.texts(rights), [Some("SELECT INSERT".to_owned())]);

    let person = app.user();
    app.sign_in(&person);
    app.clock.advance(Duration::from_secs(400 * 86_400));
    let purged = block_on(app.auth.purge()).expect("what it may not delete is left to another");
    assert_eq!((purged.events, purged.sessions), (0, 1));
    assert!(rows(app, "auth_events") > 0);
}

pub(super) fn a_schema_that_lacks_something_stays_as_it_is(apps: &[App]) {
    let Some(app) = on_postgres(apps) else { return };
    app.execute("DELETE FROM _auth_migrations WHERE version > 4");
    let error = block_on(Store::postgres(app.service_url())).expect_err("it may not migrate");
    let cause = error.source().map(ToString::to_string);
    assert!(cause.is_some_and(|cause| cause.contains("permission denied")), "{error:?}");
}

/// The roles of SQLite are those of the file system.
fn on_postgres(apps: &[App]) -> Option<&App> {
    (apps[0].kind == StoreKind::Postgres).then_some(&apps[0])
}
