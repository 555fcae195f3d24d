use sqlx::{query, query_scalar};

use super::{Connection, StoreError, on};
use crate::{Timestamp, UserId};

/// What of a table is over at an instant.
pub(crate) struct Rule {
    pub(crate) table: &'static str,
    #[cfg(feature = "postgres")]
    postgres: &'static str,
    #[cfg(feature = "sqlite")]
    sqlite: &'static str,
}

/// On Postgres a row that somebody holds is left for the next time, so that nobody waits.
macro_rules! rule {
    ($table:literal, $key:literal, $over:literal) => {
        rule!($table, $key, $over, " FOR UPDATE SKIP LOCKED")
    };
    ($table:literal, $key:literal, $over:literal, $lock:literal) => {
        Rule {
            table: $table,
            #[cfg(feature = "postgres")]
            postgres: rule!(sql $table, $key, $over, $lock),
            #[cfg(feature = "sqlite")]
            sqlite: rule!(sql $table, $key, $over, ""),
        }
    };
    (sql $table:literal, $key:literal, $over:literal, $lock:literal) => {
        concat!(
            "DELETE FROM ", $table, " WHERE ", $key, " IN
                 (SELECT ", $key, " FROM ", $table, " WHERE ", $over, " LIMIT $2", $lock, ")"
        )
    };
}

pub(crate) const ATTEMPTS: Rule = rule!("auth_attempts", "subject", "expires_at <= $1");
pub(crate) const CHALLENGES: Rule = rule!("auth_challenges", "digest", "expires_at <= $1");
pub(crate) const ENROLMENTS: Rule = rule!("auth_totp_enrolments", "user_id", "expires_at <= $1");
/// Without a lock, which would take the right to change an event.
pub(crate) const EVENTS: Rule = rule!("auth_events", "id", "occurred_at <= $1", "");
pub(crate) const MESSAGES: Rule = rule!(
    "auth_messages",
    "id",
    "(sent_at IS NOT NULL OR failed_at IS NOT NULL) AND COALESCE(sent_at, failed_at) <= $1"
);
pub(crate) const ONE_TIME_TOKENS: Rule =
    rule!("auth_one_time_tokens", "digest", "expires_at <= $1");
pub(crate) const REVOCATIONS: Rule = rule!("auth_revocations", "session_id", "revoked_at <= $1");
pub(crate) const SESSIONS: Rule =
    rule!("auth_sessions", "id", "expires_at <= $1 OR idle_expires_at <= $1 OR revoked_at <= $1");
pub(crate) const SIGNING_KEYS: Rule = rule!(
    "auth_signing_keys",
    "generation",
    "generation < (SELECT MAX(generation) FROM auth_signing_keys WHERE active_from <= $1)"
);
pub(crate) const USERNAME_HOLDS: Rule =
    rule!("auth_username_holds", "username", "held_until <= $1");

/// Which users are deleted who never proved their address.
pub(crate) struct Unproven {
    /// They signed up no later than this.
    pub(crate) created: Timestamp,
    /// And are greater than none who was added here later, which counts for the imported.
    pub(crate) before: UserId,
    /// And have no link that is good then.
    pub(crate) now: Timestamp,
}

impl Connection {
    /// Deletes up to `limit` rows that are over at `at`, and returns how many there were.
    pub(crate) async fn purge(
        &mut self,
        rule: &Rule,
        at: Timestamp,
        limit: i64,
    ) -> Result<u64, StoreError> {
        Ok(on!(
            self,
            |db, sql| query(sql).bind(at).bind(limit).execute(db).await?.rows_affected(),
            postgres: rule.postgres,
            sqlite: rule.sqlite
        ))
    }

    /// The first `limit` users, of those after `after`, who may be deleted.
    pub(crate) async fn unproven_users(
        &mut self,
        unproven: &Unproven,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let sql = "SELECT id FROM auth_users u
                   WHERE activated_at IS NULL AND disabled_at IS NULL
                     AND created_at <= $1 AND id < $2 AND ($4 IS NULL OR id > $4)
                     AND NOT EXISTS (SELECT 1 FROM auth_one_time_tokens t
                                     WHERE t.user_id = u.id AND t.expires_at > $3)
                   ORDER BY id LIMIT $5";
        Ok(on!(self, |db| query_scalar(sql)
            .bind(unproven.created)
            .bind(unproven.before)
            .bind(unproven.now)
            .bind(after)
            .bind(limit)
            .fetch_all(db)
            .await?))
    }

    /// Deletes a user, if that is still true of them.
    pub(crate) async fn purge_unproven(
        &mut self,
        id: UserId,
        unproven: &Unproven,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM auth_users
                   WHERE id = $1 AND activated_at IS NULL AND disabled_at IS NULL
                     AND created_at <= $2 AND id < $3
                     AND NOT EXISTS (SELECT 1 FROM auth_one_time_tokens t
                                     WHERE t.user_id = $1 AND t.expires_at > $4)";
        let deleted = on!(self, |db| query(sql)
            .bind(id)
            .bind(unproven.created)
            .bind(unproven.before)
            .bind(unproven.now)
            .execute(db)
            .await?
            .rows_affected());
        Ok(deleted == 1)
    }
}
