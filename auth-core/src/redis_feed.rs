//! What instances tell each other over Redis, beside what the database tells them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::{Msg, RedisError};
use tokio::time::timeout;
use uuid::Uuid;

use crate::SessionId;
use crate::redis_server::RedisServer;
use crate::revocations::Revocations;
use crate::signals::{Signal, Signals};

/// Says that there are messages for couriers.
pub(crate) fn tell_of_messages(redis: &Arc<RedisServer>) {
    publish(redis, vec![(MESSAGES, String::new())]);
}

/// Says that the sessions are revoked, once they are in the database.
pub(crate) fn tell_of_revocations(redis: &Arc<RedisServer>, sessions: &[SessionId]) {
    let notes = sessions.chunks(CHUNK).map(|sessions| (REVOCATIONS, written(sessions)));
    publish(redis, notes.collect());
}

/// Nobody waits for it: who is not told finds out by looking.
fn publish(redis: &Arc<RedisServer>, notes: Vec<(&'static str, String)>) {
    let redis = Arc::clone(redis);
    tokio::spawn(async move {
        for (channel, note) in notes {
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(redis.key(channel)).arg(note);
            if let Err(error) = redis.query::<i64>(&publish).await {
                tracing::debug!(%error, channel, "the other instances were not told");
                return;
            }
        }
    });
}

/// Takes in what is told until the connection is lost.
pub(crate) async fn listen(
    redis: &RedisServer,
    signals: &Signals,
    revocations: &Revocations,
) -> Result<(), RedisError> {
    let connecting = async {
        let mut connection = redis.client().get_async_pubsub().await?;
        connection.subscribe(&[redis.key(MESSAGES), redis.key(REVOCATIONS)]).await?;
        Ok::<_, RedisError>(connection)
    };
    let connection = timeout(PATIENCE, connecting).await.map_err(|_| late())??;
    let (mut connection, mut notes) = connection.split();
    signals.raise_all();
    loop {
        match timeout(SILENCE, notes.next()).await {
            Ok(Some(note)) if note.get_channel_name() == redis.key(MESSAGES) => {
                signals.raise(Signal::Messages);
            }
            Ok(Some(note)) => revocations.doubt(read(&note)),
            Ok(None) => return Ok(()),
            // A server that is gone without a word sounds like one that has nothing to say.
            Err(_) => timeout(PATIENCE, connection.ping()).await.map_err(|_| late())??,
        }
    }
}

fn written(sessions: &[SessionId]) -> String {
    sessions.iter().map(|session| Uuid::from(*session).simple().to_string()).collect()
}

/// The sessions of a note, which anybody may have written.
fn read(note: &Msg) -> impl Iterator<Item = SessionId> {
    let ids = note.get_payload_bytes().chunks_exact(LENGTH).take(CHUNK);
    ids.map_while(|id| Uuid::try_parse_ascii(id).ok()).map(SessionId::from)
}

fn late() -> RedisError {
    (redis::ErrorKind::Io, "the server did not answer in time").into()
}

const MESSAGES: &str = "messages";
const REVOCATIONS: &str = "revocations";
/// How many sessions a note has at most.
const CHUNK: usize = 64;
/// How long an id is.
const LENGTH: usize = 32;
const PATIENCE: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(15);
