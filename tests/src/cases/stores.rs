//! The two engines hold the same, beside whatever else a host keeps there.

use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use auth_core::{Auth, ManualClock, MasterSecret, Store, Timestamp};
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::counting::rows;
use super::probes::{OTHER_PASSWORD, assert_live, refresh, reset_token};
use crate::adapters::block_on;
use crate::databases::Database;
use crate::{App, StoreKind};

pub(super) fn both_engines_have_the_same_schema(apps: &[App]) {
    let postgres = &apps[0];
    if postgres.kind == StoreKind::Sqlite {
        // Postgres may be left out; where it is not, the other run compares.
        return;
    }
    let sqlite = App::start(postgres.adapter, StoreKind::Sqlite);
    for (what, of_postgres, of_sqlite) in [
        ("columns", POSTGRES_COLUMNS, SQLITE_COLUMNS),
        ("keys", POSTGRES_KEYS, SQLITE_KEYS),
        ("references", POSTGRES_REFERENCES, SQLITE_REFERENCES),
    ] {
        let [ours, theirs] = [(postgres, of_postgres), (&sqlite, of_sqlite)].map(|(app, sql)| {
            let mut lines: Vec<String> = app.texts(sql).into_iter().flatten().collect();
            lines.sort();
            lines
        });
        assert!(!ours.is_empty(), "{what}");
        assert_eq!(ours, theirs, "{what}");
    }
}

/// Whatever the database's own collation finds equal.
pub(super) fn what_is_unique_is_compared_byte_for_byte(apps: &[App]) {
    let app = &apps[0];
    let alike = ["bob", "BOB", "bob ", "b\u{f6}b", "bo\u{308}b", "b\u{131}b", "\u{212a}", "k"];
    for (number, name) in alike.into_iter().enumerate() {
        let (id, now, roles) = match app.kind {
            StoreKind::Postgres => (format!("'{number:032x}'"), "now()", "'[]'"),
            StoreKind::Sqlite => (format!("X'{number:032x}'"), "0", "'[]'"),
        };
        app.execute(&format!(
            "INSERT INTO auth_users (id, email, email_canonical, username_canonical, roles,
                                     password_epoch, factor_epoch, created_at)
             VALUES ({id}, '{name}', '{name}', '{name}', {roles}, 0, 0, {now})"
        ));
        app.execute(&format!("INSERT INTO auth_attempts VALUES ('{name}', 1, {now})"));
    }
    for name in alike {
        assert_eq!(rows(app, &format!("auth_users WHERE email_canonical = '{name}'")), 1);
        assert_eq!(rows(app, &format!("auth_users WHERE username_canonical = '{name}'")), 1);
    }
    if app.kind == StoreKind::Postgres {
        let others = "information_schema.columns WHERE table_schema = 'public'
                      AND (column_name LIKE '%\\_canonical' OR column_name = 'subject'
                           OR table_name = 'auth_username_holds' AND data_type = 'text')
                      AND collation_name IS DISTINCT FROM 'C'";
        assert_eq!(rows(app, others), 0);
    }
}

pub(super) fn a_host_keeps_its_own_migrations_in_the_same_database(apps: &[App]) {
    let kind = apps[0].kind;
    for host_first in [true, false] {
        let database = block_on(empty(kind));
        block_on(async {
            if host_first {
                migrate_host(&database).await;
            }
            drop(database.store().await);
            migrate_host(&database).await;
            drop(database.store().await);
        });
        let counted = |table: &str| {
            let sql = format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}");
            block_on(database.texts(&sql))[0].clone().expect("a count is never NULL")
        };
        // Both count from one: in one table they would take each other's for their own.
        assert_eq!(counted("_sqlx_migrations"), "1", "the host first: {host_first}");
        let ours = counted("_auth_migrations").parse::<u32>().expect("it is a number");
        assert!(ours > 1, "the host first: {host_first}");
        assert_eq!(counted("host_things"), "0");
        assert_eq!(counted("auth_users"), "0");
    }
}

pub(super) fn instances_may_start_at_once_on_an_empty_database(apps: &[App]) {
    let kind = apps[0].kind;
    for _ in 0..3 {
        let database = block_on(empty(kind));
        let built: Vec<Result<Auth, String>> = thread::scope(|scope| {
            let starts = [(); 3].map(|()| scope.spawn(|| block_on(start(kind, database.url()))));
            starts.into_iter().map(|start| start.join().expect("no panic")).collect()
        });
        let failed: Vec<_> = built.iter().filter_map(|built| built.as_ref().err()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        // They agree on who signs.
        let keys =
            block_on(database.texts("SELECT CAST(generation AS TEXT) FROM auth_signing_keys"));
        assert_eq!(keys.len(), 1, "{keys:?}");
    }
}

/// As a rolling deployment has it: the next version has migrated, and this one is still there.
pub(super) fn a_newer_schema_that_only_adds_is_worked_with(apps: &[App]) {
    let app = &apps[0];
    let before = app.sign_in(&app.user());
    let table = match app.kind {
        StoreKind::Postgres => {
            "information_schema.tables WHERE table_schema = 'public'
                                AND table_name LIKE 'auth\\_%'"
        }
        StoreKind::Sqlite => {
            "sqlite_schema WHERE type = 'table'
                              AND name LIKE 'auth\\_%' ESCAPE '\\'"
        }
    };
    let name = if app.kind == StoreKind::Postgres { "table_name" } else { "name" };
    for table in app.texts(&format!("SELECT {name} FROM {table}")).into_iter().flatten() {
        app.execute(&format!("ALTER TABLE {table} ADD COLUMN later TEXT"));
        app.execute(&format!("ALTER TABLE {table} ADD COLUMN fixed INTEGER NOT NULL DEFAULT 7"));
    }
    app.execute("CREATE TABLE auth_later (id INTEGER PRIMARY KEY)");
    app.execute("CREATE INDEX auth_users_later ON auth_users (later)");
    applied(app, 9999);

    assert_live(app, &before);
    for instance in [app, &app.beside(App::config(), |builder| builder)] {
        let person = instance.user();
        let tokens = instance.sign_in(&person);
        let tokens = refresh(instance, &tokens.refresh).json();
        let access = tokens["access_token"].as_str().expect("it is refreshed");
        let token = reset_token(instance, &person);
        let body = json!({ "token": token, "password": OTHER_PASSWORD });
        assert_eq!(instance.post("/reset-password", body).status, 200);
        assert_eq!(instance.get("/me", Some(access)).status, 401);
    }
    block_on(app.auth.purge()).expect("what is over can be deleted");
}

pub(super) fn a_newer_schema_that_takes_away_is_refused(apps: &[App]) {
    let app = &apps[0];
    applied(app, 9999);
    app.execute("UPDATE auth_compatibility SET oldest = 9998");
    let error = block_on(start(app.kind, app.service_url())).expect_err("it knows neither");
    for named in ["migration 9999", "migration 9998"] {
        assert!(error.contains(named), "{error}");
    }
    app.execute("UPDATE auth_compatibility SET oldest = 6");
    block_on(start(app.kind, app.service_url())).expect("it knows that one");
}

/// Writes down that a newer version has migrated.
fn applied(app: &App, version: u32) {
    app.execute(&format!(
        "INSERT INTO _auth_migrations (version, description, success, checksum, execution_time)
         VALUES ({version}, 'later', TRUE, '', 0)"
    ));
}

async fn start(kind: StoreKind, url: &str) -> Result<Auth, String> {
    let store = match kind {
        StoreKind::Postgres => Store::postgres(url).await,
        StoreKind::Sqlite => Store::sqlite(url).await,
    };
    let store = store.map_err(|error| format!("{error:?}"))?;
    let secret = MasterSecret::new((0..32).collect()).expect("it is long enough");
    let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
    let built = Auth::builder(App::config(), store, secret).clock(clock).build().await;
    built.map_err(|error| format!("{error:?}"))
}

/// A database without a single table.
async fn empty(kind: StoreKind) -> Database {
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    if kind == StoreKind::Sqlite {
        return Database::fresh(kind).await;
    }
    let admin = std::env::var("DATABASE_URL").expect("tests/run sets DATABASE_URL");
    let options = PgConnectOptions::from_str(&admin).expect("DATABASE_URL is a URL");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("auth_test_empty_{}_{number}", std::process::id());
    let mut connection = options.connect().await.expect("Postgres answers");
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut connection).await.expect("it may create databases");
    let url = options.database(&name).to_url_lossy().to_string();
    Database::Postgres { url, name, service: None }
}

/// What `sqlx migrate run` does for the host.
async fn migrate_host(database: &Database) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let first = folder.path().join("0001_things.sql");
    std::fs::write(first, "CREATE TABLE host_things (id BIGINT);").expect("there is room");
    let migrator = Migrator::new(Path::new(folder.path())).await.expect("there is a migration");
    match database {
        Database::Postgres { url, .. } => {
            let mut connection = PgConnection::connect(url).await.expect("Postgres answers");
            migrator.run(&mut connection).await
        }
        Database::Sqlite { url, .. } => {
            let options = SqliteConnectOptions::from_str(url).expect("it is a URL");
            let mut connection: SqliteConnection =
                options.create_if_missing(true).connect().await.expect("it opens");
            migrator.run(&mut connection).await
        }
    }
    .expect("the host's migration runs");
}

const POSTGRES_COLUMNS: &str = "
    SELECT table_name || '.' || column_name || CASE data_type
               WHEN 'bigint' THEN ' integer' WHEN 'boolean' THEN ' integer'
               WHEN 'timestamp with time zone' THEN ' integer'
               WHEN 'bytea' THEN ' blob' WHEN 'uuid' THEN ' blob'
               WHEN 'jsonb' THEN ' text' WHEN 'text' THEN ' text' ELSE ' ?' || data_type END
           || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
           || COALESCE(' default ' || CASE WHEN column_default LIKE 'to_timestamp((0)%' THEN '0'
                ELSE split_part(column_default, '::', 1) END, '')
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name LIKE 'auth\\_%'";
const SQLITE_COLUMNS: &str = "
    SELECT t.name || '.' || c.name || ' ' || lower(c.type)
           || CASE c.\"notnull\" WHEN 1 THEN ' not null' ELSE '' END
           || COALESCE(' default ' || CASE c.dflt_value WHEN 'TRUE' THEN 'true'
                                                              ELSE c.dflt_value END, '')
    FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name LIKE 'auth\\_%' ESCAPE '\\'";
const POSTGRES_KEYS: &str = "
    SELECT c.relname || '(' || string_agg(a.attname, ',' ORDER BY k.place) || ')'
           || CASE WHEN bool_or(i.indisunique) THEN ' unique' ELSE '' END
           || CASE WHEN bool_or(i.indpred IS NOT NULL) THEN ' partial' ELSE '' END
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
    WHERE c.relname LIKE 'auth\\_%' GROUP BY i.indexrelid, c.relname";
/// The key of a table with a rowid is not an index.
const SQLITE_KEYS: &str = "
    SELECT t.name || '(' || group_concat(c.name, ',' ORDER BY c.pk) || ') unique'
    FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name LIKE 'auth\\_%' ESCAPE '\\' AND c.pk > 0 GROUP BY t.name
    UNION ALL
    SELECT t.name || '(' || group_concat(c.name, ',' ORDER BY c.seqno) || ')'
           || CASE i.\"unique\" WHEN 1 THEN ' unique' ELSE '' END
           || CASE i.partial WHEN 1 THEN ' partial' ELSE '' END
    FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
    WHERE t.type = 'table' AND t.name LIKE 'auth\\_%' ESCAPE '\\' AND i.origin <> 'pk'
    GROUP BY t.name, i.name, i.\"unique\", i.partial";
const POSTGRES_REFERENCES: &str = "
    SELECT c.relname || '.' || a.attname || ' ' || f.relname
           || CASE r.confdeltype WHEN 'c' THEN ' CASCADE' ELSE ' ?' END
    FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid
         JOIN pg_class f ON f.oid = r.confrelid
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = r.conkey[1]
    WHERE r.contype = 'f' AND c.relname LIKE 'auth\\_%'";
const SQLITE_REFERENCES: &str = "
    SELECT t.name || '.' || f.\"from\" || ' ' || f.\"table\" || ' ' || f.on_delete
    FROM sqlite_schema t, pragma_foreign_key_list(t.name) f
    WHERE t.type = 'table' AND t.name LIKE 'auth\\_%' ESCAPE '\\'";
