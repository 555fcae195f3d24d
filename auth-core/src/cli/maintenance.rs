use serde_json::json;

use super::call::Call;
use super::failure::Failure;
use super::io::Progress;

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

pub(super) async fn reseal(call: &mut Call<'_, '_>) -> Result<(), Failure> {
    let auth = call.auth().await?;
    let operator = auth.operator(call.operator());
    let mut progress = Progress::new(call.io.errors, call.io.errors_are_terminal);
    let counts = operator
        .reseal(|counts| {
            let total = counts.total();
            progress.tell(format_args!("sealed anew: {}", total.previous));
        })
        .await?;
    drop(progress);
    call.output().one(&counts)
}
