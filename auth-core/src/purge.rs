//! Deletes what is over.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::event::Origin;
use crate::store::purge::{self, Rule, Unproven};
use crate::{Auth, Error, EventKind, Result, Timestamp, UserId};

/// How many rows [`Auth::purge`] deleted, of each kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Purged {
    /// Counts of attempts whose window has ended.
    pub attempts: u64,
    /// Sign-ins that no second factor came for.
    pub challenges: u64,
    /// Enrolments that no first code came for.
    pub enrolments: u64,
    /// Events older than [`Config::event_retention`](crate::Config::event_retention).
    pub events: u64,
    /// Counts of what is limited before anybody looks at it, of which all is forgotten.
    pub limits: u64,
    /// Mails that were sent or given up 30 days ago.
    pub messages: u64,
    /// Links that have expired.
    pub one_time_tokens: u64,
    /// Notes on the sessions of deleted users, of which every instance has heard by now.
    pub revocations: u64,
    /// Sessions that ended so long ago that no access token of theirs can be good.
    pub sessions: u64,
    /// Signing keys that were replaced so long ago.
    pub signing_keys: u64,
    /// Names that are no longer held for a sign-up.
    pub username_holds: u64,
    /// Users who have not proven their address within 30 days and have no link that could.
    pub users: u64,
}

impl Auth {
    /// Deletes what is over, in small portions that nobody waits for, and returns how much it was.
    ///
    /// [`start`](Self::start) does it every ten minutes; this is for tests and for jobs. Several
    /// instances may do it at once.
    ///
    /// # Errors
    ///
    /// If the database fails. What did not depend on that is deleted all the same; events stay if
    /// the role may not delete them.
    pub async fn purge(&self) -> Result<Purged> {
        let now = self.now();
        let outlived = now.minus(OUTLIVED);
        let old_events = now.minus(self.0.config.event_retention);
        let mut purged = Purged::default();
        let mut first_error = None;
        let [mut expired, mut idle, mut revoked] = [0; 3];
        for (rule, at, count) in [
            (&purge::ATTEMPTS, now, &mut purged.attempts),
            (&purge::CHALLENGES, now, &mut purged.challenges),
            (&purge::ENROLMENTS, now, &mut purged.enrolments),
            (&purge::EVENTS, old_events, &mut purged.events),
            (&purge::EXPIRED_SESSIONS, outlived, &mut expired),
            (&purge::IDLE_SESSIONS, outlived, &mut idle),
            (&purge::MESSAGES, now.minus(KEPT), &mut purged.messages),
            (&purge::ONE_TIME_TOKENS, now, &mut purged.one_time_tokens),
            (&purge::REVOCATIONS, outlived, &mut purged.revocations),
            (&purge::REVOKED_SESSIONS, outlived, &mut revoked),
            (&purge::SIGNING_KEYS, outlived, &mut purged.signing_keys),
            (&purge::USERNAME_HOLDS, now, &mut purged.username_holds),
        ] {
            if let Err(error) = self.purge_table(rule, at, count).await {
                let cause = &error as &dyn std::error::Error;
                tracing::warn!(
                    error = cause,
                    table = rule.table,
                    "not everything is deleted that is over"
                );
                first_error.get_or_insert(error);
            }
        }
        purged.sessions = expired + idle + revoked;
        if let Err(error) = self.purge_limits(now, &mut purged.limits).await {
            first_error.get_or_insert(error);
        }
        if let Err(error) = self.purge_unproven(now, &mut purged.users).await {
            first_error.get_or_insert(error);
        }
        tracing::debug!(?purged, "what was over is deleted");
        first_error.map_or(Ok(purged), Err)
    }

    async fn purge_table(&self, rule: &Rule, at: Timestamp, count: &mut u64) -> Result<()> {
        loop {
            let mut tx = self.0.store.begin_job().await?;
            let deleted = match tx.connection().purge(rule, at, BATCH).await {
                // A role that may only add events leaves them to another.
                Err(error) if error.is_forbidden() && rule.table == purge::EVENTS.table => {
                    return Ok(());
                }
                deleted => deleted?,
            };
            tx.commit().await?;
            *count += deleted;
            if deleted < BATCH.unsigned_abs() {
                return Ok(());
            }
        }
    }

    async fn purge_limits(&self, now: Timestamp, count: &mut u64) -> Result<()> {
        loop {
            let deleted = self.0.store.write().await?.purge_limits(now, BATCH).await?;
            *count += deleted;
            if deleted < BATCH.unsigned_abs() {
                return Ok(());
            }
        }
    }

    /// Each in a transaction of their own: one whom the host's tables refer to stays, and stands in
    /// nobody's way.
    async fn purge_unproven(&self, now: Timestamp, count: &mut u64) -> Result<()> {
        let created = now.minus(KEPT);
        let unproven =
            Unproven { created, before: first_id(created.plus(Duration::from_millis(1))), now };
        let mut after = (Timestamp::from_micros(i64::MIN), UserId::from(Uuid::nil()));
        let mut first_error = None;
        loop {
            let mut connection = self.0.store.read_job().await?;
            let users = connection.unproven_users(&unproven, after, BATCH).await?;
            drop(connection);
            let Some(last) = users.last() else { return first_error.map_or(Ok(()), Err) };
            after = *last;
            for (_, id) in users {
                match self.delete_unproven(id, &unproven).await {
                    Ok(deleted) => *count += u64::from(deleted),
                    Err(error) => {
                        let cause = &error as &dyn std::error::Error;
                        tracing::warn!(error = cause, user = %id, "a user who proved no address stays");
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
    }

    async fn delete_unproven(&self, id: UserId, unproven: &Unproven) -> Result<bool, Error> {
        let mut unit = self.begin(Origin::system()).await?;
        if !unit.tx().purge_unproven(id, unproven).await? {
            return Ok(false);
        }
        unit.record(EventKind::UserDeleted).user(id).detail("reason", "unproven");
        unit.commit().await?;
        Ok(true)
    }
}

/// What sorts before the id of everybody who was added at `at` or later.
fn first_id(at: Timestamp) -> UserId {
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0);
    let first: Uuid = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
    UserId::from(first)
}

/// How many rows one statement deletes.
const BATCH: i64 = 1000;
/// Longer than any access token lives, whatever lifetime an instance is configured with.
const OUTLIVED: Duration = Duration::from_secs(2 * 60 * 60);
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
