use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::{Error, Result};

/// A look at the database that many share: everybody who asks gets one that began after they
/// asked, and yet there are no more than fifty in a second.
///
/// Whoever asks in vain, however often, so takes nothing from whoever does not.
#[derive(Debug, Default)]
pub(crate) struct SharedLook {
    begun: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// The number of the last that came to its end; one whose caller went away does not.
    ended: u64,
    failed: bool,
    began_at: Option<Instant>,
}

impl SharedLook {
    /// Runs `look`, or waits for one that serves as well.
    pub(crate) async fn share(&self, look: impl Future<Output = Result<()>>) -> Result<()> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.ended > asked {
            return if last.failed { Err(Error::Saturated) } else { Ok(()) };
        }
        if let Some(began_at) = last.began_at {
            sleep_until(began_at + PAUSE).await;
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        last.began_at = Some(Instant::now());
        let looked = look.await;
        last.ended = number;
        last.failed = looked.is_err();
        looked
    }
}

const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_costs_few_looks_and_each_gets_one_that_began_later() {
        let (shared, looks) = (Arc::new(SharedLook::default()), Arc::new(AtomicU64::new(0)));
        let look = |shared: Arc<SharedLook>, looks: Arc<AtomicU64>| async move {
            let before = looks.load(Ordering::SeqCst);
            let counted = async {
                looks.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(())
            };
            shared.share(counted).await.unwrap();
            assert!(looks.load(Ordering::SeqCst) > before);
        };
        let start = Instant::now();
        for _ in 0..10 {
            let flood: Vec<_> = (0..100)
                .map(|_| tokio::spawn(look(Arc::clone(&shared), Arc::clone(&looks))))
                .collect();
            for one in flood {
                one.await.unwrap();
            }
        }
        let at_most = start.elapsed().as_millis() / PAUSE.as_millis() + 1;
        assert!(u128::from(looks.load(Ordering::SeqCst)) <= at_most, "{looks:?} of {at_most}");
        assert!(looks.load(Ordering::SeqCst) >= 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_stops_nobody_and_a_failure_is_everybodys() {
        let shared = SharedLook::default();
        let gone = shared.share(std::future::pending());
        assert!(tokio::time::timeout(PAUSE, gone).await.is_err());
        let (first, fails, waits) = tokio::join!(
            shared.share(async {
                tokio::task::yield_now().await;
                Ok(())
            }),
            shared.share(async { Err(Error::NotFound) }),
            shared.share(async { Ok(()) }),
        );
        assert!(first.is_ok());
        assert!(matches!((fails, waits), (Err(Error::NotFound), Err(Error::Saturated))));
        shared.share(async { Ok(()) }).await.unwrap();
    }
}
