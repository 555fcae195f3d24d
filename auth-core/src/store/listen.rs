use super::connect::Pools;
use super::{Store, StoreError};
use crate::signals::Signals;

impl Store {
    /// Raises the signals of what commits on any instance, until the connection is lost; SQLite tells
    /// of nothing.
    pub(crate) async fn listen(&self, signals: &Signals) -> Result<(), StoreError> {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(lender) => Ok(postgres::listen(lender.pool(), signals).await?),
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => {
                signals.raise_all();
                std::future::pending().await
            }
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::time::Duration;

    use sqlx::postgres::{PgListener, PgPoolOptions};
    use tokio::time::timeout;

    use crate::signals::{Signal, Signals};

    pub(super) async fn listen(pool: &sqlx::PgPool, signals: &Signals) -> sqlx::Result<()> {
        // Outside of the pool, whose connections belong to requests.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.eager_reconnect(false);
        let channels = [MESSAGES, REVOCATIONS];
        timeout(PATIENCE, listener.listen_all(channels)).await.map_err(|_| LATE)??;
        signals.raise_all();
        loop {
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(heard) => match heard? {
                    Some(heard) if heard.channel() == MESSAGES => signals.raise(Signal::Messages),
                    Some(_) => signals.raise(Signal::Revocations),
                    None => return Ok(()),
                },
                // A server that is gone without a word sounds like one that has nothing to say: doing
                // once more what is done already asks it for one.
                Err(_) => {
                    let again = sqlx::query("LISTEN auth_messages").execute(&mut listener);
                    timeout(PATIENCE, again).await.map_err(|_| LATE)??;
                }
            }
        }
    }

    const LATE: sqlx::Error = sqlx::Error::PoolTimedOut;
    /// What the triggers of the migrations notify.
    const MESSAGES: &str = "auth_messages";
    const REVOCATIONS: &str = "auth_revocations";
    const PATIENCE: Duration = Duration::from_secs(2);
    const SILENCE: Duration = Duration::from_secs(15);
}
