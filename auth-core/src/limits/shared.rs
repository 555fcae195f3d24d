use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::{RedisError, Script};

use super::limiter::{Attempt, Refusal};
use crate::Timestamp;
use crate::policy::throttle::{DOUBLINGS, FIRST_WAIT, LONGEST_WAIT};
use crate::redis_server::RedisServer;

/// The counters in Redis, which forgets each when its time has come.
pub(super) struct SharedLimits(Arc<RedisServer>);

impl SharedLimits {
    pub(super) fn new(redis: Arc<RedisServer>) -> Self {
        Self(redis)
    }

    /// Counts all of them, or none, in one step and one round trip.
    pub(super) async fn count(
        &self,
        attempts: &[Attempt],
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, RedisError> {
        let mut counting = COUNT.prepare_invoke();
        counting.arg(now.micros()).arg(DOUBLINGS);
        counting.arg(micros(LONGEST_WAIT)).arg(micros(FIRST_WAIT));
        for attempt in attempts {
            let begun = attempt.throttle.begin(now);
            counting.key(self.key(&attempt.subject));
            counting.arg(begun.free).arg(i64::from(begun.grows)).arg(begun.resets_at.micros());
            counting.arg(begun.blocked_until.map_or(0, Timestamp::micros));
        }
        let (refused, until, is_news): (usize, i64, bool) = self.0.invoke(&counting).await?;
        // Lua counts from one; zero is nobody.
        Ok(match refused.checked_sub(1).and_then(|index| attempts.get(index)) {
            None => Ok(()),
            Some(attempt) => Err(Refusal {
                subject: attempt.subject.clone(),
                retry_after: Timestamp::from_micros(until).since(now),
                is_news,
            }),
        })
    }

    pub(super) async fn forget(&self, subjects: &[String]) -> Result<(), RedisError> {
        let keys: Vec<_> = subjects.iter().map(|subject| self.key(subject)).collect();
        self.0.query(redis::cmd("DEL").arg(&keys)).await
    }

    fn key(&self, subject: &str) -> String {
        self.0.key(&format!("limit:{subject}"))
    }
}

fn micros(wait: Duration) -> i64 {
    i64::try_from(wait.as_micros()).expect("no wait is that long")
}

/// The same rules as the statement of the database. Instants are numbers of whole microseconds, which
/// Lua's numbers hold exactly until the year 2255, and which it must not print in its own way.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, doublings = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest, shortest = tonumber(ARGV[3]), tonumber(ARGV[4])
local states, refused, latest = {}, 0, now
for i, key in ipairs(KEYS) do
    local state = redis.call('HMGET', key, 'count', 'resets_at', 'blocked_until')
    for field = 1, 3 do state[field] = tonumber(state[field] or 0) end
    if state[3] > latest then refused, latest = i, state[3] end
    states[i] = state
end
if refused > 0 then
    return { refused, latest, redis.call('HSETNX', KEYS[refused], 'told', '1') }
end
for i, key in ipairs(KEYS) do
    local free, grows = tonumber(ARGV[i * 4 + 1]), ARGV[i * 4 + 2] == '1'
    local resets_at, blocked_until = tonumber(ARGV[i * 4 + 3]), tonumber(ARGV[i * 4 + 4])
    local count = 1
    if states[i][2] > now then
        count = states[i][1] + 1
        if not grows then resets_at = states[i][2] end
        if count < free then blocked_until = 0
        elseif not grows then blocked_until = resets_at
        elseif count - free >= doublings then blocked_until = now + longest
        else blocked_until = now + shortest * 2 ^ (count - free) end
    end
    redis.call('HSET', key, 'count', string.format('%.0f', count),
        'resets_at', string.format('%.0f', resets_at),
        'blocked_until', string.format('%.0f', blocked_until))
    redis.call('HDEL', key, 'told')
    local kept = math.ceil((math.max(resets_at, blocked_until) - now) / 1000)
    redis.call('PEXPIRE', key, string.format('%.0f', math.max(kept, 1)))
end
return { 0, 0, 0 }
",
    )
});
