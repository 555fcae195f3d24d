use serde::Serialize;

use super::Operator;
use crate::store::MessageFilter;
use crate::{Auth, Error, EventKind, MessageId, Result, Timestamp};

/// A message of the outbox as it rests, without its token.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, sqlx::FromRow)]
#[non_exhaustive]
pub struct MessageDetails {
    /// Sorts by time; the e-mail's `Message-ID` is made of it.
    pub id: MessageId,
    /// The name of its [`MessageKind`](crate::MessageKind), or of one of another version.
    pub kind: String,
    /// The address that it goes to.
    pub recipient: String,
    /// What became of it so far.
    #[sqlx(try_from = "String")]
    pub state: MessageState,
    /// Whether the e-mail has a link. The link's token is erased once the message is sent or given
    /// up, so a dead letter with one cannot be sent again.
    pub has_link: bool,
    /// How often it was claimed by a courier.
    pub attempts: i64,
    /// When the event happened that it tells of.
    pub created_at: Timestamp,
    /// When it is tried next, if it waits.
    pub due_at: Timestamp,
    /// When its link expires.
    pub not_after: Option<Timestamp>,
    /// When the mail server took it.
    pub sent_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub failure: Option<String>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageState {
    /// It was given up: a dead letter.
    Failed,
    /// The mail server has it.
    Sent,
    /// It waits for a courier, or one has it.
    Waiting,
}

impl MessageState {
    /// Returns the stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Sent => "sent",
            Self::Waiting => "waiting",
        }
    }
}

impl TryFrom<String> for MessageState {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let states = [Self::Failed, Self::Sent, Self::Waiting];
        states.into_iter().find(|state| state.as_str() == name).ok_or(name)
    }
}

/// Which messages [`Auth::messages`] returns; by default the latest 100 of all.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MessageQuery {
    state: Option<MessageState>,
    before: Option<MessageId>,
    limit: Option<u32>,
}

impl MessageQuery {
    /// Asks for all messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the messages in one state.
    pub fn state(mut self, state: MessageState) -> Self {
        self.state = Some(state);
        self
    }

    /// Asks for the page that comes after a message, which is what was before it.
    pub fn before(mut self, message: MessageId) -> Self {
        self.before = Some(message);
        self
    }

    /// Asks for so many messages; 1 to 1000, by default 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What [`Operator::retry_message`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
#[non_exhaustive]
pub enum Retry {
    /// Nothing: it has lost the token of its link. Its user has to ask for another mail.
    LinkLost,
    /// Nothing: it was not given up.
    NotFailed,
    /// It waits again, with all of its attempts ahead.
    Queued,
}

/// The outbox in the [`Store`](crate::Store); another [`Outbox`](crate::Outbox) has its own ways.
impl Auth {
    /// Returns messages of the outbox, the latest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn messages(&self, query: &MessageQuery) -> Result<Vec<MessageDetails>> {
        let filter = MessageFilter {
            state: query.state,
            before: query.before,
            limit: i64::from(query.limit.unwrap_or(100).clamp(1, 1000)),
        };
        Ok(self.0.store.read_job().await?.messages(&filter).await?)
    }

    /// Returns a message of the outbox.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn message_details(&self, id: MessageId) -> Result<Option<MessageDetails>> {
        Ok(self.0.store.read().await?.message(id).await?)
    }
}

impl Operator<'_> {
    /// Lets couriers try a dead letter again.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such message, or if the database fails.
    pub async fn retry_message(&self, id: MessageId) -> Result<Retry> {
        if self.retry(Some(id)).await? > 0 {
            return Ok(Retry::Queued);
        }
        let message = self.auth.message_details(id).await?.ok_or(Error::NotFound)?;
        Ok(match message.state {
            MessageState::Failed => Retry::LinkLost,
            MessageState::Sent | MessageState::Waiting => Retry::NotFailed,
        })
    }

    /// Lets couriers try every dead letter again that has no link, and returns how many these are.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn retry_messages(&self) -> Result<u64> {
        self.retry(None).await
    }

    async fn retry(&self, id: Option<MessageId>) -> Result<u64> {
        let mut unit = self.auth.begin(self).await?;
        let now = self.auth.now();
        let count = match id {
            Some(id) => unit.tx().revive_message(id, now).await?,
            None => unit.tx().revive_messages(now).await?,
        };
        if count > 0 {
            let event = unit.record(EventKind::MessageRetried).detail("count", count);
            if let Some(id) = id {
                event.detail("message", id.to_string());
            }
        }
        unit.commit().await?;
        Ok(count)
    }
}
