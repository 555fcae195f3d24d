//! What is kept about one person beside the user and the events, without anything secret.

use serde::Serialize;
use sqlx::{FromRow, query_as};

use super::{Connection, StoreError, on};
use crate::{MessageId, SessionId, Timestamp, UserId};

/// Which credentials there are.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct KeptCredentials {
    pub(crate) password: bool,
    pub(crate) totp_since: Option<Timestamp>,
    pub(crate) recovery_codes: i64,
}

/// A session, whether or not it lives.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct KeptSession {
    pub(crate) id: SessionId,
    pub(crate) amr: String,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) remembered: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) authenticated_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// Something that was begun and awaits a proof.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct KeptToken {
    pub(crate) purpose: String,
    pub(crate) new_email: Option<String>,
    pub(crate) expires_at: Timestamp,
}

/// A mail that waits, was sent, or was given up.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct KeptMail {
    pub(crate) id: MessageId,
    pub(crate) kind: String,
    pub(crate) recipient: String,
    pub(crate) username: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) failed_at: Option<Timestamp>,
}

/// A username that is held for an address.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct KeptHold {
    pub(crate) username: String,
    pub(crate) held_until: Timestamp,
}

impl Connection {
    pub(crate) async fn kept_credentials(
        &mut self,
        id: UserId,
    ) -> Result<Option<KeptCredentials>, StoreError> {
        let sql = "SELECT u.password_hash IS NOT NULL AS password,
                          (SELECT t.confirmed_at FROM auth_totp t
                           WHERE t.user_id = u.id) AS totp_since,
                          (SELECT count(*) FROM auth_recovery_codes r
                           WHERE r.user_id = u.id) AS recovery_codes
                   FROM auth_users u WHERE u.id = $1";
        Ok(on!(self, |db| query_as(sql).bind(id).fetch_optional(db).await?))
    }

    pub(crate) async fn kept_sessions(
        &mut self,
        user_id: UserId,
    ) -> Result<Vec<KeptSession>, StoreError> {
        let sql = "SELECT id, amr, ip, user_agent, remembered, created_at, authenticated_at,
                          last_used_at, idle_expires_at, expires_at, revoked_at
                   FROM auth_sessions WHERE user_id = $1 ORDER BY id";
        Ok(on!(self, |db| query_as(sql).bind(user_id).fetch_all(db).await?))
    }

    pub(crate) async fn kept_tokens(
        &mut self,
        user_id: UserId,
    ) -> Result<Vec<KeptToken>, StoreError> {
        let sql = "SELECT purpose, new_email, expires_at FROM auth_one_time_tokens
                   WHERE user_id = $1
                   UNION ALL
                   SELECT 'second_factor', NULL, expires_at FROM auth_challenges
                   WHERE user_id = $1
                   UNION ALL
                   SELECT 'two_factor_enrolment', NULL, expires_at FROM auth_totp_enrolments
                   WHERE user_id = $1
                   ORDER BY expires_at";
        Ok(on!(self, |db| query_as(sql).bind(user_id).fetch_all(db).await?))
    }

    pub(crate) async fn kept_mails(&mut self, email: &str) -> Result<Vec<KeptMail>, StoreError> {
        let sql = "SELECT id, kind, recipient, username, language, created_at, sent_at, failed_at
                   FROM auth_messages WHERE recipient = $1 ORDER BY id";
        Ok(on!(self, |db| query_as(sql).bind(email).fetch_all(db).await?))
    }

    pub(crate) async fn kept_holds(&mut self, email: &str) -> Result<Vec<KeptHold>, StoreError> {
        let sql = "SELECT username, held_until FROM auth_username_holds
                   WHERE email = $1 ORDER BY username";
        Ok(on!(self, |db| query_as(sql).bind(email).fetch_all(db).await?))
    }
}
