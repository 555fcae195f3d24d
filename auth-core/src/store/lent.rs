use std::sync::Arc;
use std::time::Instant;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgTransactionManager};
use sqlx::{PgPool, Postgres, SqlSafeStr};
// For what sqlx makes of a connection, and then gives back by itself, in more round trips.
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout;

use super::StoreError;
use super::connect::PATIENCE;
use super::kept::{Intent, Kept, Place, Taken};
use super::patience::give_back;

/// Where the connections of a store come from.
#[derive(Clone)]
pub(super) enum Lender {
    /// A pool that the host uses too, and waits for.
    Host(PgPool),
    Own(Arc<Kept>),
}

impl Lender {
    pub(super) fn own(pool: PgPool) -> Self {
        Self::Own(Arc::new(Kept::new(pool)))
    }

    pub(super) fn pool(&self) -> &PgPool {
        match self {
            Self::Host(pool) => pool,
            Self::Own(kept) => kept.pool(),
        }
    }

    /// Lends a connection for statements that commit by themselves.
    pub(super) async fn lend(&self, intent: Intent) -> Result<Lent, StoreError> {
        let (connection, place) = match self {
            Self::Host(pool) => (pool.acquire().await?, None),
            Self::Own(kept) => {
                let Taken { connection, since, place } = kept.take(intent).await?;
                (connection, Some((place, since)))
            }
        };
        Ok(Lent { connection: Some(connection), is_answered: false, place })
    }

    /// Lends one that a transaction has begun on.
    pub(super) async fn begin(
        &self,
        intent: Intent,
        sql: &'static str,
    ) -> Result<Lent, StoreError> {
        let lent = self.lend(intent).await?;
        // In a task of its own, which nobody gives up: sqlx rolls nothing back that is given up while it
        // begins, and the next statements would be part of that transaction.
        let begun = tokio::spawn(lent.begin(sql)).await;
        begun.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

/// A connection, and the transaction on it, if there is one, which ends with it.
///
/// The next request has it, or it goes back to the pool, within the patience or not at all. No
/// transaction stays open on it, so that what the pool does for all other connections, before sqlx asks
/// once more whether the server is there, would be a round trip for nothing.
pub(super) struct Lent {
    /// Some, until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    is_answered: bool,
    /// Where it is kept for the next request, and since when it is not the pool's.
    place: Option<(Place, Instant)>,
}

impl Lent {
    async fn begin(mut self, sql: &'static str) -> Result<Self, StoreError> {
        let begun = PgTransactionManager::begin(self.connection(), Some(sql.into_sql_str()));
        let error = match timeout(PATIENCE, begun).await {
            Ok(Ok(())) => return Ok(self),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        // Whether a transaction is open on it nobody knows, and sqlx says that there is none.
        drop(self.connection.take().map(PoolConnection::detach));
        Err(error.into())
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        // Until somebody says otherwise, who may break off before.
        self.is_answered = false;
        self.connection.as_mut().expect("it is there until it is dropped")
    }

    /// Whether a transaction is open on it.
    pub(super) fn is_open(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| PgTransactionManager::get_transaction_depth(connection) > 0)
    }

    /// Says that the server has answered everything that it was asked.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }

    /// Commits the transaction that it was lent with.
    ///
    /// # Errors
    ///
    /// If a host's statements have ended that, or begun another in it, and left that open.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if PgTransactionManager::get_transaction_depth(self.connection()) != 1 {
            return Err(sqlx::Error::AnyDriverError(NOT_OURS.into()).into());
        }
        PgTransactionManager::commit(self.connection()).await?;
        self.answered();
        Ok(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let is_open = self.is_open();
        let Some(mut connection) = self.connection.take() else { return };
        match self.place.take() {
            Some((place, since)) if self.is_answered && !is_open => place.keep(connection, since),
            place => {
                while PgTransactionManager::get_transaction_depth(&connection) > 0 {
                    // It is sent with the next round trip, which is the last before another has it.
                    PgTransactionManager::start_rollback(&mut connection);
                }
                give_back(connection, self.is_answered || is_open, place);
            }
        }
    }
}

const NOT_OURS: &str =
    "a statement of the host's has ended the transaction, or left another open in it";
