use sqlx::{query, query_as};

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

/// What is over first goes first, so that whatever else there is, an index leads to it.
///
/// On Postgres a row that somebody holds is left for the next time, so that nobody waits, and the rows
/// are found by an array of their keys: a planner that does not know how few they are would rather
/// read the whole table.
macro_rules! rule {
    ($table:literal, $key:literal, $since:literal $(, $also:literal)?) => {
        rule!(locked " FOR UPDATE SKIP LOCKED", $table, $key, $since $(, $also)?)
    };
    (locked $lock:literal, $table:literal, $key:literal, $since:literal $(, $also:literal)?) => {
        Rule {
            table: $table,
            #[cfg(feature = "postgres")]
            postgres: concat!(
                "DELETE FROM ", $table, " WHERE ", $key, " = ANY (ARRAY(",
                rule!(over $table, $key, $since $(, $also)?), $lock, "))"
            ),
            #[cfg(feature = "sqlite")]
            sqlite: concat!(
                "DELETE FROM ", $table, " WHERE ", $key, " IN (",
                rule!(over $table, $key, $since $(, $also)?), ")"
            ),
        }
    };
    (over $table:literal, $key:literal, $since:literal $(, $also:literal)?) => {
        concat!(
            "SELECT ", $key, " FROM ", $table, " WHERE ", $since, " <= $1",
            $(" AND ", $also,)? " ORDER BY ", $since, " LIMIT $2"
        )
    };
}

pub(crate) const ATTEMPTS: Rule = rule!("auth_attempts", "subject", "expires_at");
pub(crate) const CHALLENGES: Rule = rule!("auth_challenges", "digest", "expires_at");
pub(crate) const ENROLMENTS: Rule = rule!("auth_totp_enrolments", "user_id", "expires_at");
/// Without a lock, which would take the right to change an event.
pub(crate) const EVENTS: Rule = rule!(locked "", "auth_events", "id", "occurred_at");
pub(crate) const EXPIRED_SESSIONS: Rule = rule!("auth_sessions", "id", "expires_at");
pub(crate) const IDLE_SESSIONS: Rule =
    rule!("auth_sessions", "id", "idle_day", "idle_expires_at <= $1");
pub(crate) const MESSAGES: Rule = rule!(
    "auth_messages",
    "id",
    "COALESCE(sent_at, failed_at)",
    "(sent_at IS NOT NULL OR failed_at IS NOT NULL)"
);
pub(crate) const ONE_TIME_TOKENS: Rule = rule!("auth_one_time_tokens", "digest", "expires_at");
pub(crate) const REVOCATIONS: Rule = rule!("auth_revocations", "session_id", "revoked_at");
pub(crate) const REVOKED_SESSIONS: Rule = rule!("auth_sessions", "id", "revoked_at");
pub(crate) const SIGNING_KEYS: Rule = rule!(
    "auth_signing_keys",
    "generation",
    "active_from",
    "generation < (SELECT MAX(generation) FROM auth_signing_keys WHERE active_from <= $1)"
);
pub(crate) const USERNAME_HOLDS: Rule = rule!("auth_username_holds", "username", "held_until");

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

    /// The first `limit` users, of those who signed up after `after`, who may be deleted, and when each
    /// of them did.
    pub(crate) async fn unproven_users(
        &mut self,
        unproven: &Unproven,
        after: (Timestamp, UserId),
        limit: i64,
    ) -> Result<Vec<(Timestamp, UserId)>, StoreError> {
        let sql = "SELECT created_at, id FROM auth_users u
                   WHERE activated_at IS NULL AND disabled_at IS NULL
                     AND created_at <= $1 AND id < $2 AND (created_at, id) > ($4, $5)
                     AND NOT EXISTS (SELECT 1 FROM auth_one_time_tokens t
                                     WHERE t.user_id = u.id AND t.expires_at > $3)
                   ORDER BY created_at, id LIMIT $6";
        Ok(on!(self, |db| query_as(sql)
            .bind(unproven.created)
            .bind(unproven.before)
            .bind(unproven.now)
            .bind(after.0)
            .bind(after.1)
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
