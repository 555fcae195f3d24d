use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::Random;

/// What an instance may have committed for the others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Messages,
    Revocations,
}

/// Wakes the tasks of this instance for what another has committed.
///
/// A signal says that there may be something, and never what: the database does. One that gets lost
/// costs time, since the tasks also look by themselves.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    messages: Notify,
    revocations: Notify,
}

impl Signals {
    /// Wakes who waits for it, or else who waits next.
    pub(crate) fn raise(&self, signal: Signal) {
        self.notify(signal).notify_one();
    }

    /// Raises all: after an interruption nobody knows what was missed.
    pub(crate) fn raise_all(&self) {
        self.raise(Signal::Messages);
        self.raise(Signal::Revocations);
    }

    /// Returns once it is raised, which counts for one who waits.
    pub(crate) async fn raised(&self, signal: Signal) {
        self.notify(signal).notified().await;
    }

    fn notify(&self, signal: Signal) -> &Notify {
        match signal {
            Signal::Messages => &self.messages,
            Signal::Revocations => &self.revocations,
        }
    }
}

/// Listens for ever: begins again whenever `listen` ends, which is once its connection is lost.
///
/// It waits for 0.1 s, twice as long after each failure up to 5 s, of which half is left to chance.
pub(crate) async fn keep_listening<E: Error, F: Future<Output = Result<(), E>>>(
    to: &'static str,
    random: Arc<dyn Random>,
    listen: impl Fn() -> F,
) {
    let mut delay = SHORTEST;
    loop {
        let begun = Instant::now();
        let ended = listen().await;
        if begun.elapsed() > LONGEST {
            delay = SHORTEST;
        }
        let cause = ended.as_ref().err().map(|error| match error.source() {
            Some(source) => source.to_string(),
            None => error.to_string(),
        });
        tracing::warn!(to, cause, "no longer listening; connecting again");
        let chance = f64::from(u16::from_le_bytes(random.bytes())) / f64::from(u16::MAX);
        tokio::time::sleep(delay.mul_f64(0.5 + chance / 2.0)).await;
        delay = (delay * 2).min(LONGEST);
    }
}

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::SeededRandom;

    #[tokio::test(start_paused = true)]
    async fn listening_begins_again_and_never_in_haste() {
        let begun = AtomicU32::new(0);
        let listen = || {
            begun.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err(io::Error::other("refused")))
        };
        let listening = keep_listening("nobody", Arc::new(SeededRandom::new(1)), listen);
        tokio::time::timeout(Duration::from_secs(60), listening).await.unwrap_err();
        assert!((15..=30).contains(&begun.into_inner()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_waits_for_whoever_comes_late() {
        let signals = Signals::default();
        signals.raise(Signal::Messages);
        signals.raised(Signal::Messages).await;
        let other = signals.raised(Signal::Revocations);
        tokio::time::timeout(Duration::from_secs(60), other).await.unwrap_err();
    }
}
