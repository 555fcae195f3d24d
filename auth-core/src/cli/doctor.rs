use super::call::Call;
use super::failure::Failure;
use super::output::Table;
use crate::Severity;

pub(super) async fn run(call: &mut Call<'_, '_>) -> Result<(), Failure> {
    let findings = call.findings().await;
    if call.is_json() {
        Table::new(&[], u32::MAX).page(&mut call.output(), &findings)?;
    } else {
        for finding in &findings {
            call.output().sentence(&finding.to_string())?;
        }
        if findings.is_empty() {
            call.output().sentence("Nothing is wrong.")?;
        }
    }
    match findings.iter().any(|finding| finding.severity == Severity::Error) {
        true => Err(Failure::Judged),
        false => Ok(()),
    }
}
