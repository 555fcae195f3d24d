use serde_json::json;

use super::args::Outbox;
use super::call::Call;
use super::failure::Failure;
use super::output::Table;
use crate::{Error, MessageId, MessageQuery, MessageState, Retry};

pub(super) async fn run(call: &mut Call<'_, '_>, command: Outbox) -> Result<(), Failure> {
    match command {
        Outbox::List { failed, state, limit } => {
            let state = if failed { Some(MessageState::Failed) } else { state.map(Into::into) };
            list(call, state, limit).await
        }
        Outbox::Retry { id: Some(id), .. } => retry(call, id).await,
        Outbox::Retry { id: None, .. } => retry_all(call).await,
        Outbox::Show { id } => {
            let message = call.auth().await?.message_details(id).await?;
            call.output().one(&message.ok_or_else(|| unknown(id))?)
        }
    }
}

async fn list(
    call: &mut Call<'_, '_>,
    state: Option<MessageState>,
    limit: u32,
) -> Result<(), Failure> {
    let auth = call.auth().await?;
    let mut query = MessageQuery::new();
    if let Some(state) = state {
        query = query.state(state);
    }
    let columns = ["id", "created_at", "kind", "recipient", "state", "attempts", "failure"];
    let mut table = Table::new(&columns, limit);
    loop {
        let page = auth.messages(&query.clone().limit(table.room())).await?;
        let Some(last) = table.page(&mut call.output(), &page)? else { return Ok(()) };
        query = query.before(last.id);
    }
}

async fn retry(call: &mut Call<'_, '_>, id: MessageId) -> Result<(), Failure> {
    let auth = call.auth().await?;
    match auth.operator(call.operator()).retry_message(id).await {
        Ok(Retry::Queued) => {
            call.output().done(&json!({ "message": id, "queued": 1 }), "The mail is queued again.")
        }
        Ok(Retry::LinkLost) => Err(Failure::failed(
            "the mail had a link, whose token was erased as it was given up: its user has to ask \
             for another",
        )),
        Ok(Retry::NotFailed) => Err(Failure::failed("the mail is no dead letter")),
        Err(Error::NotFound) => Err(unknown(id)),
        Err(error) => Err(error.into()),
    }
}

async fn retry_all(call: &mut Call<'_, '_>) -> Result<(), Failure> {
    let auth = call.auth().await?;
    let queued = auth.operator(call.operator()).retry_messages().await?;
    let lost = auth.messages(&MessageQuery::new().state(MessageState::Failed).limit(1)).await?;
    let rest = match lost.is_empty() {
        true => "",
        false => {
            " Dead letters with a link stay: it was erased, and their users have to ask again."
        }
    };
    call.output()
        .done(&json!({ "queued": queued }), &format!("Mails queued again: {queued}.{rest}"))
}

fn unknown(id: MessageId) -> Failure {
    Failure::failed(format!("there is no mail {id}"))
}
