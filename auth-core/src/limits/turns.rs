use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets no more attempts at a subject begin at once, in this process, than may fail.
///
/// An attempt is counted before it is known to be right. Without turns, many right ones at once would
/// be refused for each other's sake.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<Semaphore>>>);

/// For as long as it is kept, an attempt is under way.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Turns {
    /// Waits for a turn; nothing if it takes too long.
    pub(crate) async fn take(&self, subject: &str, at_once: u32) -> Option<Turn> {
        let turn = self.of(subject, at_once).acquire_owned();
        tokio::time::timeout(PATIENCE, turn).await.ok()?.ok()
    }

    fn of(&self, subject: &str, at_once: u32) -> Arc<Semaphore> {
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = subjects.get(subject).and_then(Weak::upgrade) {
            return turns;
        }
        if subjects.len() >= KEPT {
            subjects.retain(|_, turns| turns.strong_count() > 0);
        }
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let turns = Arc::new(Semaphore::new(at_once));
        subjects.insert(subject.to_owned(), Arc::downgrade(&turns));
        turns
    }
}

/// As long as a hash waits for its place.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many subjects may be remembered before those are looked for that nobody tries.
const KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_subject_has_so_many_turns_at_once_and_others_have_theirs() {
        let turns = Turns::default();
        let first = turns.take("ada", 2).await;
        let second = turns.take("ada", 2).await;
        assert!(first.is_some() && second.is_some());
        assert!(turns.take("ada", 2).await.is_none());
        assert!(turns.take("eve", 2).await.is_some());
        drop(first);
        assert!(turns.take("ada", 2).await.is_some());
    }

    #[tokio::test]
    async fn subjects_that_nobody_tries_are_forgotten() {
        let turns = Turns::default();
        let kept = turns.take("kept", 1).await;
        for number in 0..KEPT {
            drop(turns.take(&number.to_string(), 1).await);
        }
        let subjects = turns.0.lock().unwrap();
        assert!(subjects.len() <= 2 && subjects.contains_key("kept"), "{}", subjects.len());
        drop(kept);
    }
}
