use super::args::Keys;
use super::call::Call;
use super::failure::Failure;
use super::output::Table;

pub(super) async fn run(call: &mut Call<'_, '_>, command: Keys) -> Result<(), Failure> {
    let auth = call.auth().await?;
    let key = match command {
        Keys::List => {
            let keys = auth.signing_keys().await?;
            let columns = ["generation", "kid", "state", "active_from"];
            Table::new(&columns, u32::MAX).page(&mut call.output(), &keys)?;
            return Ok(());
        }
        Keys::Revoke { consent } => {
            call.io.confirm("Make every access token void", consent.yes)?;
            auth.operator(call.operator()).revoke_signing_keys().await?
        }
        Keys::Rotate => auth.operator(call.operator()).rotate_signing_keys().await?,
    };
    call.output().one(&key)
}
