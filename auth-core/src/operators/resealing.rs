use super::Operator;
use crate::sealed::SealedCounts;
use crate::{EventKind, Result};

impl Operator<'_> {
    /// Seals anew what a [previous](crate::MasterSecret::with_previous) master secret sealed, and
    /// returns what there was. Once nothing is left of a previous secret, it can go.
    ///
    /// It goes through the database in small portions, takes nothing away from requests that run,
    /// and can be broken off and repeated. `progress` is told after each portion.
    ///
    /// # Errors
    ///
    /// If the database fails. What nothing opens is counted and left as it is.
    pub async fn reseal(&self, progress: impl FnMut(&SealedCounts)) -> Result<SealedCounts> {
        let counts = self.auth.go_over_sealed(true, u64::MAX, progress).await?;
        let total = counts.total();
        self.auth
            .note(self, EventKind::SecretsResealed, |event| {
                event.detail("resealed", total.previous).detail("unreadable", total.unreadable);
            })
            .await?;
        Ok(counts)
    }
}
