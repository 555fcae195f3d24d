use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, RedisError, ScriptInvocation};

use crate::{ConfigError, telemetry};

/// A Redis that instances share beside their database: it counts attempts, carries mails to
/// couriers, and spreads the news of revoked sessions.
///
/// The database stays the truth: Redis may be flushed, restarted empty or gone at any moment. What it
/// does is then done by the database, more slowly.
///
/// # Security
///
/// It holds neither secrets nor addresses: attempts are counted under keyed digests, and mails are
/// named by their ids. Whoever can write to it can refill budgets, and delay what it carries.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    prefix: String,
}

impl Redis {
    /// Takes the URL of a server, `redis://` or, with TLS, `rediss://`. It need not run yet.
    ///
    /// # Errors
    ///
    /// If `url` is none.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        // Where several libraries bring a provider of cryptography, rustls has no default.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The library's message may quote the URL, which has a password.
        let client = Client::open(url)
            .map_err(|_| ConfigError::new("redis_url", "is no URL of a Redis server"))?;
        Ok(Self { client, prefix: "auth".to_owned() })
    }

    /// Sets what every key starts with, by default `auth`.
    ///
    /// A digest of the public URL and the master secret follows, so several services may share a server.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A connection that comes back by itself, and gives up quickly while it is away.
pub(crate) struct RedisServer {
    client: Client,
    manager: ConnectionManager,
    namespace: String,
    /// Until when nothing is asked, because it failed just now.
    silent_until: Mutex<Option<Instant>>,
}

impl RedisServer {
    /// Connects at the first command; `service` is what distinguishes it from others.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub(crate) fn new(redis: &Redis, service: &str) -> Result<Self, ConfigError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_max_delay(PATIENCE);
        let manager = ConnectionManager::new_lazy_with_config(redis.client.clone(), config)
            .map_err(|error| ConfigError::new("redis_url", format!("cannot be used: {error}")))?;
        Ok(Self {
            client: redis.client.clone(),
            manager,
            namespace: format!("{}:{service}:", redis.prefix),
            silent_until: Mutex::default(),
        })
    }

    /// The key of that name in the namespace of the service.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// The server, for connections of one's own: those that block or subscribe.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs one command.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.ask(async |connection| command.query_async(connection).await).await
    }

    /// Runs one script, which Redis does as one step.
    pub(crate) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        self.ask(async |connection| script.invoke_async(connection).await).await
    }

    async fn ask<T>(
        &self,
        command: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        if self.is_silent() {
            telemetry::redis_failed();
            return Err((redis::ErrorKind::Io, "the server failed just now").into());
        }
        let mut connection = self.manager.clone();
        let answered = tokio::time::timeout(PATIENCE, command(&mut connection)).await;
        let answer = answered.unwrap_or_else(|_| {
            Err((redis::ErrorKind::Io, "the server did not answer in time").into())
        });
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_timeout()) {
            telemetry::redis_failed();
            *self.silent_until.lock().expect("no panic while held") =
                Some(Instant::now() + SILENCE);
        }
        answer
    }

    fn is_silent(&self) -> bool {
        let until = *self.silent_until.lock().expect("no panic while held");
        until.is_some_and(|until| Instant::now() < until)
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.manager.get_db();
        f.debug_struct("RedisServer").field("database", &database).finish_non_exhaustive()
    }
}

/// How long a request waits for Redis before it asks the database instead.
const PATIENCE: Duration = Duration::from_millis(250);
/// For how long nobody waits again after that.
const SILENCE: Duration = Duration::from_secs(1);
