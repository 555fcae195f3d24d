use sqlx::{query_as, query_scalar};

use super::{Connection, StoreError, on};
use crate::Timestamp;

/// What a database server says of itself and of the role that connects.
#[derive(sqlx::FromRow)]
pub(crate) struct Server {
    pub(crate) now: Timestamp,
    pub(crate) lock_timeout: String,
    pub(crate) is_superuser: bool,
    pub(crate) alters_events: bool,
}

/// What waits to be mailed, and what was given up.
#[derive(sqlx::FromRow)]
pub(crate) struct OutboxState {
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) dead_letters: i64,
}

/// How much waits to be mailed, and since when.
#[cfg(feature = "metrics")]
#[derive(sqlx::FromRow)]
pub(crate) struct WaitingMessages {
    pub(crate) waiting: i64,
    pub(crate) oldest: Option<Timestamp>,
}

impl Connection {
    /// `None` of SQLite, which is none.
    pub(crate) async fn server(&mut self) -> Result<Option<Server>, StoreError> {
        match &mut self.0 {
            #[cfg(feature = "postgres")]
            super::Db::Postgres(handle, pace) => {
                let sql = "SELECT clock_timestamp() AS now,
                                  current_setting('lock_timeout') AS lock_timeout,
                                  rolsuper AS is_superuser,
                                  has_table_privilege('auth_events', 'UPDATE, DELETE, TRUNCATE')
                                      AS alters_events
                           FROM pg_roles WHERE rolname = current_user";
                let server = query_as(sql).fetch_optional(handle.connection());
                pace.limit(async { Ok(server.await?) }).await
            }
            #[cfg(feature = "sqlite")]
            super::Db::Sqlite(_) => Ok(None),
        }
    }

    pub(crate) async fn outbox(&mut self, since: Timestamp) -> Result<OutboxState, StoreError> {
        let sql = "SELECT (SELECT MIN(created_at) FROM auth_messages
                           WHERE sent_at IS NULL AND failed_at IS NULL) AS oldest,
                          (SELECT COUNT(*) FROM auth_messages WHERE failed_at > $1) AS dead_letters";
        Ok(on!(self, |db| query_as(sql).bind(since).fetch_one(db).await?))
    }

    #[cfg(feature = "metrics")]
    pub(crate) async fn waiting_messages(&mut self) -> Result<WaitingMessages, StoreError> {
        let sql = "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest
                   FROM auth_messages WHERE sent_at IS NULL AND failed_at IS NULL";
        Ok(on!(self, |db| query_as(sql).fetch_one(db).await?))
    }

    /// Whether there is still what was over at `at`.
    pub(crate) async fn is_overdue(&mut self, at: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM auth_sessions WHERE expires_at <= $1)
                       OR EXISTS (SELECT 1 FROM auth_one_time_tokens WHERE expires_at <= $1)
                       OR EXISTS (SELECT 1 FROM auth_attempts WHERE expires_at <= $1)";
        Ok(on!(self, |db| query_scalar(sql).bind(at).fetch_one(db).await?))
    }
}
