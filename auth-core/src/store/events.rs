use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{query, query_as};

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
    pub(crate) async fn insert_event(&mut self, event: &Event) -> Result<(), StoreError> {
        let sql = "INSERT INTO auth_events
                       (id, kind, actor, user_id, session_id, ip, user_agent, detail, occurred_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        on!(self, |db| {
            query(sql)
                .bind(event.id)
                .bind(event.kind.as_str())
                .bind(event.actor.to_string())
                .bind(event.user_id)
                .bind(event.session_id)
                .bind(&event.ip)
                .bind(&event.user_agent)
                .bind(Json::<&Map<String, Value>>(&event.detail))
                .bind(event.occurred_at)
                .execute(db)
                .await?;
        });
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
