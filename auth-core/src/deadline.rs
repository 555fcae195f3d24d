//! No answer takes longer than it may, whatever it waits for.

use tokio::time::timeout;

use crate::{Auth, Error, Result};

impl Auth {
    /// Gives up on `work` when a request may wait no longer.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let answered = timeout(self.0.config.request_timeout, work).await;
        answered.unwrap_or(Err(Error::TimedOut))
    }
}
