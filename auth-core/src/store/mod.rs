//! Where users live: Postgres or SQLite, behind one set of queries.
//!
//! Both databases read `$1` placeholders, `ON CONFLICT` and `RETURNING`, and every "now" is a
//! parameter, so each query in the files beside this one is written once; [`on!`] runs it on
//! whichever database the connection belongs to. What is checked and changed, is checked and changed
//! by one statement whose row count decides; what takes several statements locks the user's row first.

mod account_changes;
mod attempts;
mod connect;
mod diagnosis;
mod error;
mod events;
mod exports;
mod imports;
#[cfg(feature = "postgres")]
mod kept;
#[cfg(feature = "postgres")]
mod lent;
mod limits;
mod listen;
mod live_sessions;
mod messages;
mod one_time_tokens;
#[cfg(feature = "postgres")]
mod patience;
pub(crate) mod purge;
#[cfg(feature = "redis")]
mod relays;
mod schema;
pub(crate) mod sealed;
mod sessions;
mod signing_keys;
mod timestamp;
mod two_factor;
mod user_changes;
mod user_details;
mod username_holds;
mod users;

use std::fmt;

#[cfg(feature = "sqlite")]
use sqlx::{Transaction, pool::PoolConnection};

pub use connect::Store;
#[cfg(all(feature = "settings", feature = "postgres"))]
pub(crate) use connect::connections_for_this_machine;
#[cfg(all(feature = "settings", feature = "sqlite"))]
pub(crate) use connect::in_memory;
pub use error::StoreError;
pub(crate) use events::EventFilter;
pub(crate) use exports::{KeptCredentials, KeptHold, KeptMail, KeptSession, KeptToken};
pub(crate) use imports::WholeUser;
#[cfg(feature = "postgres")]
use lent::Lent;
pub(crate) use live_sessions::{Authenticated, Caller};
pub(crate) use messages::{MessageFilter, MessageRow};
pub(crate) use one_time_tokens::{NewEmail, NewToken, Purpose};
#[cfg(feature = "postgres")]
use patience::Pace;
pub(crate) use sessions::{NewSession, Refreshed, Renewal, Rotated, Rotation};
pub(crate) use signing_keys::KeyRow;
pub(crate) use two_factor::{EnrolmentRow, NewChallenge};
pub(crate) use user_details::UserFilter;
pub(crate) use users::{Addressee, NewUser};

/// A connection; statements stand alone unless a [`Tx`] owns it, or a job reads with it.
pub(crate) struct Connection(Db);

/// A unit of work on the database: all of it happens, or nothing. Dropping it rolls back.
pub struct Tx(Connection);

enum Db {
    #[cfg(feature = "postgres")]
    Postgres(Lent, Pace),
    #[cfg(feature = "sqlite")]
    Sqlite(Handle),
}

#[cfg(feature = "sqlite")]
enum Handle {
    Alone(PoolConnection<sqlx::Sqlite>),
    Tx(Transaction<'static, sqlx::Sqlite>),
}

#[cfg(feature = "sqlite")]
impl Handle {
    fn connection(&mut self) -> &mut sqlx::SqliteConnection {
        match self {
            Self::Alone(connection) => connection,
            Self::Tx(tx) => tx,
        }
    }

    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Alone(_) => Ok(()),
            Self::Tx(tx) => Ok(tx.commit().await?),
        }
    }
}

impl Connection {
    /// Asks the database for nothing.
    pub(crate) async fn ping(&mut self) -> Result<(), StoreError> {
        on!(self, |db| {
            sqlx::query("SELECT 1").execute(db).await?;
        });
        Ok(())
    }

    /// Whether no transaction is open on it.
    pub(crate) fn stands_alone(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Db::Postgres(lent, _) => !lent.is_open(),
            #[cfg(feature = "sqlite")]
            Db::Sqlite(handle) => matches!(handle, Handle::Alone(_)),
        }
    }
}

impl Tx {
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.0
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.0.0 {
            #[cfg(feature = "postgres")]
            Db::Postgres(lent, pace) => pace.limit(lent.commit()).await,
            #[cfg(feature = "sqlite")]
            Db::Sqlite(handle) => handle.commit().await,
        }
    }
}

/// The host's way into a transaction of this crate, for its own statements.
///
/// What a host writes here happens with the change that it belongs to or not at all. It must neither
/// commit nor roll back, nor change settings for longer than that: others have the connection next.
impl Tx {
    /// Returns the connection, if the store is Postgres.
    #[cfg(feature = "postgres")]
    pub fn postgres(&mut self) -> Option<&mut sqlx::PgConnection> {
        match &mut self.0.0 {
            Db::Postgres(lent, _) => Some(lent.connection()),
            #[cfg(feature = "sqlite")]
            Db::Sqlite(_) => None,
        }
    }

    /// Returns the connection, if the store is SQLite.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(&mut self) -> Option<&mut sqlx::SqliteConnection> {
        match &mut self.0.0 {
            #[cfg(feature = "postgres")]
            Db::Postgres(..) => None,
            Db::Sqlite(handle) => Some(handle.connection()),
        }
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

/// Runs one query on the database that `$connection` belongs to.
///
/// Where a dialect earns its own text, `postgres:` adds to what both have in common, at its end or
/// before the rest that follows, or each has its own. On Postgres the answer may take so long and no
/// longer; SQLite is no server that could be away, and limits by itself how long it waits for another
/// writer.
macro_rules! on {
    ($connection:expr, |$db:ident| $query:expr) => {
        on!($connection, |$db, _sql| $query, postgres: "", sqlite: "")
    };
    ($connection:expr, |$db:ident, $sql:ident: $common:literal, postgres: $own:literal $(, $rest:literal)?| $query:expr) => {
        on!(
            $connection,
            |$db, $sql| $query,
            postgres: concat!($common, $own $(, $rest)?),
            sqlite: concat!($common $(, $rest)?)
        )
    };
    ($connection:expr, |$db:ident, $sql:ident| $query:expr, postgres: $postgres:expr, sqlite: $sqlite:expr) => {
        match &mut $connection.0 {
            #[cfg(feature = "postgres")]
            $crate::store::Db::Postgres(lent, pace) => {
                let answer = async {
                    let ($db, $sql) = (lent.connection(), $postgres);
                    Ok($query)
                };
                let answer = pace.limit(answer).await?;
                lent.answered();
                answer
            }
            #[cfg(feature = "sqlite")]
            $crate::store::Db::Sqlite(handle) => {
                let ($db, $sql) = (handle.connection(), $sqlite);
                $query
            }
        }
    };
}
use on;
