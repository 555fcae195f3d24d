use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::{SessionId, Timestamp};

/// The sessions revoked so lately that their access tokens have not expired by themselves.
///
/// It is what lets an access token be refused without asking the database (ASVS 7.4.1). This
/// instance's own revocations are in it at once; those of others come with each look at the
/// database, and without a recent one nothing here is trusted to be complete.
#[derive(Debug)]
pub(crate) struct Revocations {
    state: Mutex<State>,
    /// How long an access token may outlive its session.
    kept: Duration,
}

#[derive(Debug, Default)]
struct State {
    revoked: HashMap<SessionId, Timestamp>,
    synced_at: Option<Timestamp>,
}

impl Revocations {
    pub(crate) fn new(kept: Duration) -> Self {
        Self { state: Mutex::default(), kept }
    }

    /// Adds what this instance has revoked.
    pub(crate) fn insert(&self, sessions: impl IntoIterator<Item = SessionId>, now: Timestamp) {
        let mut state = self.lock();
        let kept = self.kept;
        state.revoked.retain(|_, at| now.since(*at) <= kept);
        state.revoked.extend(sessions.into_iter().map(|session| (session, now)));
    }

    /// Adds what the database knew at `now`, and forgets what no longer matters.
    pub(crate) fn sync(
        &self,
        revoked: impl IntoIterator<Item = (SessionId, Timestamp)>,
        now: Timestamp,
    ) {
        let mut state = self.lock();
        state.revoked.extend(revoked);
        let kept = self.kept;
        state.revoked.retain(|_, at| now.since(*at) <= kept);
        state.synced_at = Some(now);
    }

    /// Since when the database has to be asked for what is not known yet at `now`.
    pub(crate) fn since(&self, now: Timestamp) -> Timestamp {
        // A transaction commits some time after the instant that it writes down.
        let known = self.lock().synced_at.map(|synced_at| synced_at.minus(COMMIT));
        let all = self.oldest(now);
        known.map_or(all, |known| known.max(all))
    }

    /// How old the news from other instances is; `None` before the first.
    pub(crate) fn age(&self, now: Timestamp) -> Option<Duration> {
        self.lock().synced_at.map(|synced_at| now.since(synced_at))
    }

    /// When the oldest revocation took place of which an access token may still speak.
    pub(crate) fn oldest(&self, now: Timestamp) -> Timestamp {
        now.minus(self.kept)
    }

    /// Whether the session was revoked; `None` if only the database can tell.
    pub(crate) fn contains(&self, session: SessionId, now: Timestamp) -> Option<bool> {
        let state = self.lock();
        if state.revoked.contains_key(&session) {
            return Some(true);
        }
        let fresh = state.synced_at.is_some_and(|synced_at| {
            now.since(synced_at) <= FRESH && synced_at.since(now) <= FRESH
        });
        fresh.then_some(false)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

/// For how long a look at the database is worth something.
const FRESH: Duration = Duration::from_secs(1);
/// The longest that a transaction takes from its first write to its commit.
const COMMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_a_fresh_look_at_the_database_says_no() {
        let revocations = Revocations::new(Duration::from_secs(600));
        let [theirs, ours, live] = [1, 2, 3].map(|n| SessionId::from(Uuid::from_u128(n)));
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(revocations.contains(live, now), None);
        revocations.insert([ours], now);
        assert_eq!(revocations.contains(ours, now), Some(true));
        revocations.sync([(theirs, now)], now);
        assert_eq!(revocations.contains(theirs, now), Some(true));
        assert_eq!(revocations.contains(live, now), Some(false));
        let later = now.plus(Duration::from_secs(2));
        assert_eq!(revocations.contains(live, later), None);
        assert_eq!(revocations.contains(theirs, later), Some(true));
        revocations.sync([], now.plus(Duration::from_secs(601)));
        assert_eq!(revocations.lock().revoked.len(), 0);
    }
}
