//! Messages on their way through what delivers them beside the database.

use std::time::Duration;

use sqlx::types::Json;
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{Connection, MessageRow, StoreError, on};
use crate::{MessageId, Timestamp};

impl Connection {
    /// Marks up to `limit` messages that are due as relayed at `now`, and returns which: those that
    /// were not since they are due, or so long ago that they must have got lost.
    pub(crate) async fn relay_messages(
        &mut self,
        limit: i64,
        now: Timestamp,
        lost_after: Duration,
    ) -> Result<Vec<MessageId>, StoreError> {
        // What a clock that was wrong has written is no time to wait for.
        let (earliest, latest) = (now.minus(lost_after), now.plus(lost_after));
        Ok(on!(
            self,
            |db, sql: "UPDATE auth_messages SET relayed_at = $1
                       WHERE id IN (SELECT id FROM auth_messages
                                    WHERE due_at <= $1 AND sent_at IS NULL AND failed_at IS NULL
                                      AND (relayed_at IS NULL OR relayed_at < due_at
                                           OR relayed_at NOT BETWEEN $2 AND $3)
                                    ORDER BY due_at LIMIT $4",
            postgres: " FOR UPDATE SKIP LOCKED",
            ") RETURNING id"| {
                let query = query_scalar(sql).bind(now).bind(earliest).bind(latest);
                query.bind(limit).fetch_all(db).await?
            }
        ))
    }

    /// Has every message that waits relayed again. One that another statement has in hand needs
    /// none: it is being relayed, leased or settled.
    pub(crate) async fn forget_relays(&mut self) -> Result<(), StoreError> {
        on!(
            self,
            |db, sql: "UPDATE auth_messages SET relayed_at = NULL
                       WHERE id IN (SELECT id FROM auth_messages
                                    WHERE relayed_at IS NOT NULL AND sent_at IS NULL
                                      AND failed_at IS NULL",
            postgres: " FOR UPDATE SKIP LOCKED",
            ")"| {
                query(sql).execute(db).await?;
            }
        );
        Ok(())
    }

    /// Leases those of `ids` that are due at `now`: nobody else gets them before `until`.
    pub(crate) async fn claim_relayed_messages(
        &mut self,
        ids: &[MessageId],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<MessageRow>, StoreError> {
        macro_rules! sql {
            ($ids:literal, $lock:literal) => {
                concat!(
                    "UPDATE auth_messages SET due_at = $1, attempts = attempts + 1
                     WHERE id IN (SELECT id FROM auth_messages
                                  WHERE due_at <= $2 AND sent_at IS NULL AND failed_at IS NULL
                                    AND id IN (SELECT ",
                    $ids,
                    ")",
                    $lock,
                    ") RETURNING id, kind, recipient, username, language, token, attempts,
                                 created_at, not_after"
                )
            };
        }
        let ids: Vec<_> = ids.iter().map(|id| Uuid::from(*id).simple().to_string()).collect();
        Ok(on!(
            self,
            |db, sql| query_as(sql).bind(until).bind(now).bind(Json(ids)).fetch_all(db).await?,
            postgres: sql!("value::uuid FROM jsonb_array_elements_text($3)", " FOR UPDATE SKIP LOCKED"),
            sqlite: sql!("unhex(value) FROM json_each($3)", "")
        ))
    }
}
