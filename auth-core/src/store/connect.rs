use std::fmt;
use std::time::Duration;
#[cfg(feature = "sqlite")]
use std::time::Instant;

#[cfg(feature = "postgres")]
use sqlx::Connection as _;
#[cfg(feature = "postgres")]
use tokio::time::timeout;

#[cfg(feature = "sqlite")]
use super::Handle;
#[cfg(feature = "postgres")]
use super::kept::Intent;
#[cfg(feature = "postgres")]
use super::lent::Lender;
#[cfg(feature = "postgres")]
use super::patience::{Pace, pool_options, within};
use super::{Connection, Db, StoreError, Tx};

/// The database that holds the users.
///
/// Connecting brings the schema up to date, and takes the right to change it only if it is not.
/// Every table is prefixed `auth_`, and the record of what was applied is `_auth_migrations`, so a
/// host may keep its own tables and its own sqlx migrations in the same database, and several
/// instances may start at once.
#[derive(Clone)]
pub struct Store(pub(super) Pools);

#[derive(Clone)]
pub(super) enum Pools {
    #[cfg(feature = "postgres")]
    Postgres(Lender),
    #[cfg(feature = "sqlite")]
    Sqlite { readers: sqlx::SqlitePool, writer: sqlx::SqlitePool },
}

impl Store {
    /// Connects to Postgres 15 or later, with up to two connections for each core of this machine, but
    /// 4 to 20, and one more, which is left to who only reads.
    ///
    /// # Errors
    ///
    /// If `url` is none, or the database cannot be reached or migrated.
    #[cfg(feature = "postgres")]
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        Ok(Self::migrated_postgres(url, connections_for_this_machine()).await?.0)
    }

    /// The same, with up to so many connections; from three on, one of them is left to who only reads.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # use auth_core::Store;
    /// let url = "postgres://app@localhost/app";
    /// let store = Store::postgres_with_connections(url, 3_u32.try_into()?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If `url` is none, or the database cannot be reached or migrated.
    #[cfg(feature = "postgres")]
    pub async fn postgres_with_connections(
        url: &str,
        connections: std::num::NonZeroU32,
    ) -> Result<Self, StoreError> {
        Ok(Self::migrated_postgres(url, connections.get()).await?.0)
    }

    /// The same, with how many migrations it took.
    #[cfg(feature = "postgres")]
    pub(crate) async fn migrated_postgres(
        url: &str,
        connections: u32,
    ) -> Result<(Self, usize), StoreError> {
        let store = Self::open_postgres(url, connections).await?;
        let migrated = store.migrate().await?;
        Ok((store, migrated))
    }

    /// Connects without a look at the schema.
    #[cfg(feature = "postgres")]
    pub(crate) async fn open_postgres(url: &str, connections: u32) -> Result<Self, StoreError> {
        let server = url.parse::<sqlx::postgres::PgConnectOptions>()?.options([
            ("statement_timeout", "2s"),
            ("lock_timeout", "2s"),
            ("idle_in_transaction_session_timeout", "30s"),
            // What is planned once for each connection is planned for tables that will be large, even
            // while they are empty: each statement has its index.
            ("enable_seqscan", "off"),
            ("jit", "off"),
        ]);
        let options = pool_options().max_connections(connections);
        let pool = match options.connect_with(server.clone()).await {
            // The pool has tried again and again, and keeps why in vain to itself.
            Err(sqlx::Error::PoolTimedOut) => {
                let tried = timeout(PATIENCE, sqlx::PgConnection::connect_with(&server)).await;
                Err(tried.ok().and_then(Result::err).unwrap_or(sqlx::Error::PoolTimedOut))
            }
            connected => connected,
        };
        Ok(Self(Pools::Postgres(Lender::own(pool?))))
    }

    /// Returns the options of the pools that this crate makes, for a host that makes its own.
    ///
    /// A connection is waited for 2 s, and closed instead of used again if the server says nothing on
    /// it for 2 s. Everything else is as sqlx has it, such as ten connections at the most.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # use auth_core::Store;
    /// let options = Store::postgres_pool_options().max_connections(20);
    /// let pool = options.connect("postgres://app@localhost/app").await?;
    /// let store = Store::from_postgres(pool).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn postgres_pool_options() -> sqlx::postgres::PgPoolOptions {
        pool_options()
    }

    /// Uses a pool of Postgres connections that the host already has.
    ///
    /// Every wait on it ends as it does on a pool of this crate's own. What the pool itself does stays
    /// the host's: make it of [`postgres_pool_options`](Self::postgres_pool_options), so that a server
    /// which says nothing does not keep its connections.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or migrated.
    #[cfg(feature = "postgres")]
    pub async fn from_postgres(pool: sqlx::PgPool) -> Result<Self, StoreError> {
        let store = Self(Pools::Postgres(Lender::Host(pool)));
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a SQLite database, which is created if it is missing.
    ///
    /// `sqlite::memory:` makes one that ends with the store, for tests. A file is kept in WAL mode
    /// with one writer and several readers; a commit is on disk before it is acknowledged.
    ///
    /// # Errors
    ///
    /// If `url` is none, or the database cannot be opened or migrated.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(url: &str) -> Result<Self, StoreError> {
        Ok(Self::migrated_sqlite(url).await?.0)
    }

    /// The same, with how many migrations it took.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn migrated_sqlite(url: &str) -> Result<(Self, usize), StoreError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::open_and_migrate_sqlite(url).await {
                // Of several that make a file at once, SQLite lets one switch it to WAL, and has the
                // others fail instead of wait.
                Err(error) if error.is_locked() && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                result => return result,
            }
        }
    }

    #[cfg(feature = "sqlite")]
    async fn open_and_migrate_sqlite(url: &str) -> Result<(Self, usize), StoreError> {
        let store = Self::open_sqlite(url, true).await?;
        let migrated = store.migrate().await?;
        Ok((store, migrated))
    }

    /// Opens without a look at the schema.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn open_sqlite(url: &str, create: bool) -> Result<Self, StoreError> {
        use sqlx::sqlite::{
            SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
        };

        let options = url
            .parse::<SqliteConnectOptions>()?
            .create_if_missing(create)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .pragma("trusted_schema", "OFF");
        let in_memory = in_memory(url);
        #[cfg(unix)]
        if create && !in_memory {
            keep_private(options.get_filename());
        }
        // A file does not go away between two requests, and sqlx asks each connection that comes back too.
        let pool = || SqlitePoolOptions::new().test_before_acquire(false).acquire_timeout(PATIENCE);
        // A database in memory belongs to its one connection, which must never be closed.
        let writer = pool()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        let readers = if in_memory {
            writer.clone()
        } else {
            pool().max_connections(4).connect_with(options).await?
        };
        Ok(Self(Pools::Sqlite { readers, writer }))
    }

    /// Trusts no connection from now on that was not heard of just before.
    pub(crate) fn drain(&self) {
        #[cfg(feature = "postgres")]
        if let Pools::Postgres(Lender::Own(kept)) = &self.0 {
            kept.drain();
        }
    }

    /// Begins a unit of work.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx(Connection(match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => begin(lender, Intent::Writing, Pace::Request).await?,
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { writer, .. } => {
                Db::Sqlite(Handle::Tx(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
        })))
    }

    /// Begins a unit of work that nobody waits for: its statements may take a minute each.
    pub(crate) async fn begin_job(&self) -> Result<Tx, StoreError> {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => {
                Ok(Tx(Connection(begin(lender, Intent::Writing, Pace::Job).await?)))
            }
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => self.begin().await,
        }
    }

    /// Takes a connection for statements that read much, and that nobody waits for.
    pub(crate) async fn read_job(&self) -> Result<Connection, StoreError> {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => {
                Ok(Connection(begin(lender, Intent::Reading, Pace::Job).await?))
            }
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => self.read().await,
        }
    }

    /// Takes a connection for statements that read.
    pub(crate) async fn read(&self) -> Result<Connection, StoreError> {
        Ok(Connection(match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => acquire(lender, Intent::Reading).await?,
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { readers, .. } => Db::Sqlite(Handle::Alone(readers.acquire().await?)),
        }))
    }

    /// Takes a connection for one statement that writes and commits by itself.
    pub(crate) async fn write(&self) -> Result<Connection, StoreError> {
        Ok(Connection(match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => acquire(lender, Intent::Writing).await?,
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { writer, .. } => Db::Sqlite(Handle::Alone(writer.acquire().await?)),
        }))
    }
}

#[cfg(feature = "postgres")]
async fn acquire(lender: &Lender, intent: Intent) -> Result<Db, StoreError> {
    // A pool of the host's may have more patience.
    Ok(Db::Postgres(within(PATIENCE, lender.lend(intent)).await?, Pace::Request))
}

#[cfg(feature = "postgres")]
async fn begin(lender: &Lender, intent: Intent, pace: Pace) -> Result<Db, StoreError> {
    Ok(Db::Postgres(within(PATIENCE, lender.begin(intent, pace.begin())).await?, pace))
}

/// Whether the URL is of a database that ends with the process.
#[cfg(feature = "sqlite")]
pub(crate) fn in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

/// Makes a database that does not exist yet one that only its owner reads, and so the files beside
/// it, to which SQLite gives the same mode.
#[cfg(all(unix, feature = "sqlite"))]
fn keep_private(file: &std::path::Path) {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = std::fs::OpenOptions::new();
    // What keeps it from being made is SQLite's to report.
    let _ = options.write(true).create_new(true).mode(0o600).open(file);
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(_) => "Store(Postgres)",
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => "Store(Sqlite)",
        })
    }
}

/// Two for each core, from 4 to 20, and one for who only reads: more of them take turns at the same cores,
/// and each of the database's processes costs it memory.
#[cfg(feature = "postgres")]
pub(crate) fn connections_for_this_machine() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(2 * cores).unwrap_or(u32::MAX).clamp(4, 20) + 1
}

/// How long a request waits for a connection or a lock before the answer is 503.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts open it in tasks that move between threads.
    #[test]
    fn a_store_is_opened_on_any_thread() {
        fn assert_send<T: Send>(_: T) {}
        #[cfg(feature = "postgres")]
        assert_send(Store::postgres(""));
        #[cfg(feature = "sqlite")]
        assert_send(Store::sqlite(""));
    }
}
