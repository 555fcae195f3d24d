use sqlx::{query, query_as};

use super::{Connection, StoreError, on};
use crate::{MessageDetails, MessageId, Timestamp};

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
pub(crate) struct MessageFilter<'a> {
    pub(crate) id: Option<MessageId>,
    pub(crate) state: Option<&'a str>,
    pub(crate) before: Option<MessageId>,
    pub(crate) limit: i64,
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

    /// The messages that the filter lets pass, the latest first. Only a mail with a link expires.
    pub(crate) async fn messages(
        &mut self,
        filter: &MessageFilter<'_>,
    ) -> Result<Vec<MessageDetails>, StoreError> {
        let sql = "SELECT * FROM (
                       SELECT id, kind, recipient, attempts, created_at, due_at, not_after, sent_at,
                              failed_at, failure, not_after IS NOT NULL AS has_link,
                              CASE WHEN sent_at IS NOT NULL THEN 'sent'
                                   WHEN failed_at IS NOT NULL THEN 'failed'
                                   ELSE 'waiting' END AS state
                       FROM auth_messages
                   ) messages
                   WHERE ($1 IS NULL OR id = $1) AND ($2 IS NULL OR state = $2)
                     AND ($3 IS NULL OR id < $3)
                   ORDER BY id DESC LIMIT $4";
        Ok(on!(self, |db| query_as(sql)
            .bind(filter.id)
            .bind(filter.state)
            .bind(filter.before)
            .bind(filter.limit)
            .fetch_all(db)
            .await?))
    }

    /// Lets dead letters wait again, all or one, unless they have lost the token of their link.
    pub(crate) async fn revive_messages(
        &mut self,
        id: Option<MessageId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE auth_messages
                   SET failed_at = NULL, failure = NULL, attempts = 0, due_at = $2, relayed_at = NULL
                   WHERE failed_at IS NOT NULL AND not_after IS NULL AND ($1 IS NULL OR id = $1)";
        Ok(on!(self, |db| query(sql).bind(id).bind(now).execute(db).await?.rows_affected()))
    }
}
