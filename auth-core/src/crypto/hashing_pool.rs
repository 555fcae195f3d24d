use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::password::HashMemory;
use crate::telemetry::HashingJob;

/// Threads of its own for password hashing, with a short queue in front.
///
/// A hash takes tens of milliseconds and megabytes, so it would stall an async runtime, and a
/// flood of sign-ins would take all memory if each hashed at once: here as many run as there are
/// threads, each in memory of its own, and what cannot start soon is refused, so that the caller can
/// answer 503 at once.
pub(crate) struct HashingPool {
    shared: Arc<Shared>,
    /// One for each job that runs or may wait in the queue.
    places: Arc<Semaphore>,
    /// One for each request that is on its way to a job, or has had it.
    entries: Arc<Semaphore>,
    patience: Duration,
}

/// For as long as it is kept, a request is one of those that may hash.
pub(crate) type Entry = OwnedSemaphorePermit;

/// There is no capacity for the job: it did not run, or broke off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Saturated;

impl HashingPool {
    /// Starts as many threads as the machine has cores, with a queue of four jobs and two
    /// seconds for each, and with what `memory` makes for each thread.
    ///
    /// # Panics
    ///
    /// If the operating system starts no thread.
    pub(crate) fn for_this_machine(memory: impl Fn() -> HashMemory) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::new(memory, threads, threads * QUEUE_PER_THREAD, PATIENCE, LULL)
    }

    /// Waits until so few requests are on their way to a hash that this one will have its turn in time.
    ///
    /// What a flood asks of the database before and after its hashes would otherwise take so long
    /// that requests give up in the middle, and nobody is answered.
    ///
    /// # Errors
    ///
    /// [`Saturated`] after half of the patience: the other half, at the least, is left for the rest.
    pub(crate) async fn enter(&self) -> Result<Entry, Saturated> {
        let entry = Arc::clone(&self.entries).acquire_owned();
        let entry = tokio::time::timeout(self.patience / 2, entry).await;
        entry.map_err(|_| Saturated)?.map_err(|_| Saturated)
    }

    /// Runs `work` on a thread of the pool, with the memory of that thread.
    ///
    /// If the returned future is dropped before the work starts, it never does.
    ///
    /// # Errors
    ///
    /// [`Saturated`] if the job waited too long, for a place in the queue and in it, or if `work`
    /// panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, Saturated> {
        let arrived = Instant::now();
        let measured = HashingJob::waits();
        let work = move |memory: &mut HashMemory| measured.run(|| work(memory));
        if self.places.available_permits() == 0 {
            self.shared.forget_abandoned();
        }
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(self.patience, place).await;
        let place = place.map_err(|_| Saturated)?.map_err(|_| Saturated)?;
        let (answer, answered) = oneshot::channel();
        self.shared.submit(Job { arrived, task: Box::new(Task { work, answer, place }) });
        answered.await.map_err(|_| Saturated)
    }

    /// Starts `threads` threads, each of which keeps its memory until it has had no work for `lull`.
    ///
    /// At most `queue` jobs wait (both numbers are taken as at least one), and callers beyond that
    /// wait for a place; whoever has waited for `patience` in all is refused instead.
    fn new(
        memory: impl Fn() -> HashMemory,
        threads: usize,
        queue: usize,
        patience: Duration,
        lull: Duration,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { jobs: VecDeque::with_capacity(queue), closed: false }),
            changed: Condvar::new(),
            patience,
            lull,
        });
        let (threads, queue) = (threads.max(1), queue.max(1));
        let [places, entries] =
            [threads + queue, threads * ENTRIES_PER_THREAD].map(|n| Arc::new(Semaphore::new(n)));
        let pool = Self { shared, places, entries, patience };
        for number in 1..=threads {
            let (shared, memory) = (Arc::clone(&pool.shared), memory());
            thread::Builder::new()
                .name(format!("auth-hash-{number}"))
                .spawn(move || {
                    let_others_go_first();
                    shared.work(memory);
                })
                .expect("the operating system starts a thread");
        }
        pool
    }
}

impl Drop for HashingPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.jobs.clear();
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingPool").field("patience", &self.patience).finish_non_exhaustive()
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    patience: Duration,
    lull: Duration,
}

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Shared {
    fn submit(&self, job: Job) {
        self.lock().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// Gives back the places of jobs whose callers have gone.
    fn forget_abandoned(&self) {
        self.lock().jobs.retain(|job| self.is_worth_running(job));
    }

    fn work(&self, mut memory: HashMemory) {
        while let Some(job) = self.next(&mut memory) {
            // A job that is dropped answers its caller too, by dropping the sender.
            if self.is_worth_running(&job) {
                job.task.run(&mut memory);
                memory.settle();
            }
        }
    }

    fn next(&self, memory: &mut HashMemory) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if memory.is_written() {
                drop(state);
                memory.wipe();
                state = self.lock();
                continue;
            }
            let lull = if memory.is_held() { self.lull } else { Duration::MAX };
            let waited = self.changed.wait_timeout(state, lull).expect("no panic while held");
            state = waited.0;
            if waited.1.timed_out() && state.jobs.is_empty() {
                drop(state);
                memory.give_back();
                state = self.lock();
            }
        }
    }

    fn is_worth_running(&self, job: &Job) -> bool {
        job.task.is_awaited() && job.arrived.elapsed() < self.patience
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

struct Job {
    arrived: Instant,
    task: Box<dyn Run>,
}

trait Run: Send {
    fn is_awaited(&self) -> bool;
    fn run(self: Box<Self>, memory: &mut HashMemory);
}

struct Task<T, W> {
    work: W,
    answer: oneshot::Sender<T>,
    place: OwnedSemaphorePermit,
}

impl<T: Send, W: FnOnce(&mut HashMemory) -> T + Send> Run for Task<T, W> {
    fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>, memory: &mut HashMemory) {
        let Self { work, answer, place } = *self;
        // The thread outlives a panic; nothing that the work has touched is used again but the
        // memory, which says by itself what is to be wiped.
        if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(memory))) {
            let _ = answer.send(result);
        }
        drop(place);
    }
}

/// Lets the scheduler prefer whoever else has work on this machine: a request that hashes nothing is
/// done in less than a thousandth of the time of a hash, and so should not wait for one.
#[cfg(target_os = "linux")]
fn let_others_go_first() {
    use rustix::process::{getpriority_process, setpriority_process};

    // Linux has a priority for each thread, and nobody means the one that asks. A system that does not
    // let it be lowered is one where it stays.
    if let Ok(nice) = getpriority_process(None) {
        let _ = setpriority_process(None, nice + NICER);
    }
}

/// Elsewhere it would be that of the whole process.
#[cfg(not(target_os = "linux"))]
fn let_others_go_first() {}

/// A third of the weight of what competes with it.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;
const QUEUE_PER_THREAD: usize = 4;
/// More than have places, so that a thread that is done finds the next job: what comes before it takes
/// time too.
const ENTRIES_PER_THREAD: usize = 16;
const PATIENCE: Duration = Duration::from_secs(2);
/// After how long without work a thread gives its memory back. Taking it again costs some
/// milliseconds: who hashes more rarely than this does not notice.
const LULL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
