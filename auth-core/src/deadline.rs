//! No answer takes longer than it may, whatever it waits for.

use tokio::time::timeout;

use crate::{Auth, Error, Result};

impl Auth {
    /// Gives up on `work` when a request may wait no longer.
    ///
    /// It boxes `work`: by value, each that passes it on would hold it twice, and a request that waits
    /// all of that.
    pub(crate) fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        let answer = timeout(self.0.config.request_timeout, Box::pin(work));
        async { answer.await.unwrap_or(Err(Error::TimedOut)) }
    }
}
