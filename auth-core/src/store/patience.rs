//! How long Postgres may take.
//!
//! A server that is stopped refuses; one that is paused or cut off says nothing at all, and whoever
//! waits for it keeps a connection from the others. So every wait ends here, and a connection on which
//! one ended in vain goes back to the pool only if the server is heard of again.

use std::io;
use std::time::Duration;

use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{Connection, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::StoreError;
use super::connect::PATIENCE;

/// How long the statements of a connection may take.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// Nobody waits for them. What they ask for is planned anew each time, for what is asked.
    Job,
    /// Somebody waits for the answer.
    Request,
}

impl Pace {
    /// Begins a transaction, in one round trip, whose statements the server itself ends: in a pool of
    /// the host's, too, and behind a pooler that drops the settings of connections.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Job => {
                "BEGIN; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '2s'; \
                 SET LOCAL idle_in_transaction_session_timeout = '30s'; \
                 SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = on"
            }
            Self::Request => {
                "BEGIN; SET LOCAL statement_timeout = '2s'; SET LOCAL lock_timeout = '2s'; \
                 SET LOCAL idle_in_transaction_session_timeout = '30s'"
            }
        }
    }

    /// Gives up on what the server neither does nor ends in time: it is not there.
    pub(super) fn limit<T>(
        self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        let patience = match self {
            Self::Job => Duration::from_secs(60),
            Self::Request => PATIENCE,
        };
        // The server's own end of it says more, and leaves a connection that can be used.
        within(patience + MARGIN, answer)
    }
}

/// Boxes `answer`: by value, each that passes it on would hold it twice, and a request that waits all
/// of that.
pub(super) fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> impl Future<Output = Result<T, StoreError>> {
    let answer = Box::pin(answer);
    async move { timeout(patience, answer).await.unwrap_or_else(|_| Err(unanswered().into())) }
}

/// The options of a pool that survives a server which says nothing.
pub(super) fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new()
        .acquire_timeout(PATIENCE)
        // As many round trips as by default: what was heard of a moment ago is not asked again.
        .test_before_acquire(false)
        .before_acquire(|connection, PoolConnectionMetadata { idle_for, .. }| {
            Box::pin(async move {
                // In time for another connection, should this one be cut off.
                if idle_for < HEARD { Ok(true) } else { answers(connection, MARGIN).await }
            })
        })
        .after_release(|connection, _| {
            let at_rest = AT_REST.try_with(|at_rest| *at_rest).unwrap_or_default();
            Box::pin(
                async move { if at_rest { Ok(true) } else { comes_to_rest(connection).await } },
            )
        })
}

/// Gives a connection back to its pool, within the patience or not at all, and `held` up after that; what
/// is at rest the pool need not see to.
pub(super) fn give_back(
    mut connection: PoolConnection<Postgres>,
    at_rest: bool,
    held: impl Send + 'static,
) {
    let Ok(runtime) = Handle::try_current() else {
        // Nobody is there to do it, and sqlx would panic.
        drop(connection.detach());
        return;
    };
    let returned = AT_REST.scope(at_rest, connection.return_to_pool());
    runtime.spawn(async move {
        // Who gives up on it closes it.
        let _ = timeout(PATIENCE, returned).await;
        drop(held);
    });
}

/// Reads what is still to come, so that the next who takes the connection does not, and ends the
/// transaction that it may be in.
///
/// sqlx knows of a transaction once its beginning was answered. Whoever gives up before that leaves it
/// open, and what the next ones write would be acknowledged and never committed.
async fn comes_to_rest(connection: &mut PgConnection) -> sqlx::Result<bool> {
    match timeout(PATIENCE, sqlx::raw_sql("BEGIN; ROLLBACK").execute(connection)).await {
        Ok(ended) => ended.map(|_| true),
        Err(_) => Err(unanswered()),
    }
}

/// Whether the server says anything on a connection.
pub(super) async fn answers(
    connection: &mut PgConnection,
    patience: Duration,
) -> sqlx::Result<bool> {
    match timeout(patience, connection.ping()).await {
        Ok(pinged) => pinged.map(|()| true),
        Err(_) => Err(unanswered()),
    }
}

fn unanswered() -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time").into()
}

tokio::task_local! {
    static AT_REST: bool;
}

pub(super) const MARGIN: Duration = Duration::from_millis(500);
/// For how long a server that has answered needs not be asked whether it is there.
pub(super) const HEARD: Duration = Duration::from_secs(1);
