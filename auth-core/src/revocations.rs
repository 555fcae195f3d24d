use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::{SessionId, Timestamp};

/// The sessions revoked so lately that their access tokens have not expired by themselves.
///
/// It is what lets an access token be refused without asking the database (ASVS 7.4.1). This
/// instance's own revocations are in it at once; those of others come with each look at the
/// database, and without a recent one nothing here is trusted to be complete.
///
/// Other instances may also say which sessions they have just revoked. They are believed only so far
/// that the database is asked about these until the next look: whoever forges that revokes nothing.
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
    /// The latest revocation that a look has found.
    newest: Option<Timestamp>,
    /// What others say they have revoked, and since when they say so.
    doubted: HashMap<SessionId, Instant>,
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

    /// Leaves it to the database whether these sessions are revoked, until the next look at it.
    #[cfg(feature = "redis")]
    pub(crate) fn doubt(&self, sessions: impl IntoIterator<Item = SessionId>) {
        let mut state = self.lock();
        let room = DOUBTS.saturating_sub(state.doubted.len());
        let now = Instant::now();
        state.doubted.extend(sessions.into_iter().take(room).map(|session| (session, now)));
    }

    /// Adds what the database knew at `now` to a look that began at `begun`, and forgets what no
    /// longer matters.
    pub(crate) fn sync(
        &self,
        revoked: impl IntoIterator<Item = (SessionId, Timestamp)>,
        begun: Instant,
        now: Timestamp,
    ) {
        let mut state = self.lock();
        // What is said after the commit is true or false for any look that begins later.
        state.doubted.retain(|_, since| *since >= begun);
        for (session, at) in revoked {
            state.newest = state.newest.max(Some(at));
            state.revoked.insert(session, at);
        }
        let kept = self.kept;
        state.revoked.retain(|_, at| now.since(*at) <= kept);
        state.synced_at = Some(now);
    }

    /// Since when the database has to be asked for what is not known yet at `now`.
    pub(crate) fn since(&self, now: Timestamp) -> Timestamp {
        let state = self.lock();
        let all = self.oldest(now);
        if state.synced_at.is_some_and(|synced_at| now < synced_at) {
            // A clock that was ahead has let go of what matters again now that it is right.
            return all;
        }
        // Whoever revokes writes down an instant of their own clock, which may be behind this one.
        let known = state.newest.min(state.synced_at);
        // A transaction commits some time after that instant.
        let known = known.map(|known| known.minus(COMMIT));
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
        if state.doubted.contains_key(&session) {
            return None;
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
/// How many sessions are doubted at once, which is far more than end between two looks.
#[cfg(feature = "redis")]
const DOUBTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn news_are_as_old_as_the_last_look() {
        let revocations = Revocations::new(Duration::from_secs(600));
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(revocations.age(now), None);
        revocations.sync([], Instant::now(), now);
        let later = Duration::from_secs(2);
        assert_eq!(revocations.age(now.plus(later)), Some(later));
    }

    #[test]
    fn a_clock_that_is_ahead_hides_nothing() {
        let revocations = Revocations::new(Duration::from_secs(600));
        let session = SessionId::from(Uuid::from_u128(1));
        let there = Timestamp::from_secs(1_000_000);
        let here = there.plus(Duration::from_secs(300));
        revocations.sync([], Instant::now(), here);
        assert!(revocations.since(here) <= there);
        revocations.sync([(session, there)], Instant::now(), here);
        assert_eq!(revocations.since(here), there.minus(COMMIT));
        // Nor does one that was, and goes right again.
        revocations.sync([(session, here)], Instant::now(), here);
        revocations.sync([], Instant::now(), there);
        assert_eq!(revocations.since(there), there.minus(COMMIT));
    }

    #[test]
    fn a_clock_that_was_ahead_has_all_looked_up_again() {
        let revocations = Revocations::new(Duration::from_secs(600));
        let [earlier, latest] = [1, 2].map(|n| SessionId::from(Uuid::from_u128(n)));
        let now = Timestamp::from_secs(1_000_000);
        let at = now.minus(Duration::from_secs(500));
        revocations.sync([(earlier, at), (latest, now)], Instant::now(), now);
        revocations.sync([], Instant::now(), now.plus(Duration::from_secs(300)));
        assert_eq!(revocations.contains(earlier, now), None, "the token was good no longer");
        assert!(revocations.since(now) <= at, "and now it is, but for that");
    }

    #[test]
    fn only_a_fresh_look_at_the_database_says_no() {
        let revocations = Revocations::new(Duration::from_secs(600));
        let [theirs, ours, live] = [1, 2, 3].map(|n| SessionId::from(Uuid::from_u128(n)));
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(revocations.contains(live, now), None);
        revocations.insert([ours], now);
        assert_eq!(revocations.contains(ours, now), Some(true));
        revocations.sync([(theirs, now)], Instant::now(), now);
        assert_eq!(revocations.contains(theirs, now), Some(true));
        assert_eq!(revocations.contains(live, now), Some(false));
        let later = now.plus(Duration::from_secs(2));
        assert_eq!(revocations.contains(live, later), None);
        assert_eq!(revocations.contains(theirs, later), Some(true));
        revocations.sync([], Instant::now(), now.plus(Duration::from_secs(601)));
        assert_eq!(revocations.lock().revoked.len(), 0);
    }

    #[test]
    fn what_is_as_old_as_it_may_be_still_counts() {
        let kept = Duration::from_secs(600);
        let [first, second, live] = [1, 2, 3].map(|n| SessionId::from(Uuid::from_u128(n)));
        let now = Timestamp::from_secs(1_000_000);
        let tick = Duration::from_micros(1);

        let revocations = Revocations::new(kept);
        revocations.insert([first], now);
        revocations.insert([second], now.plus(kept));
        assert_eq!(revocations.lock().revoked.len(), 2);
        revocations.insert([], now.plus(kept).plus(tick));
        assert_eq!(revocations.contains(first, now), None);
        assert_eq!(revocations.contains(second, now), Some(true));

        let revocations = Revocations::new(kept);
        revocations.sync([(first, now)], Instant::now(), now.plus(kept));
        assert_eq!(revocations.contains(first, now), Some(true));
        revocations.sync([], Instant::now(), now);
        for clock in [now.plus(FRESH), now.minus(FRESH)] {
            assert_eq!(revocations.contains(live, clock), Some(false));
        }
        for clock in [now.plus(FRESH).plus(tick), now.minus(FRESH).minus(tick)] {
            assert_eq!(revocations.contains(live, clock), None);
        }
    }

    #[cfg(feature = "redis")]
    #[test]
    fn what_others_say_is_asked_of_the_database_until_a_look_that_began_later() {
        let revocations = Revocations::new(Duration::from_secs(600));
        let [said, live] = [1, 2].map(|n| SessionId::from(Uuid::from_u128(n)));
        let now = Timestamp::from_secs(1_000_000);
        let begun = Instant::now();
        revocations.doubt([said]);
        // A look that was under way may have missed it.
        revocations.sync([], begun, now);
        assert_eq!(revocations.contains(said, now), None);
        assert_eq!(revocations.contains(live, now), Some(false));
        revocations.sync([], Instant::now() + Duration::from_secs(1), now);
        assert_eq!(revocations.contains(said, now), Some(false));

        revocations.doubt((0..20_000).map(|n| SessionId::from(Uuid::from_u128(n))));
        assert_eq!(revocations.lock().doubted.len(), DOUBTS);
    }
}
