//! Hears what instances tell each other through Postgres.

use super::Store;
use super::connect::Pools;

impl Store {
    /// Returns once a transaction with messages has committed on any instance, which only Postgres
    /// tells of.
    pub(crate) async fn messages_committed(&self, listener: &mut Listener) {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Pools::Postgres(pool) => {
                if listener.next(pool).await.is_err() {
                    listener.0 = None;
                    std::future::pending::<()>().await;
                }
            }
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => {
                let Listener { .. } = listener;
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A connection of its own that hears of commits with messages.
#[derive(Default)]
pub(crate) struct Listener(#[cfg(feature = "postgres")] Option<sqlx::postgres::PgListener>);

#[cfg(feature = "postgres")]
impl Listener {
    async fn next(&mut self, pool: &sqlx::PgPool) -> sqlx::Result<()> {
        let listener = match &mut self.0 {
            Some(listener) => listener,
            none => {
                // Outside of the pool, whose connections belong to requests.
                let own = sqlx::postgres::PgPoolOptions::new()
                    .max_connections(1)
                    .connect_lazy_with(pool.connect_options().as_ref().clone());
                let mut listener = sqlx::postgres::PgListener::connect_with(&own).await?;
                listener.listen("auth_messages").await?;
                none.insert(listener)
            }
        };
        listener.recv().await.map(|_| ())
    }
}
