use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::access_token::{SigningKey, VerifyingKey};
use crate::Timestamp;

/// The keys of access tokens: the one that signs now, the one that will, and those that did.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: RwLock<Arc<[Key]>>,
    /// How long a key signs.
    lifetime: Duration,
    /// How long what it signed may still be presented.
    overlap: Duration,
}

/// One generation.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) generation: i64,
    pub(crate) signing: Arc<SigningKey>,
    pub(crate) active_from: Timestamp,
}

impl Keyring {
    pub(crate) fn new(lifetime: Duration, overlap: Duration) -> Self {
        Self { keys: RwLock::new(Arc::new([])), lifetime, overlap }
    }

    /// Replaces all keys; they are sorted by generation.
    pub(crate) fn set(&self, keys: Vec<Key>) {
        *self.keys.write().expect("no panic while held") = keys.into();
    }

    /// The key that signs at `now`.
    pub(crate) fn signing(&self, now: Timestamp) -> Option<Arc<SigningKey>> {
        let keys = self.keys();
        let active = keys.iter().rev().find(|key| key.active_from <= now);
        active.or_else(|| keys.first()).map(|key| Arc::clone(&key.signing))
    }

    /// The key of that id, unless everything that it signed has expired.
    pub(crate) fn verifying(&self, kid: &str, now: Timestamp) -> Option<VerifyingKey> {
        self.published(now).find(|key| key.kid() == kid)
    }

    /// Whether [`verifying`](Self::verifying) finds a key of that id.
    pub(crate) fn verifies(&self, kid: &str, now: Timestamp) -> bool {
        let keys = self.keys.read().expect("no panic while held");
        let index = keys.iter().position(|key| key.signing.kid() == kid);
        index.is_some_and(|index| !retired(successor(&keys, index), self.overlap, now))
    }

    /// Every key that a verifier may meet, that of the near future included.
    pub(crate) fn published(&self, now: Timestamp) -> impl Iterator<Item = VerifyingKey> + use<> {
        let (keys, overlap) = (self.keys(), self.overlap);
        (0..keys.len()).filter_map(move |index| {
            let key = &keys[index].signing;
            (!retired(successor(&keys, index), overlap, now)).then(|| key.verifying_key())
        })
    }

    /// Whether everything has expired that a key signed whose successor took over then.
    pub(crate) fn retired(&self, successor_from: Option<Timestamp>, now: Timestamp) -> bool {
        retired(successor_from, self.overlap, now)
    }

    /// The generation of the newest key.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.keys().last().map(|key| key.generation)
    }

    /// The generation that is to be made at `now`, due or not, and when it takes over; `None` if
    /// one waits to.
    pub(crate) fn next(&self, now: Timestamp) -> Option<(i64, Timestamp)> {
        let keys = self.keys();
        let Some(newest) = keys.last() else {
            return Some((1, now));
        };
        (newest.active_from <= now).then(|| (newest.generation + 1, now.plus(NOTICE)))
    }

    /// The generation that is to be made at `now` and when it takes over, if one is due.
    ///
    /// It is made an hour before, so that whoever keeps a copy of the published keys has it in time.
    pub(crate) fn due(&self, now: Timestamp) -> Option<(i64, Timestamp)> {
        let keys = self.keys();
        let Some(newest) = keys.last() else {
            return Some((1, now));
        };
        let lead = LEAD.min(self.lifetime / 2);
        let successor_from = newest.active_from.plus(self.lifetime);
        (now >= successor_from.minus(lead))
            .then(|| (newest.generation + 1, successor_from.max(now.plus(lead))))
    }

    fn keys(&self) -> Arc<[Key]> {
        Arc::clone(&self.keys.read().expect("no panic while held"))
    }
}

/// When the key after that one takes over.
fn successor(keys: &[Key], index: usize) -> Option<Timestamp> {
    keys.get(index + 1).map(|next| next.active_from)
}

fn retired(successor_from: Option<Timestamp>, overlap: Duration, now: Timestamp) -> bool {
    successor_from.is_some_and(|from| now > from.plus(overlap))
}

/// For how long a copy of the published keys may be kept.
const NOTICE: Duration = Duration::from_secs(5 * 60);
const LEAD: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const OVERLAP: Duration = Duration::from_secs(10 * 60);

    fn key(generation: i64, active_from: Timestamp) -> Key {
        let signing = Arc::new(SigningKey::generate(&SystemRandom));
        Key { generation, signing, active_from }
    }

    #[test]
    fn keys_overlap_before_and_after_they_sign() {
        let start = Timestamp::from_secs(1_000_000);
        let ring = Keyring::new(DAY, OVERLAP);
        assert_eq!(ring.due(start), Some((1, start)));
        let first = key(1, start);
        let first_kid = first.signing.kid().to_owned();
        ring.set(vec![key(1, start)]);
        assert_eq!(ring.due(start.plus(DAY).minus(LEAD).minus(Duration::from_secs(1))), None);
        let handover = start.plus(DAY);
        assert_eq!(ring.due(handover.minus(LEAD)), Some((2, handover)));

        let second = key(2, handover);
        let second_kid = second.signing.kid().to_owned();
        ring.set(vec![first, second]);
        let before = handover.minus(Duration::from_secs(1));
        assert_eq!(ring.signing(before).unwrap().kid(), first_kid);
        assert!(ring.verifying(&second_kid, before).is_some());
        assert_eq!(ring.signing(handover).unwrap().kid(), second_kid);
        assert!(ring.verifying(&first_kid, handover.plus(OVERLAP)).is_some());
        assert!(ring.verifies(&first_kid, handover.plus(OVERLAP)));
        let after = handover.plus(OVERLAP).plus(Duration::from_secs(1));
        assert!(ring.verifying(&first_kid, after).is_none());
        assert!(!ring.verifies(&first_kid, after) && ring.verifies(&second_kid, after));
        assert!(!ring.verifies("unknown", after));
        assert_eq!(ring.published(after).count(), 1);
    }

    #[test]
    fn a_service_that_slept_announces_its_next_key_before_using_it() {
        let start = Timestamp::from_secs(1_000_000);
        let ring = Keyring::new(DAY, OVERLAP);
        ring.set(vec![key(1, start)]);
        let late = start.plus(10 * DAY);
        assert_eq!(ring.due(late), Some((2, late.plus(LEAD))));
    }
}
