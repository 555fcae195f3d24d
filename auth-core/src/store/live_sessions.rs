use sqlx::{query_as, query_scalar};

use super::users::{account_columns, user_columns};
use super::{Connection, StoreError, on};
use crate::device::device;
use crate::model::Account;
use crate::{Session, SessionId, Timestamp, User, UserId};

/// The user of a live session, and when that has proven its factors.
#[derive(sqlx::FromRow)]
pub(crate) struct Caller {
    #[sqlx(flatten)]
    pub(crate) user: User,
    pub(crate) authenticated_at: Timestamp,
}

/// A live session and its user.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Authenticated {
    #[sqlx(flatten)]
    pub(crate) account: Account,
    pub(crate) session_id: SessionId,
    pub(crate) authenticated_at: Timestamp,
}

macro_rules! of_live_session {
    ($columns:expr) => {
        concat!(
            "SELECT ",
            $columns,
            ", s.authenticated_at
             FROM auth_sessions s JOIN auth_users u ON u.id = s.user_id
             WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
               AND u.disabled_at IS NULL"
        )
    };
}

impl Connection {
    /// Whether the session may still be used.
    pub(crate) async fn session_is_live(
        &mut self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM auth_sessions s JOIN auth_users u ON u.id = s.user_id
                   WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
                     AND u.disabled_at IS NULL";
        let found: Option<i32> =
            on!(self, |db| query_scalar(sql).bind(id).bind(now).fetch_optional(db).await?);
        Ok(found.is_some())
    }

    /// The user of a live session, without what only the flows may see.
    pub(crate) async fn caller(
        &mut self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Caller>, StoreError> {
        let sql = of_live_session!(user_columns!());
        Ok(on!(self, |db| query_as(sql).bind(id).bind(now).fetch_optional(db).await?))
    }

    /// The same, with what the flows see.
    pub(crate) async fn authenticated(
        &mut self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Authenticated>, StoreError> {
        let sql = of_live_session!(concat!(account_columns!(), ", s.id AS session_id"));
        Ok(on!(self, |db| query_as(sql).bind(id).bind(now).fetch_optional(db).await?))
    }

    /// The live sessions of a user, the latest first.
    pub(crate) async fn sessions(
        &mut self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let sql = "SELECT id, created_at, last_used_at, ip, user_agent,
                          CASE WHEN idle_expires_at < expires_at THEN idle_expires_at
                               ELSE expires_at END AS expires_at
                   FROM auth_sessions
                   WHERE user_id = $1 AND revoked_at IS NULL
                     AND expires_at > $2 AND idle_expires_at > $2
                   ORDER BY created_at DESC, id DESC";
        let mut sessions: Vec<Session> =
            on!(self, |db| query_as(sql).bind(user_id).bind(now).fetch_all(db).await?);
        for session in &mut sessions {
            session.device = session.user_agent.as_deref().and_then(device);
        }
        Ok(sessions)
    }
}
