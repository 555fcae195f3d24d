use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamReadReply};
use redis::{ErrorKind, RedisError, Script};
use uuid::Uuid;

use super::{Delivery, Outbox, OutboxError, StoreOutbox};
use crate::redis_feed::tell_of_messages;
use crate::redis_server::RedisServer;
use crate::store::StoreError;
use crate::{Message, MessageId, Random, Timestamp, Tx};

/// The outbox in the store, with a Redis stream that hands its messages out to couriers.
///
/// The database stays the truth. Whoever claims relays the ids of what is due into the stream first,
/// then reads from it as a consumer of the group, and leases in the database what was read: an id
/// that comes twice, or that somebody else has put there, gets no mail sent. An entry is acknowledged
/// and deleted once the database knows what became of its message; one that is to be tried again is
/// relayed again when it is due.
///
/// While Redis is away messages are claimed in the database. Once Redis turns out to have lost the
/// stream, everything that waits is relayed anew; and so is, after a while, each message that was
/// relayed and not claimed.
pub(crate) struct RedisOutbox {
    database: StoreOutbox,
    redis: Arc<RedisServer>,
    stream: String,
    /// This process in the group.
    consumer: String,
    /// With which entry a message came, and until when it is leased.
    entries: Mutex<HashMap<MessageId, (String, Timestamp)>>,
    /// What has served and could not be removed yet.
    served: Mutex<Vec<String>>,
    /// Whether there may be messages marked as relayed of which no courier ever reads.
    lost: AtomicBool,
    is_away: AtomicBool,
    tidied_at: Mutex<Option<Instant>>,
}

impl RedisOutbox {
    pub(crate) fn new(database: StoreOutbox, redis: Arc<RedisServer>, random: &dyn Random) -> Self {
        Self {
            database,
            stream: redis.key("outbox"),
            redis,
            consumer: format!("{:016x}", u64::from_le_bytes(random.bytes())),
            entries: Mutex::default(),
            served: Mutex::default(),
            lost: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            tidied_at: Mutex::default(),
        }
    }

    async fn claim_relayed(
        &self,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, Failure> {
        self.entries().retain(|_, (_, until)| *until > now);
        let has_room = self.relay(limit, now).await?;
        self.acknowledge([]).await;
        for _ in 0..ROUNDS {
            let mut entries = self.read(limit).await?;
            if entries.is_empty() {
                entries = self.take_over(limit).await?;
            }
            if entries.is_empty() {
                if has_room {
                    return Ok(Vec::new());
                }
                break;
            }
            let messages = self.lease(entries, now, until).await?;
            if !messages.is_empty() {
                return Ok(messages);
            }
        }
        Err(RedisError::from((ErrorKind::Client, "the stream is full of what is of no use")).into())
    }

    /// Puts what is due into the stream, if there is room.
    async fn relay(&self, limit: usize, now: Timestamp) -> Result<bool, Failure> {
        let mut prepare = PREPARE.key(&self.stream);
        let prepare = prepare.arg(GROUP).arg(KEPT.as_secs());
        let (is_new, length): (bool, usize) = self.redis.invoke(prepare).await?;
        let room = LENGTH.saturating_sub(length).min(RELAY);
        let mut connection = self.database.store.write().await?;
        if self.lost.swap(false, Ordering::Relaxed) || is_new {
            connection
                .forget_relays()
                .await
                .inspect_err(|_| self.lost.store(true, Ordering::Relaxed))?;
        }
        if room == 0 {
            return Ok(false);
        }
        let room = i64::try_from(room).expect("it is small");
        let mut ids = connection.relay_messages(room, now, LOST_AFTER).await?;
        drop(connection);
        if ids.is_empty() {
            return Ok(true);
        }
        // By time.
        ids.sort();
        let mut add = ADD.key(&self.stream);
        add.arg(MOST).arg(KEPT.as_secs());
        for id in &ids {
            add.arg(Uuid::from(*id).simple().to_string());
        }
        let added: usize = self.redis.invoke(&add).await?;
        if added < ids.len() {
            return Err(RedisError::from((ErrorKind::Client, "the stream was lost")).into());
        }
        if ids.len() > limit {
            tell_of_messages(&self.redis);
        }
        Ok(true)
    }

    /// Takes entries that no consumer has had.
    async fn read(&self, limit: usize) -> Result<Vec<StreamId>, RedisError> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(limit);
        read.arg("STREAMS").arg(&self.stream).arg(">");
        let reply: Option<StreamReadReply> = self.redis.query(&read).await?;
        let keys = reply.map_or_else(Vec::new, |reply| reply.keys);
        Ok(keys.into_iter().flat_map(|key| key.ids).collect())
    }

    /// Takes entries that another consumer died with, and now and then removes such consumers.
    async fn take_over(&self, limit: usize) -> Result<Vec<StreamId>, RedisError> {
        let mut take = redis::cmd("XAUTOCLAIM");
        take.arg(&self.stream).arg(GROUP).arg(&self.consumer);
        take.arg(millis(DEAD_AFTER)).arg("0-0").arg("COUNT").arg(limit);
        let reply: StreamAutoClaimReply = self.redis.query(&take).await?;
        if reply.claimed.is_empty() && self.is_time_to_tidy() {
            self.remove_dead_consumers().await?;
        }
        Ok(reply.claimed)
    }

    async fn remove_dead_consumers(&self) -> Result<(), RedisError> {
        let mut list = redis::cmd("XINFO");
        list.arg("CONSUMERS").arg(&self.stream).arg(GROUP);
        let reply: StreamInfoConsumersReply = self.redis.query(&list).await?;
        let gone_for = millis(GONE_AFTER);
        for consumer in reply.consumers {
            if consumer.pending == 0 && consumer.idle as u128 > gone_for {
                let mut remove = redis::cmd("XGROUP");
                remove.arg("DELCONSUMER").arg(&self.stream).arg(GROUP).arg(consumer.name);
                self.redis.query::<i64>(&remove).await?;
            }
        }
        Ok(())
    }

    fn is_time_to_tidy(&self) -> bool {
        let mut tidied_at = self.tidied_at.lock().expect("no panic while held");
        let is_time = tidied_at.is_none_or(|tidied_at| tidied_at.elapsed() > TIDY);
        if is_time {
            *tidied_at = Some(Instant::now());
        }
        is_time
    }

    /// Leases the messages of `entries` that are due, and is done with the other entries.
    async fn lease(
        &self,
        entries: Vec<StreamId>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, Failure> {
        let mut ids = Vec::with_capacity(entries.len());
        let mut entry_of = HashMap::new();
        let mut done = Vec::new();
        for entry in entries {
            let id = entry.get::<String>(FIELD).and_then(|id| Uuid::try_parse(&id).ok());
            let Some(id) = id.map(MessageId::from) else {
                done.push(entry.id);
                continue;
            };
            ids.push(id);
            done.extend(entry_of.insert(id, entry.id));
        }
        let mut connection = self.database.store.write().await?;
        let rows = connection.claim_relayed_messages(&ids, now, until).await?;
        let messages = self.database.read(rows, &mut connection, now).await;
        drop(connection);
        {
            let mut kept = self.entries();
            for message in &messages {
                let entry = entry_of.remove(&message.id).map(|entry| (entry, until));
                let replaced = entry.and_then(|entry| kept.insert(message.id, entry));
                done.extend(replaced.map(|(entry, _)| entry));
            }
        }
        done.extend(entry_of.into_values());
        self.acknowledge(done).await;
        Ok(messages)
    }

    /// Removes entries that have served, now or with the next ones. One that stays all the same is
    /// found to be of no use once it is taken over.
    async fn acknowledge(&self, entries: impl IntoIterator<Item = String>) {
        let mut entries: Vec<String> = entries.into_iter().collect();
        entries.append(&mut self.served.lock().expect("no panic while held"));
        if entries.is_empty() {
            return;
        }
        let mut acknowledge = ACKNOWLEDGE.key(&self.stream);
        acknowledge.arg(GROUP);
        for entry in &entries {
            acknowledge.arg(entry);
        }
        if let Err(error) = self.redis.invoke::<()>(&acknowledge).await {
            tracing::debug!(%error, "entries of the outbox's stream stay for now");
            entries.truncate(LENGTH);
            *self.served.lock().expect("no panic while held") = entries;
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<MessageId, (String, Timestamp)>> {
        self.entries.lock().expect("no panic while held")
    }
}

#[async_trait]
impl Outbox for RedisOutbox {
    async fn stage(&self, tx: &mut Tx, messages: &[Message]) -> Result<(), OutboxError> {
        self.database.stage(tx, messages).await
    }

    async fn publish(&self, messages: &[Message]) -> Result<(), OutboxError> {
        if !messages.is_empty() {
            tell_of_messages(&self.redis);
        }
        self.database.publish(messages).await
    }

    async fn claim(
        &self,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, OutboxError> {
        let error = match self.claim_relayed(limit, now, until).await {
            Ok(messages) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("messages are relayed over Redis again");
                }
                return Ok(messages);
            }
            Err(Failure::Store(error)) => return Err(OutboxError::new(error)),
            Err(Failure::Redis(error)) => error,
        };
        // What was asked of it may have been done and not been answered.
        self.lost.store(true, Ordering::Relaxed);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "messages are not relayed over Redis but claimed in the database");
        }
        self.database.claim(limit, now, until).await
    }

    async fn settle(
        &self,
        id: MessageId,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let entry = self.entries().remove(&id);
        self.database.settle(id, delivery, now).await?;
        self.acknowledge(entry.map(|(entry, _)| entry)).await;
        Ok(())
    }

    async fn wait(&self, at_most: Duration) {
        self.database.wait(at_most).await;
    }
}

impl fmt::Debug for RedisOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOutbox").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}

/// Which of the two failed: the one can be done without.
enum Failure {
    Redis(RedisError),
    Store(StoreError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}

/// Makes the stream and its group if they are missing, and says so; and how long the stream is.
static PREPARE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return { made.err and 0 or 1, redis.call('XLEN', KEYS[1]) }
",
    )
});

/// Adds an entry for each message to a stream that is there, and returns how many.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local added = 0
for i = 3, #ARGV do
    if redis.call('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[1], '*', 'id', ARGV[i]) then
        added = added + 1
    end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return added
",
    )
});

static ACKNOWLEDGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
for i = 2, #ARGV do
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    redis.call('XDEL', KEYS[1], ARGV[i])
end
",
    )
});

const GROUP: &str = "couriers";
const FIELD: &str = "id";
/// How long the stream may be before it is left to shrink.
const LENGTH: usize = 1024;
/// How many messages are relayed at once.
const RELAY: usize = 256;
/// At what length Redis drops the oldest entries, whatever instances do.
const MOST: usize = 8192;
/// How long the stream outlives the last courier.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// After what time a message that was relayed and not claimed is relayed again.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// Longer than a lease: who holds an entry for so long does not settle it any more.
const DEAD_AFTER: Duration = Duration::from_secs(6 * 60);
/// Far longer than a courier is ever silent.
const GONE_AFTER: Duration = Duration::from_secs(60 * 60);
const TIDY: Duration = Duration::from_secs(10 * 60);
/// How many batches in a row may be of no use.
const ROUNDS: usize = 256;
