use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Delivery, Outbox, OutboxError};
use crate::crypto::seal::{Purpose, Sealer};
use crate::signals::{Signal, Signals};
use crate::store::{Connection, MessageRow};
use crate::{
    Language, Message, MessageId, MessageKind, OneTimeToken, Random, Store, Timestamp, Tx,
};

/// The outbox in the [`Store`], the default: a message commits with what caused it.
///
/// Several couriers may empty it at once. On Postgres a commit with messages wakes all of them.
/// A token rests sealed, and is erased when its message is sent or given up.
pub struct StoreOutbox {
    pub(super) store: Store,
    sealer: Arc<Sealer>,
    random: Arc<dyn Random>,
    signals: Arc<Signals>,
}

impl StoreOutbox {
    pub(crate) fn new(
        store: Store,
        sealer: Arc<Sealer>,
        random: Arc<dyn Random>,
        signals: Arc<Signals>,
    ) -> Self {
        Self { store, sealer, random, signals }
    }

    fn row(&self, message: &Message) -> MessageRow {
        let owner = Uuid::from(message.id);
        let token = message.token.as_ref().map(|token| {
            let plain = token.expose().as_bytes();
            self.sealer.seal(&*self.random, Purpose::Message, owner.as_bytes(), plain)
        });
        MessageRow {
            id: message.id,
            kind: message.kind.to_string(),
            recipient: message.recipient.clone(),
            username: message.username.clone(),
            language: message.language.map(|language| language.to_string()),
            token,
            attempts: i64::from(message.attempts),
            created_at: message.created_at,
            not_after: message.not_after,
        }
    }

    /// Opens what was claimed, and gives up what cannot be read.
    pub(super) async fn read(
        &self,
        mut rows: Vec<MessageRow>,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Vec<Message> {
        // In the order in which they were written, as far as one claim goes.
        rows.sort_by_key(|row| row.created_at);
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.id;
            match self.message(row) {
                Ok(message) => messages.push(message),
                Err(reason) => {
                    // One that cannot be read must not keep the others from being sent.
                    tracing::error!(mail = %id, reason, "a message cannot be read");
                    if let Err(error) = connection.message_failed(id, &reason, now).await {
                        tracing::error!(mail = %id, %error, "a message was not given up");
                    }
                }
            }
        }
        messages
    }

    fn message(&self, row: MessageRow) -> Result<Message, String> {
        let owner = Uuid::from(row.id);
        let token = match row.token {
            None => None,
            Some(sealed) => {
                let plain = self.sealer.open(Purpose::Message, owner.as_bytes(), &sealed);
                let plain = plain.map_err(|error| error.to_string())?;
                let text = std::str::from_utf8(&plain).map_err(|error| error.to_string())?;
                Some(OneTimeToken::from(text))
            }
        };
        Ok(Message {
            id: row.id,
            kind: MessageKind::from_name(&row.kind).ok_or("this kind is unknown")?,
            recipient: row.recipient,
            username: row.username,
            // One that a later version wrote is no reason to keep the mail back.
            language: row.language.and_then(|tag| Language::parse(&tag).ok()),
            token,
            created_at: row.created_at,
            not_after: row.not_after,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        })
    }
}

#[async_trait]
impl Outbox for StoreOutbox {
    async fn stage(&self, tx: &mut Tx, messages: &[Message]) -> Result<(), OutboxError> {
        for message in messages {
            tx.connection().insert_message(&self.row(message)).await.map_err(OutboxError::new)?;
        }
        Ok(())
    }

    async fn publish(&self, messages: &[Message]) -> Result<(), OutboxError> {
        if !messages.is_empty() {
            self.signals.raise(Signal::Messages);
        }
        Ok(())
    }

    async fn claim(
        &self,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, OutboxError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut connection = self.store.write().await.map_err(OutboxError::new)?;
        let rows = connection.claim_messages(limit, now, until).await.map_err(OutboxError::new)?;
        Ok(self.read(rows, &mut connection, now).await)
    }

    async fn settle(
        &self,
        id: MessageId,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let mut connection = self.store.write().await.map_err(OutboxError::new)?;
        match delivery {
            Delivery::Abandon { reason } => connection.message_failed(id, reason, now).await,
            Delivery::Retry { at, reason } => connection.retry_message(id, reason, *at).await,
            Delivery::Send => connection.message_sent(id, now).await,
        }
        .map_err(OutboxError::new)
    }

    async fn wait(&self, at_most: Duration) {
        // Either way it is time to look.
        let _ = timeout(at_most, self.signals.raised(Signal::Messages)).await;
    }
}

impl std::fmt::Debug for StoreOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOutbox").field("store", &self.store).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::{MasterSecret, SeededRandom};

    #[tokio::test]
    async fn a_message_comes_out_as_it_went_in() {
        let store = Store::sqlite("sqlite::memory:").await.unwrap();
        let random = Arc::new(SeededRandom::new(1));
        let sealer = Arc::new(Sealer::new(&MasterSecret::generate(&*random)));
        let outbox = StoreOutbox::new(store.clone(), sealer, random, Arc::default());
        let now = Timestamp::from_secs(1_700_000_000);
        let mut messages = Vec::new();
        for (number, language) in [None, Some(Language::German)].into_iter().enumerate() {
            let id = MessageId::from(Uuid::from_u128(number as u128));
            let mut message = Message::new(id, MessageKind::Activation, "bob@example.org", now);
            message.username = Some("bob".to_owned());
            message.language = language;
            message.token = Some(OneTimeToken::from("t0ken"));
            message.not_after = Some(now.plus(Duration::from_secs(60)));
            messages.push(message);
        }
        let mut tx = store.begin().await.unwrap();
        outbox.stage(&mut tx, &messages).await.unwrap();
        tx.commit().await.unwrap();

        let mut claimed = outbox.claim(8, now, now).await.unwrap();
        claimed.sort_by_key(|message| message.id);
        for message in &mut messages {
            message.attempts = 1;
        }
        // Secrets are left out of what is printed.
        assert_eq!(format!("{claimed:?}"), format!("{messages:?}"));
        let tokens = claimed.iter().flat_map(|message| &message.token);
        assert_eq!(tokens.map(OneTimeToken::expose).collect::<Vec<_>>(), ["t0ken", "t0ken"]);
    }
}
