use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::{Delivery, Outbox, OutboxError};
use crate::{Message, MessageId, Timestamp};

/// An outbox that forgets everything when the process ends, for tests; clones share the messages.
#[derive(Clone, Debug, Default)]
pub struct MemoryOutbox(Arc<Mutex<Vec<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    message: Message,
    due_at: Timestamp,
}

impl MemoryOutbox {
    /// Makes an empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what waits, the oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.lock().iter().map(|waiting| waiting.message.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().expect("no panic while held")
    }
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn publish(&self, messages: &[Message]) -> Result<(), OutboxError> {
        self.lock().extend(
            messages
                .iter()
                .map(|message| Waiting { due_at: message.created_at, message: message.clone() }),
        );
        Ok(())
    }

    async fn claim(
        &self,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, OutboxError> {
        let mut queue = self.lock();
        let due = queue.iter_mut().filter(|waiting| waiting.due_at <= now).take(limit);
        Ok(due
            .map(|waiting| {
                waiting.due_at = until;
                waiting.message.attempts += 1;
                waiting.message.clone()
            })
            .collect())
    }

    async fn settle(
        &self,
        id: MessageId,
        delivery: &Delivery,
        _: Timestamp,
    ) -> Result<(), OutboxError> {
        let mut queue = self.lock();
        match delivery {
            Delivery::Abandon { .. } | Delivery::Send => {
                queue.retain(|waiting| waiting.message.id != id);
            }
            Delivery::Retry { at, .. } => {
                for waiting in queue.iter_mut().filter(|waiting| waiting.message.id == id) {
                    waiting.due_at = *at;
                }
            }
        }
        Ok(())
    }
}
