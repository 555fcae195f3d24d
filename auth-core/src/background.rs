use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

#[cfg(feature = "redis")]
use crate::redis_feed;
#[cfg(feature = "redis")]
use crate::redis_server::RedisServer;
use crate::signals::{Signal, keep_listening};
use crate::{Auth, Result, telemetry};

/// What runs beside the requests: the courier, the revocation feed, the rotation of keys, and the
/// deletion of what is over.
///
/// Dropping it stops all of it at once; [`stop`](Self::stop) lets the courier finish first.
#[derive(Debug)]
#[must_use = "dropping it stops it"]
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Stops, and returns once the mails that were being sent are settled.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            let _ = task.await;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Auth {
    /// Starts the background tasks on the current Tokio runtime.
    ///
    /// Without them requests are still answered correctly, but mails wait and every
    /// [`identify`](Self::identify) asks the database.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(&self) -> Background {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        if let Some(courier) = self.courier() {
            tasks.push(tokio::spawn(courier.run(stopped.clone())));
        } else {
            tracing::warn!("no mailer: mails wait in the outbox for a courier elsewhere");
        }
        tasks.push(tokio::spawn(self.clone().listen(stopped.clone())));
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.0.redis {
            let redis = Arc::clone(redis);
            tasks.push(tokio::spawn(self.clone().listen_to_redis(redis, stopped.clone())));
        }
        tasks.push(tokio::spawn(self.clone().follow(stopped.clone())));
        let auth = self.clone();
        tasks.push(tokio::spawn(every(KEYS, stopped.clone(), "signing keys", move || {
            let auth = auth.clone();
            async move {
                auth.reload_keys().await?;
                auth.rotate_keys(auth.now()).await
            }
        })));
        #[cfg(feature = "metrics")]
        {
            let auth = self.clone();
            let measure = move || auth.clone().measure_outbox();
            let measured = every(GAUGES, stopped.clone(), "metrics of the outbox", measure);
            tasks.push(tokio::spawn(measured));
        }
        tasks.push(tokio::spawn(self.clone().purge_regularly(stopped)));
        Background { stop, tasks }
    }

    /// Hears of what other instances commit.
    async fn listen(self, mut stop: watch::Receiver<bool>) {
        let random = Arc::clone(&self.0.random);
        let database = || async { self.0.store.listen(&self.0.signals).await };
        tokio::select! {
            _ = stop.changed() => {}
            () = keep_listening("the database", random, database) => {}
        }
    }

    /// Hears of it from the instances themselves.
    #[cfg(feature = "redis")]
    async fn listen_to_redis(self, redis: Arc<RedisServer>, mut stop: watch::Receiver<bool>) {
        let random = Arc::clone(&self.0.random);
        let notes = || redis_feed::listen(&redis, &self.0.signals, &self.0.revocations);
        tokio::select! {
            _ = stop.changed() => {}
            () = keep_listening("Redis", random, notes) => {}
        }
    }

    /// Keeps what other instances have revoked in memory.
    async fn follow(self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(FEED);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let told = tokio::select! {
                _ = stop.changed() => return,
                _ = ticks.tick() => false,
                () = self.0.signals.raised(Signal::Revocations) => true,
            };
            let begun = Instant::now();
            if let Some(age) = self.0.revocations.age(self.now()) {
                telemetry::feed_lag(age);
            }
            report("revocations", self.sync_revocations().await);
            if !told {
                report("signing keys", self.sync_keys().await);
            }
            // However much is revoked, at most half of the time goes into looking.
            tokio::time::sleep(begun.elapsed().clamp(PAUSE, FEED)).await;
        }
    }

    async fn purge_regularly(self, mut stop: watch::Receiver<bool>) {
        loop {
            // Instances that started together do not do it together.
            let jitter = Duration::from_secs(u64::from(self.0.random.bytes::<1>()[0]));
            let work = async {
                tokio::time::sleep(PURGE + jitter).await;
                // What went wrong is logged, and tried again.
                let _ = self.purge().await;
            };
            tokio::select! {
                _ = stop.changed() => return,
                () = work => {}
            }
        }
    }

    #[cfg(feature = "metrics")]
    async fn measure_outbox(self) -> Result<()> {
        let now = self.now();
        let state = self.0.store.read().await?.waiting_messages().await?;
        let oldest = state.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        telemetry::outbox(u64::try_from(state.waiting).unwrap_or(0), oldest);
        Ok(())
    }

    /// Learns which sessions were revoked by other instances.
    pub(crate) async fn sync_revocations(&self) -> Result<()> {
        let now = self.now();
        let revocations = &self.0.revocations;
        let begun = Instant::now();
        let revoked = self.0.store.read().await?.revoked_since(revocations.since(now)).await?;
        revocations.sync(revoked, begun, now);
        Ok(())
    }
}

async fn every<F: Future<Output = Result<()>>>(
    period: Duration,
    mut stop: watch::Receiver<bool>,
    what: &'static str,
    mut work: impl FnMut() -> F,
) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        report(what, work().await);
    }
}

fn report(what: &'static str, result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!(what, error = &error as &dyn std::error::Error, "cannot be refreshed");
    }
}

/// Half of what a revocation may take to reach every instance if none is told of it.
const FEED: Duration = Duration::from_millis(500);
#[cfg(feature = "metrics")]
const GAUGES: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
const KEYS: Duration = Duration::from_secs(60);
/// The jitter adds up to four minutes and a quarter.
const PURGE: Duration = Duration::from_secs(8 * 60);
