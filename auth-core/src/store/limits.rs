use std::time::Duration;

use sqlx::{query, query_as, query_scalar};

use super::{Connection, StoreError, on};
use crate::policy::throttle::{Begun, DOUBLINGS, FIRST_WAIT, LONGEST_WAIT};
use crate::{Timestamp, UserId};

/// A subject that has to wait.
#[derive(sqlx::FromRow)]
pub(crate) struct Waiting {
    pub(crate) subject: String,
    pub(crate) blocked_until: i64,
    /// Whether somebody was refused since the last attempt that was not.
    told: i64,
}

impl Waiting {
    pub(crate) fn is_told(&self) -> bool {
        self.told != 0
    }
}

/// One statement for one subject, and one for two: unless others race it, all of them are counted or none.
macro_rules! count {
    ($subjects:literal, $more:literal, $commit:literal) => {
        concat!(
            "INSERT INTO auth_limits (subject, count, free, grows, resets_at, blocked_until, told)
             SELECT subject, 1, free, grows, resets_at, blocked_until, 0 FROM (
                 SELECT CAST($5 AS TEXT) AS subject, CAST($6 AS BIGINT) AS free,
                        CAST($7 AS BIGINT) AS grows, CAST($8 AS BIGINT) AS resets_at,
                        CAST($9 AS BIGINT) AS blocked_until",
            $more,
            ") AS attempt
             WHERE NOT EXISTS (SELECT 1 FROM auth_limits waiting
                               WHERE waiting.subject IN (", $subjects, ")
                                 AND waiting.blocked_until > CAST($1 AS BIGINT))",
            $commit,
            " ON CONFLICT (subject) DO UPDATE SET
                 count = CASE WHEN auth_limits.resets_at <= CAST($1 AS BIGINT) THEN 1
                              ELSE auth_limits.count + 1 END,
                 free = excluded.free,
                 grows = excluded.grows,
                 resets_at = CASE
                     WHEN excluded.grows = 1 OR auth_limits.resets_at <= CAST($1 AS BIGINT)
                         THEN excluded.resets_at
                     ELSE auth_limits.resets_at END,
                 blocked_until = CASE
                     WHEN auth_limits.resets_at <= CAST($1 AS BIGINT) THEN excluded.blocked_until
                     WHEN auth_limits.count + 1 < excluded.free THEN 0
                     WHEN excluded.grows = 0 THEN auth_limits.resets_at
                     WHEN auth_limits.count + 1 - excluded.free >= CAST($2 AS BIGINT)
                         THEN CAST($1 AS BIGINT) + CAST($3 AS BIGINT)
                     ELSE CAST($1 AS BIGINT) + (CAST($4 AS BIGINT)
                         << CAST(auth_limits.count + 1 - excluded.free AS INTEGER)) END,
                 told = 0
             WHERE auth_limits.blocked_until <= CAST($1 AS BIGINT)"
        )
    };
}

macro_rules! count_one {
    ($commit:literal) => {
        count!("$5", "", $commit)
    };
}

macro_rules! count_two {
    ($commit:literal) => {
        count!(
            "$5, $10",
            " UNION ALL SELECT CAST($10 AS TEXT), CAST($11 AS BIGINT), CAST($12 AS BIGINT),
                               CAST($13 AS BIGINT), CAST($14 AS BIGINT)",
            $commit
        )
    };
}

/// Postgres acknowledges the statement before it is on disk, for that statement alone. If the server
/// crashes, what was counted within its last moments is forgotten, as what had not reached a replica is
/// that takes its place; nobody waits for a disk before their password is looked at.
#[cfg(feature = "postgres")]
macro_rules! soon {
    ($count:ident) => {
        $count!(" AND set_config('synchronous_commit', 'off', TRUE) = 'off'")
    };
}

/// Rows are locked in the order in which [`count!`] does it: whoever waits for another has not what that
/// one waits for. A `DELETE` would take them as the index has them.
macro_rules! forget {
    ($first:literal $(, $row:literal)*) => {
        concat!(
            "INSERT INTO auth_limits
                 (subject, count, free, grows, resets_at, blocked_until, told)
             VALUES ($1, 0, 0, 0, ", $first, ", 0, 0)",
            $(", (", $row, ", 0, 0, 0, $2, 0, 0)",)*
            " ON CONFLICT (subject) DO UPDATE
              SET count = 0, resets_at = excluded.resets_at, blocked_until = 0, told = 0"
        )
    };
}

macro_rules! mark {
    ($($row:literal),+) => {
        concat!(
            forget!("$3", $($row),+),
            " RETURNING (SELECT COUNT(*) FROM auth_sessions
                         WHERE user_id = $4 AND revoked_at IS NULL
                           AND expires_at > $5 AND idle_expires_at > $5)"
        )
    };
}

const FORGET_TWO: &str = forget!("$2", "$3");
const FORGET_THREE: &str = forget!("$2", "$3", "$4");
const FORGET_FOUR: &str = forget!("$2", "$3", "$4", "$5");
const FORGET_FIVE: &str = forget!("$2", "$3", "$4", "$5", "$6");
const MARK_AND_FORGET_TWO: &str = mark!("$6", "$7");
const MARK_AND_FORGET_FOUR: &str = mark!("$6", "$7", "$8", "$9");

impl Connection {
    /// Counts an attempt of one or two subjects before anybody looks whether it succeeds, and returns
    /// whether it may go on: none of them has to wait.
    pub(crate) async fn count_limited(
        &mut self,
        attempts: &[(String, Begun)],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        assert!(
            self.stands_alone(),
            "all of a transaction would be acknowledged before it is on disk"
        );
        let is_one = attempts.len() == 1;
        let counted = on!(
            self,
            |db, sql| {
                let mut counting = query(sql)
                    .bind(now.micros())
                    .bind(DOUBLINGS)
                    .bind(micros(LONGEST_WAIT))
                    .bind(micros(FIRST_WAIT));
                for (subject, begun) in attempts {
                    counting = counting
                        .bind(subject)
                        .bind(begun.free)
                        .bind(i64::from(begun.grows))
                        .bind(begun.resets_at.micros())
                        .bind(begun.blocked_until.map_or(0, Timestamp::micros));
                }
                counting.execute(db).await?.rows_affected()
            },
            postgres: if is_one { soon!(count_one) } else { soon!(count_two) },
            sqlite: if is_one { count_one!("") } else { count_two!("") }
        );
        // Of two that raced, the statement may have counted one: that one was an attempt too many.
        Ok(usize::try_from(counted) == Ok(attempts.len()))
    }

    /// Which of two subjects, or of one, has to wait the longest.
    pub(crate) async fn waiting(
        &mut self,
        subjects: (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Waiting>, StoreError> {
        let sql = "SELECT subject, blocked_until, told FROM auth_limits
                   WHERE subject IN ($1, $2) AND blocked_until > $3
                   ORDER BY blocked_until DESC LIMIT 1";
        Ok(on!(self, |db| query_as(sql)
            .bind(subjects.0)
            .bind(subjects.1)
            .bind(now.micros())
            .fetch_optional(db)
            .await?))
    }

    /// Remembers that somebody was refused; whether that is news.
    pub(crate) async fn tell_waiting(&mut self, subject: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE auth_limits SET told = 1 WHERE subject = $1 AND told = 0";
        let told = on!(self, |db| query(sql).bind(subject).execute(db).await?.rows_affected());
        Ok(told == 1)
    }

    /// Forgets the attempts of two to five subjects, in the order in which they are counted.
    pub(crate) async fn forget_limited(
        &mut self,
        subjects: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some((first, others)) = subjects.split_first() else { return Ok(()) };
        let sql = match others.len() {
            ..=1 => FORGET_TWO,
            2 => FORGET_THREE,
            3 => FORGET_FOUR,
            4.. => FORGET_FIVE,
        };
        on!(self, |db| {
            let mut forgetting = query(sql).bind(first).bind(now.micros());
            for subject in others {
                forgetting = forgetting.bind(subject);
            }
            forgetting.execute(db).await?;
        });
        Ok(())
    }

    /// The same of two or four, and marks another until an instant; returns how many live sessions
    /// the user has, which is to be asked next and so costs nothing here.
    pub(crate) async fn forget_and_mark(
        &mut self,
        subjects: &[String],
        (mark, until): (&str, Timestamp),
        user_id: UserId,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = if subjects.len() == 2 { MARK_AND_FORGET_TWO } else { MARK_AND_FORGET_FOUR };
        Ok(on!(self, |db| {
            let mut forgetting = query_scalar(sql)
                .bind(mark)
                .bind(now.micros())
                .bind(until.micros())
                .bind(user_id)
                .bind(now);
            for subject in subjects {
                forgetting = forgetting.bind(subject);
            }
            forgetting.fetch_one(db).await?
        }))
    }

    /// Whether a subject is marked.
    pub(crate) async fn is_marked(
        &mut self,
        subject: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM auth_limits WHERE subject = $1 AND resets_at > $2)";
        Ok(on!(self, |db| query_scalar(sql).bind(subject).bind(now.micros()).fetch_one(db).await?))
    }

    /// Deletes up to `limit` subjects of which all is forgotten, and returns how many there were.
    pub(crate) async fn purge_limits(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<u64, StoreError> {
        // What was counted meanwhile no longer is what the statement looked for, and stays.
        macro_rules! sql {
            ($found:literal, $end:literal) => {
                concat!(
                    "DELETE FROM auth_limits
                     WHERE resets_at <= $1 AND blocked_until <= $1 AND subject ",
                    $found,
                    "SELECT subject FROM auth_limits WHERE resets_at <= $1 AND blocked_until <= $1
                     ORDER BY resets_at LIMIT $2",
                    $end
                )
            };
        }
        Ok(on!(
            self,
            |db, sql| query(sql).bind(now.micros()).bind(limit).execute(db).await?.rows_affected(),
            postgres: sql!("= ANY (ARRAY(", "))"),
            sqlite: sql!("IN (", ")")
        ))
    }
}

fn micros(wait: Duration) -> i64 {
    i64::try_from(wait.as_micros()).expect("no wait is that long")
}
