use std::sync::Arc;
use std::time::Duration;

use super::{Subjects, Turns};
use crate::crypto::seal::Sealer;
use crate::policy::throttle::Throttle;
use crate::store::Connection;
use crate::{Result, Store, Timestamp};

#[cfg(feature = "redis")]
use super::shared::SharedLimits;
#[cfg(feature = "redis")]
use crate::redis_server::RedisServer;

/// Counts attempts where every instance sees them: in Redis if there is one, or else, and whenever
/// Redis does not answer, in the database.
pub(crate) struct Limiter {
    pub(crate) subjects: Subjects,
    pub(crate) turns: Turns,
    store: Store,
    #[cfg(feature = "redis")]
    shared: Option<SharedLimits>,
}

/// One attempt at something that is limited.
pub(crate) struct Attempt {
    pub(crate) subject: String,
    pub(crate) throttle: Throttle,
}

/// Somebody has to wait.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Who or what, by its keyed digest.
    pub(crate) subject: String,
    pub(crate) retry_after: Duration,
    /// Whether it is the first refusal since an attempt that was not refused.
    pub(crate) is_news: bool,
}

impl Limiter {
    pub(crate) fn new(
        store: Store,
        sealer: Arc<Sealer>,
        #[cfg(feature = "redis")] redis: Option<Arc<RedisServer>>,
    ) -> Self {
        Self {
            subjects: Subjects::new(sealer),
            turns: Turns::default(),
            store,
            #[cfg(feature = "redis")]
            shared: redis.map(SharedLimits::new),
        }
    }

    /// Whether another server than the database is asked first.
    pub(crate) const fn is_shared(&self) -> bool {
        #[cfg(feature = "redis")]
        return self.shared.is_some();
        #[cfg(not(feature = "redis"))]
        return false;
    }

    /// Counts one or two attempts, all or none, and refuses if one of their subjects has to wait.
    /// If it comes to the database, that is asked over `connection`, or over one of its own.
    ///
    /// # Errors
    ///
    /// If neither Redis nor the database can count: what cannot be counted is not allowed.
    pub(crate) async fn count(
        &self,
        attempts: &[Attempt],
        connection: Option<&mut Connection>,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>> {
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared {
            match shared.count(attempts, now).await {
                Ok(counted) => return Ok(counted),
                Err(error) => {
                    tracing::warn!(event = "limiter_unavailable", %error, "the database counts instead of Redis");
                }
            }
        }
        let begun: Vec<_> = attempts
            .iter()
            .map(|attempt| (attempt.subject.clone(), attempt.throttle.begin(now)))
            .collect();
        let mut own = None;
        let connection = match connection {
            Some(connection) => connection,
            None => own.insert(self.store.write().await?),
        };
        if connection.count_limited(&begun, now).await? {
            return Ok(Ok(()));
        }
        let (first, last) = both(attempts);
        let Some(waiting) = connection.waiting((first, last), now).await? else {
            // Whoever it was that was first has succeeded, and all is forgotten.
            let subject = first.to_owned();
            return Ok(Err(Refusal { subject, retry_after: SHORTEST, is_news: false }));
        };
        let is_news = !waiting.is_told() && connection.tell_waiting(&waiting.subject).await?;
        let retry_after = Timestamp::from_micros(waiting.blocked_until).since(now);
        Ok(Err(Refusal { subject: waiting.subject, retry_after, is_news }))
    }

    /// Forgets the attempts of two to five subjects.
    pub(crate) async fn forget(
        &self,
        mut connection: Connection,
        subjects: &[String],
        now: Timestamp,
    ) -> Result<()> {
        connection.forget_limited(subjects, now).await?;
        drop(connection);
        self.forget_shared(subjects).await;
        Ok(())
    }

    /// The same where another server than the database counts, for what the database has forgotten.
    #[cfg(feature = "redis")]
    pub(crate) async fn forget_shared(&self, subjects: &[String]) {
        if let Some(shared) = &self.shared
            && let Err(error) = shared.forget(subjects).await
        {
            // They stay counted, which is the safe side.
            tracing::warn!(%error, "Redis did not forget attempts that led to a success");
        }
    }

    #[cfg(not(feature = "redis"))]
    pub(crate) async fn forget_shared(&self, _: &[String]) {}
}

impl Attempt {
    pub(crate) fn new(subject: String, throttle: Throttle) -> Self {
        Self { subject, throttle }
    }
}

/// Both subjects, which are the same if there is one.
fn both(attempts: &[Attempt]) -> (&str, &str) {
    match attempts {
        [first, .., last] => (&first.subject, &last.subject),
        [only] => (&only.subject, &only.subject),
        [] => ("", ""),
    }
}

/// What `Retry-After` can say at least.
const SHORTEST: Duration = Duration::from_secs(1);
