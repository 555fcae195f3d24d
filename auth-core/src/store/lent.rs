use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgTransactionManager};
use sqlx::{Postgres, SqlSafeStr};
// For what sqlx makes of a connection, and then gives back by itself, in more round trips.
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout;

use super::StoreError;
use super::connect::PATIENCE;

/// A connection of the pool, and the transaction on it, if there is one, which ends with it.
///
/// It goes back to the pool within the patience or not at all. No transaction stays open on it, so that
/// what the pool does for all other connections, before sqlx asks once more whether the server is
/// there, would be a round trip for nothing.
pub(super) struct Lent(PoolConnection<Postgres>);

impl Lent {
    /// For statements that commit by themselves.
    pub(super) fn alone(connection: PoolConnection<Postgres>) -> Self {
        Self(connection)
    }

    /// Begins a transaction. It must not be given up: sqlx would not know what to end.
    pub(super) async fn begin(
        mut connection: PoolConnection<Postgres>,
        sql: &'static str,
    ) -> sqlx::Result<Self> {
        PgTransactionManager::begin(&mut connection, Some(sql.into_sql_str())).await?;
        Ok(Self(connection))
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        Ok(PgTransactionManager::commit(&mut self.0).await?)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        while PgTransactionManager::get_transaction_depth(&self.0) > 0 {
            // It is sent with the next round trip, which is the last before another has it.
            PgTransactionManager::start_rollback(&mut self.0);
        }
        // Without a runtime, sqlx says what is wrong.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let returned = AT_REST.scope((), self.0.return_to_pool());
            runtime.spawn(timeout(PATIENCE, returned));
        }
    }
}

/// Whether the pool need not see to the connection that it is given back.
pub(super) fn is_at_rest() -> bool {
    AT_REST.try_with(|()| ()).is_ok()
}

tokio::task_local! {
    static AT_REST: ();
}
