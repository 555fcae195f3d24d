//! Which migrations a database has had, and which it has yet to have.

use std::fmt;

#[cfg(feature = "postgres")]
use sqlx::Connection;
use sqlx::migrate::Migrator;

use super::connect::Pools;
#[cfg(feature = "postgres")]
use super::kept::Intent;
use super::{Store, StoreError};

/// How the schema of a database stands to this version of the crate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Schema {
    /// The migrations that are yet to be applied, by number.
    pub(crate) pending: Vec<i64>,
    /// Those of a newer version.
    pub(crate) newer: Vec<i64>,
    /// The newest of this version.
    newest: i64,
    /// The one that a version must know to work with it, if there are newer ones.
    oldest: Option<i64>,
    /// Those that were applied in another wording, or broke off.
    broken: Vec<Applied>,
}

#[derive(Clone, Debug, Eq, PartialEq, sqlx::FromRow)]
struct Applied {
    version: i64,
    checksum: Vec<u8>,
    success: bool,
}

impl Schema {
    /// Whether this version can work with it.
    pub(crate) fn is_current(&self) -> bool {
        self.pending.is_empty() && self.broken.is_empty() && self.is_compatible()
    }

    /// Whether the newer version, if there was one, has only added what this one does without.
    fn is_compatible(&self) -> bool {
        self.newer.is_empty() || self.oldest.is_some_and(|oldest| oldest <= self.newest)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(newer), false) = (self.newer.last(), self.is_compatible()) {
            let newest = self.newest;
            write!(f, "the schema is that of a newer version, with migration {newer}; ")?;
            return match self.oldest {
                Some(oldest) => write!(
                    f,
                    "a version that works with it knows migration {oldest}, and this one none \
                     after {newest}"
                ),
                None => write!(f, "this one knows none after {newest}"),
            };
        }
        if !self.broken.is_empty() {
            return f.write_str("a migration broke off, or was applied in another wording");
        }
        let pending = self.pending.len();
        write!(
            f,
            "the schema lacks {pending} of the migrations of this version, which `auth migrate` applies"
        )
    }
}

impl Store {
    /// Compares the migrations that the database has had with those of this version, which takes
    /// no right but to read.
    pub(crate) async fn schema(&self) -> Result<Schema, StoreError> {
        let applied = match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => {
                let mut lent = lender.lend(Intent::Reading).await?;
                let sql = "SELECT to_regclass('_auth_migrations') IS NOT NULL";
                match sqlx::query_scalar(sql).fetch_one(lent.connection()).await? {
                    true => sqlx::query_as(APPLIED).fetch_all(lent.connection()).await?,
                    false => Vec::new(),
                }
            }
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { readers, .. } => {
                let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema
                                          WHERE type = 'table' AND name = '_auth_migrations')";
                match sqlx::query_scalar(sql).fetch_one(readers).await? {
                    true => sqlx::query_as(APPLIED).fetch_all(readers).await?,
                    false => Vec::new(),
                }
            }
        };
        let mut schema = self.compare(applied);
        if !schema.newer.is_empty() && !schema.pending.contains(&COMPATIBILITY) {
            let sql = "SELECT oldest FROM auth_compatibility WHERE id = 1";
            schema.oldest = match &self.0 {
                #[cfg(feature = "postgres")]
                Pools::Postgres(lender) => {
                    let mut lent = lender.lend(Intent::Reading).await?;
                    sqlx::query_scalar(sql).fetch_optional(lent.connection()).await?
                }
                #[cfg(feature = "sqlite")]
                Pools::Sqlite { readers, .. } => {
                    sqlx::query_scalar(sql).fetch_optional(readers).await?
                }
            };
        }
        Ok(schema)
    }

    /// Brings the schema up to date, and returns how many migrations that took.
    ///
    /// Only if there is something to do, it takes the right to: a role that may not change the
    /// schema can use one that is up to date.
    pub(crate) async fn migrate(&self) -> Result<usize, StoreError> {
        let schema = self.schema().await?;
        if schema.is_current() {
            return Ok(0);
        }
        if !schema.newer.is_empty() {
            return Err(sqlx::Error::Configuration(schema.to_string().into()).into());
        }
        match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => {
                // No longer the pool's: however this ends, what is set here and the migrator's lock
                // belong to the session, and end with it.
                let mut connection = lender.pool().acquire().await?.detach();
                // Another instance may be migrating, which takes as long as it takes.
                sqlx::raw_sql("SET lock_timeout = 0; SET statement_timeout = 0")
                    .execute(&mut connection)
                    .await?;
                self.migrations().run_direct(None, &mut connection, false).await?;
                connection.close().await?;
            }
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { writer, .. } => {
                // Two processes may open the file at once: the second waits here for the first.
                let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                self.migrations().run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
        }
        Ok(schema.pending.len())
    }

    fn compare(&self, applied: Vec<Applied>) -> Schema {
        let migrations = self.migrations();
        let known: Vec<i64> = migrations.iter().map(|migration| migration.version).collect();
        let newest = known.iter().copied().max().unwrap_or_default();
        let mut schema = Schema { pending: known, newest, ..Schema::default() };
        for row in applied {
            schema.pending.retain(|version| *version != row.version);
            match migrations.iter().find(|migration| migration.version == row.version) {
                None => schema.newer.push(row.version),
                Some(migration) if row.success && *migration.checksum == *row.checksum => {}
                Some(_) => schema.broken.push(row),
            }
        }
        schema
    }

    /// To be run by `run_direct`: the future of `run` is not `Send` for what it cannot name.
    fn migrations(&self) -> Migrator {
        let mut migrations = match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(_) => sqlx::migrate!("migrations/postgres"),
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => sqlx::migrate!("migrations/sqlite"),
        };
        migrations.dangerous_set_table_name("_auth_migrations");
        migrations
    }
}

/// The migration since which a schema says who can work with it.
const COMPATIBILITY: i64 = 6;
const APPLIED: &str = "SELECT version, checksum, success FROM _auth_migrations ORDER BY version";

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_schema_is_compared_without_being_changed() {
        let store = Store::open_sqlite("sqlite::memory:", true).await.unwrap();
        let fresh = store.schema().await.unwrap();
        assert_eq!(fresh.pending.first(), Some(&1));
        assert_eq!(store.migrate().await.unwrap(), fresh.pending.len());
        assert!(store.schema().await.unwrap().is_current());
        assert_eq!(store.migrate().await.unwrap(), 0);

        let execute = async |sql| {
            let mut tx = store.begin().await.unwrap();
            sqlx::query(sql).execute(tx.sqlite().unwrap()).await.unwrap();
            tx.commit().await.unwrap();
        };
        execute("UPDATE _auth_migrations SET checksum = X'00' WHERE version = 2").await;
        assert_eq!(store.schema().await.unwrap().broken.len(), 1);
        assert!(store.migrate().await.is_err(), "it was applied in another wording");
        execute("UPDATE _auth_migrations SET version = 9999 WHERE version = 2").await;
        let newer = store.schema().await.unwrap();
        assert_eq!((newer.pending, newer.newer), (vec![2], vec![9999]));
        assert!(store.migrate().await.is_err(), "it lacks one and has a newer one");
    }

    /// Requests that lock one table and wait for another would else wait for a migration that waits for
    /// them, and the first six made the tables.
    #[cfg(feature = "postgres")]
    #[test]
    fn a_migration_locks_one_table() {
        const BEFORE_A_TABLE: [&str; 5] = ["FROM", "INTO", "ON", "TABLE", "UPDATE"];

        let migrations = sqlx::migrate!("migrations/postgres");
        let later: Vec<_> = migrations.iter().filter(|it| it.version > COMPATIBILITY).collect();
        assert!(!later.is_empty());
        for migration in later {
            let lines = migration.sql.as_str().lines().filter(|line| !line.starts_with("--"));
            let words: Vec<_> = lines.flat_map(str::split_whitespace).collect();
            let mut tables: Vec<_> = words
                .windows(2)
                .filter(|pair| BEFORE_A_TABLE.contains(&pair[0]) && pair[1].starts_with("auth_"))
                .map(|pair| pair[1])
                .collect();
            tables.dedup();
            assert_eq!(tables.len(), 1, "{tables:?} in {}", migration.description);
        }
    }
}
