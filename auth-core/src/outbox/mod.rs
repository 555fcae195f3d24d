//! Where messages wait until they are delivered.

mod courier;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod store;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Message, MessageId, Timestamp, Tx};

pub(crate) use courier::Courier;
pub use memory::MemoryOutbox;
#[cfg(feature = "redis")]
pub(crate) use redis::RedisOutbox;
pub use store::StoreOutbox;

/// A queue of messages that flows fill and couriers empty.
///
/// A flow calls [`stage`](Self::stage) inside its transaction and [`publish`](Self::publish) after
/// it has committed. An outbox that shares the database implements the first; any other, the second.
/// Delivery is at least once: a courier that dies between sending and settling leaves a message
/// whose lease runs out, and the next e-mail has the same `Message-ID`.
///
/// # Security
///
/// Messages carry tokens in the clear. Whatever keeps them must keep the tokens sealed, and erase
/// them once the message is settled.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Records `messages` as part of `tx`: they exist if and only if it commits.
    async fn stage(&self, _tx: &mut Tx, _messages: &[Message]) -> Result<(), OutboxError> {
        Ok(())
    }

    /// Takes over `messages` once the transaction has committed.
    async fn publish(&self, _messages: &[Message]) -> Result<(), OutboxError> {
        Ok(())
    }

    /// Leases up to `limit` messages that are due at `now`: nobody else sees them before `until`.
    async fn claim(
        &self,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, OutboxError>;

    /// Records what became of a claimed message.
    async fn settle(
        &self,
        id: MessageId,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(), OutboxError>;

    /// Returns when there may be something to claim, at the latest after `at_most`.
    async fn wait(&self, at_most: Duration) {
        tokio::time::sleep(at_most).await;
    }
}

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Delivery {
    /// It is given up.
    Abandon {
        /// Why, without a recipient or a token.
        reason: String,
    },
    /// It is to be tried again.
    Retry {
        /// When.
        at: Timestamp,
        /// Why, without a recipient or a token.
        reason: String,
    },
    /// The mail server has it.
    Send,
}

/// The outbox failed, or could not be reached.
#[derive(Debug)]
pub struct OutboxError(Box<dyn std::error::Error + Send + Sync>);

impl OutboxError {
    /// Wraps what went wrong.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for OutboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the outbox failed")
    }
}

impl std::error::Error for OutboxError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
