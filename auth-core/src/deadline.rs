//! No answer takes longer than it may, whatever it waits for.

use tokio::time::timeout;

use crate::{Auth, Error, Result};

impl Auth {
    /// Gives up on `reading` the body of a request once [`Config::request_timeout`] is over: for
    /// adapters.
    ///
    /// # Errors
    ///
    /// Those of `reading`, and [`Error::UnreadableBody`] if its client has not sent all of it by then.
    ///
    /// [`Config::request_timeout`]: crate::Config::request_timeout
    pub async fn read_in_time<T>(&self, reading: impl Future<Output = Result<T>>) -> Result<T> {
        let read = timeout(self.0.config.request_timeout, Box::pin(reading)).await;
        read.unwrap_or(Err(Error::UnreadableBody))
    }

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
