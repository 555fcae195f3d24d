use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{QueryBuilder, query_as};

use super::{Connection, StoreError, on};
use crate::model::EventId;
use crate::{Event, Timestamp, UserId};

/// Which events are asked for.
pub(crate) struct EventFilter<'a> {
    pub(crate) user_id: Option<UserId>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) before: Option<EventId>,
    pub(crate) limit: i64,
}

impl Connection {
    pub(crate) async fn insert_events(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let sql = "INSERT INTO auth_events
                       (id, kind, actor, user_id, session_id, ip, user_agent, detail, occurred_at) ";
        // Several at once, and no more than there may be parameters.
        for events in events.chunks(100) {
            on!(self, |db| {
                let mut inserted = QueryBuilder::new(sql);
                inserted.push_values(events, |mut row, event| {
                    row.push_bind(event.id)
                        .push_bind(event.kind.as_str())
                        .push_bind(event.actor.to_string())
                        .push_bind(event.user_id)
                        .push_bind(event.session_id)
                        .push_bind(&event.ip)
                        .push_bind(&event.user_agent)
                        .push_bind(Json::<&Map<String, Value>>(&event.detail))
                        .push_bind(event.occurred_at);
                });
                // Each number of them is another statement, of which a connection keeps a hundred.
                inserted.build().persistent(events.len() <= FEW).execute(db).await?;
            });
        }
        Ok(())
    }

    /// The events that the filter lets pass, the latest first.
    pub(crate) async fn events(
        &mut self,
        filter: &EventFilter<'_>,
    ) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT id, kind, actor, user_id, session_id, ip, user_agent, detail, occurred_at
                   FROM auth_events
                   WHERE ($1 IS NULL OR user_id = $1) AND ($2 IS NULL OR kind = $2)
                     AND ($3 IS NULL OR occurred_at >= $3) AND ($4 IS NULL OR id < $4)
                   ORDER BY id DESC LIMIT $5";
        Ok(on!(self, |db| query_as(sql)
            .bind(filter.user_id)
            .bind(filter.kind)
            .bind(filter.since)
            .bind(filter.before)
            .bind(filter.limit)
            .fetch_all(db)
            .await?))
    }
}

/// How many events most units of work have at most.
const FEW: usize = 8;
