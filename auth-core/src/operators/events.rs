use crate::store::EventFilter;
use crate::{Auth, Event, EventId, EventKind, Result, Timestamp, UserId};

/// Which events [`Auth::events`] returns; by default the latest 100 of all.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct EventQuery {
    user_id: Option<UserId>,
    kind: Option<EventKind>,
    since: Option<Timestamp>,
    before: Option<EventId>,
    limit: Option<u32>,
}

impl EventQuery {
    /// Asks for all events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the events of a user, who may be deleted since.
    pub fn user(mut self, user_id: UserId) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// Asks for the events of one kind.
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Asks for what happened at `since` or later.
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Asks for the page that comes after an event, which is what was before it.
    pub fn before(mut self, event: EventId) -> Self {
        self.before = Some(event);
        self
    }

    /// Asks for so many events; 1 to 1000, by default 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Auth {
    /// Returns what happened, the latest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn events(&self, query: &EventQuery) -> Result<Vec<Event>> {
        let filter = EventFilter {
            user_id: query.user_id,
            kind: query.kind.map(EventKind::as_str),
            since: query.since,
            before: query.before,
            limit: i64::from(query.limit.unwrap_or(100).clamp(1, 1000)),
        };
        Ok(self.0.store.read_job().await?.events(&filter).await?)
    }
}
