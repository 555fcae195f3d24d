use sqlx::{query, query_as};

use super::{Connection, StoreError, on};
use crate::Timestamp;

impl Connection {
    /// Counts one more attempt for `subject` before anybody looks whether it succeeds, and returns
    /// how many there were in this window and when the window ends.
    pub(crate) async fn count_attempt(
        &mut self,
        subject: &str,
        window_ends: Timestamp,
        now: Timestamp,
    ) -> Result<(i64, Timestamp), StoreError> {
        let sql = "INSERT INTO auth_attempts (subject, count, expires_at) VALUES ($1, 1, $2)
                   ON CONFLICT (subject) DO UPDATE
                   SET count = CASE WHEN auth_attempts.expires_at <= $3 THEN 1
                                    ELSE auth_attempts.count + 1 END,
                       expires_at = CASE WHEN auth_attempts.expires_at <= $3
                                         THEN excluded.expires_at
                                         ELSE auth_attempts.expires_at END
                   RETURNING count, expires_at";
        Ok(on!(self, |db| query_as(sql)
            .bind(subject)
            .bind(window_ends)
            .bind(now)
            .fetch_one(db)
            .await?))
    }

    pub(crate) async fn clear_attempts(&mut self, subject: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM auth_attempts WHERE subject = $1";
        on!(self, |db| {
            query(sql).bind(subject).execute(db).await?;
        });
        Ok(())
    }
}
