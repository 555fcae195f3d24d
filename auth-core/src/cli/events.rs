use super::args::Events;
use super::call::Call;
use super::failure::Failure;
use super::output::Table;
use crate::{EventKind, EventQuery};

pub(super) async fn list(call: &mut Call<'_, '_>, events: Events) -> Result<(), Failure> {
    let Events { user, kind, since, limit } = events;
    let auth = call.auth().await?;
    let mut query = EventQuery::new();
    if let Some(who) = user {
        // The events of a user outlive the user, who has only the id left.
        let id = match who.parse() {
            Ok(id) => id,
            Err(_) => call.user(&auth, &who).await?.user.id,
        };
        query = query.user(id);
    }
    if let Some(kind) = kind {
        query = query.kind(EventKind::from_name(&kind));
    }
    if let Some(since) = since {
        query = query.since(since.timestamp(auth.now()));
    }
    let columns = ["occurred_at", "kind", "actor", "user_id", "ip", "detail"];
    let mut table = Table::new(&columns, limit);
    loop {
        let page = auth.events(&query.clone().limit(table.room())).await?;
        let Some(last) = table.page(&mut call.output(), &page)? else { return Ok(()) };
        query = query.before(last.id);
    }
}
