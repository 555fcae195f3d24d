use sqlx::{query, query_as};

use super::{Connection, StoreError, on};
use crate::{MessageDetails, MessageId, MessageState, Timestamp};

/// A message as it rests.
#[derive(sqlx::FromRow)]
pub(crate) struct MessageRow {
    pub(crate) id: MessageId,
    pub(crate) kind: String,
    pub(crate) recipient: String,
    pub(crate) username: Option<String>,
    pub(crate) language: Option<String>,
    /// The token of the mail's link, sealed.
    pub(crate) token: Option<Vec<u8>>,
    pub(crate) attempts: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) not_after: Option<Timestamp>,
}

/// Which messages are asked for.
pub(crate) struct MessageFilter {
    pub(crate) state: Option<MessageState>,
    pub(crate) before: Option<MessageId>,
    pub(crate) limit: i64,
}

macro_rules! details {
    ($($condition:literal),+) => {
        concat!(
            "SELECT id, kind, recipient, attempts, created_at, due_at, not_after, sent_at, failed_at,
                    failure, not_after IS NOT NULL AS has_link,
                    CASE WHEN sent_at IS NOT NULL THEN 'sent'
                         WHEN failed_at IS NOT NULL THEN 'failed'
                         ELSE 'waiting' END AS state
             FROM auth_messages WHERE ",
            $($condition),+
        )
    };
}

macro_rules! revive {
    ($($condition:literal)?) => {
        concat!(
            "UPDATE auth_messages
             SET failed_at = NULL, failure = NULL, attempts = 0, due_at = $1, relayed_at = NULL
             WHERE failed_at IS NOT NULL AND not_after IS NULL"
            $(, $condition)?
        )
    };
}

impl Connection {
    pub(crate) async fn insert_message(&mut self, row: &MessageRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO auth_messages
                       (id, kind, recipient, username, language, token, attempts, created_at, due_at,
                        not_after)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";
        on!(self, |db| {
            query(sql)
                .bind(row.id)
                .bind(&row.kind)
                .bind(&row.recipient)
                .bind(&row.username)
                .bind(&row.language)
                .bind(&row.token)
                .bind(row.attempts)
                .bind(row.created_at)
                .bind(row.not_after)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Leases up to `limit` messages that are due at `now`: nobody else sees them before `until`.
    pub(crate) async fn claim_messages(
        &mut self,
        limit: i64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<MessageRow>, StoreError> {
        Ok(on!(
            self,
            |db, sql: "UPDATE auth_messages SET due_at = $1, attempts = attempts + 1
                       WHERE id IN (SELECT id FROM auth_messages
                                    WHERE due_at <= $2 AND sent_at IS NULL AND failed_at IS NULL
                                    ORDER BY due_at LIMIT $3",
            postgres: " FOR UPDATE SKIP LOCKED",
            ") RETURNING id, kind, recipient, username, language, token, attempts, created_at,
                         not_after"| {
                query_as(sql).bind(until).bind(now).bind(limit).fetch_all(db).await?
            }
        ))
    }

    pub(crate) async fn message_sent(
        &mut self,
        id: MessageId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_messages SET sent_at = $2, token = NULL WHERE id = $1";
        on!(self, |db| {
            query(sql).bind(id).bind(now).execute(db).await?;
        });
        Ok(())
    }

    pub(crate) async fn message_failed(
        &mut self,
        id: MessageId,
        failure: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_messages SET failed_at = $2, failure = $3, token = NULL
                   WHERE id = $1 AND sent_at IS NULL";
        on!(self, |db| {
            query(sql).bind(id).bind(now).bind(failure).execute(db).await?;
        });
        Ok(())
    }

    pub(crate) async fn retry_message(
        &mut self,
        id: MessageId,
        failure: &str,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_messages SET due_at = $2, failure = $3
                   WHERE id = $1 AND sent_at IS NULL AND failed_at IS NULL";
        on!(self, |db| {
            query(sql).bind(id).bind(due_at).bind(failure).execute(db).await?;
        });
        Ok(())
    }

    pub(crate) async fn message(
        &mut self,
        id: MessageId,
    ) -> Result<Option<MessageDetails>, StoreError> {
        let sql = details!("id = $1");
        Ok(on!(self, |db| query_as(sql).bind(id).fetch_optional(db).await?))
    }

    /// The messages that the filter lets pass, the latest first. Only a mail with a link expires.
    pub(crate) async fn messages(
        &mut self,
        filter: &MessageFilter,
    ) -> Result<Vec<MessageDetails>, StoreError> {
        macro_rules! sql {
            ($state:literal) => {
                details!($state, " AND ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2")
            };
        }
        // Each is found in its own way.
        let sql = match filter.state {
            None => sql!("TRUE"),
            Some(MessageState::Failed) => sql!("failed_at IS NOT NULL"),
            Some(MessageState::Sent) => sql!("sent_at IS NOT NULL"),
            Some(MessageState::Waiting) => sql!("sent_at IS NULL AND failed_at IS NULL"),
        };
        Ok(on!(self, |db| query_as(sql)
            .bind(filter.before)
            .bind(filter.limit)
            .fetch_all(db)
            .await?))
    }

    /// Lets a dead letter wait again, unless it has lost the token of its link.
    pub(crate) async fn revive_message(
        &mut self,
        id: MessageId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = revive!(" AND id = $2");
        Ok(on!(self, |db| query(sql).bind(now).bind(id).execute(db).await?.rows_affected()))
    }

    /// The same of all.
    pub(crate) async fn revive_messages(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = revive!();
        Ok(on!(self, |db| query(sql).bind(now).execute(db).await?.rows_affected()))
    }
}
