use serde_json::json;

use super::call::Call;
use super::failure::Failure;

pub(super) async fn migrate(call: &mut Call<'_, '_>) -> Result<(), Failure> {
    let applied = call.settings()?.migrate().await?;
    let sentence = match applied {
        0 => "The schema is up to date.".to_owned(),
        applied => format!("The schema is up to date; migrations applied: {applied}."),
    };
    call.output().done(&json!({ "applied": applied }), &sentence)
}

pub(super) async fn purge(call: &mut Call<'_, '_>) -> Result<(), Failure> {
    let purged = call.auth().await?.purge().await?;
    call.output().one(&purged)
}
