use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs `work` so that a bug in it ends only it: not its connection, not a task that has more to
/// do, not the process. `None` if it panicked.
pub(crate) async fn without_panic<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        // What it leaves behind is dropped and not used again.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_the_work() {
        assert_eq!(without_panic(async { 7 }).await, Some(7));
        let work = async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        };
        assert_eq!(without_panic::<()>(work).await, None);
    }
}
