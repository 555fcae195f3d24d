//! What the least possible server does for a request, without authentication.

use std::sync::Arc;

use auth_bench::{Backend, HashingThreads, PEOPLE, Result};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::{query, query_scalar, raw_sql};

/// One prepared statement for each thing it does, and threads that hash.
#[derive(Clone)]
pub(crate) struct Floor {
    database: Arc<Database>,
    hashing: HashingThreads,
}

enum Database {
    Postgres(PgPool),
    Sqlite { readers: SqlitePool, writer: SqlitePool },
}

macro_rules! on {
    ($database:expr, $sqlite:ident, |$pool:ident| $run:expr) => {
        match &*$database {
            Database::Postgres($pool) => $run,
            Database::Sqlite { $sqlite: $pool, .. } => $run,
        }
    };
}

impl Floor {
    /// Makes its tables in an empty database.
    pub(crate) async fn open(url: &str, backend: Backend) -> Result<Self> {
        let database = if url.starts_with("sqlite:") {
            let options: SqliteConnectOptions = url.parse()?;
            let options = options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .foreign_keys(true);
            let pool = || SqlitePoolOptions::new().test_before_acquire(false);
            let writer = pool().max_connections(1).connect_with(options.clone()).await?;
            let readers = pool().max_connections(4).connect_with(options).await?;
            raw_sql(SQLITE_TABLES).execute(&writer).await?;
            Database::Sqlite { readers, writer }
        } else {
            let pool = PgPoolOptions::new().test_before_acquire(false);
            let pool = pool.max_connections(CONNECTIONS).connect(url).await?;
            raw_sql(POSTGRES_TABLES).execute(&pool).await?;
            Database::Postgres(pool)
        };
        on!(&database, writer, |pool| {
            query(FILL)
                .bind(PEOPLE.cast_signed())
                .bind(Vec::<u8>::new())
                .execute(pool)
                .await
                .map(drop)
        })?;
        Ok(Self { database: Arc::new(database), hashing: HashingThreads::start(backend) })
    }

    /// Reads one row by its key.
    pub(crate) async fn row(&self, key: &str) -> String {
        let key = key.parse::<i64>().unwrap_or(1);
        let read = on!(self.database, readers, |pool| {
            query_scalar("SELECT email FROM floor_users WHERE id = $1")
                .bind(key)
                .fetch_one(pool)
                .await
        });
        read.expect("every key has its row")
    }

    /// Updates one row by its key.
    pub(crate) async fn update(&self, key: &str) -> String {
        let key = key.parse::<i64>().unwrap_or(1);
        let sql = "UPDATE floor_users SET version = version + 1, digest = $2 WHERE id = $1
                   RETURNING email";
        let digest = vec![7_u8; 32];
        let updated = on!(self.database, writer, |pool| {
            query_scalar(sql).bind(key).bind(digest).fetch_one(pool).await
        });
        updated.expect("every key has its row")
    }

    /// Reads one row, hashes one password and inserts one row.
    pub(crate) async fn hash(&self, key: &str) -> String {
        let email = self.row(key).await;
        let digest = self.hashing.hash().await.to_vec();
        let sql = "INSERT INTO floor_sessions (email, digest) VALUES ($1, $2)";
        let inserted = on!(self.database, writer, |pool| {
            query(sql).bind(&email).bind(digest).execute(pool).await.map(drop)
        });
        inserted.expect("there is room for a row");
        email
    }
}

/// Two for each of two cores: more cost throughput.
const CONNECTIONS: u32 = 4;

const POSTGRES_TABLES: &str = "
CREATE TABLE floor_users (
    id BIGINT PRIMARY KEY, email TEXT NOT NULL, version BIGINT NOT NULL, digest BYTEA NOT NULL
);
CREATE TABLE floor_sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email TEXT NOT NULL, digest BYTEA NOT NULL
)";
const SQLITE_TABLES: &str = "
CREATE TABLE floor_users (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL, version INTEGER NOT NULL, digest BLOB NOT NULL
) STRICT;
CREATE TABLE floor_sessions (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL, digest BLOB NOT NULL
) STRICT";
const FILL: &str = "
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
INSERT INTO floor_users (id, email, version, digest)
SELECT n, 'person' || n || '@example.com', 0, $2 FROM numbers LIMIT $1";
