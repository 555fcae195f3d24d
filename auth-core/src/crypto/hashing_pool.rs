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
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;
    use crate::SeededRandom;
    use crate::crypto::password::{HashBackend, HashParams, PasswordHasher, Pepper};

    /// Waits for ever, so that no test depends on how fast the machine is.
    const FOREVER: Duration = Duration::MAX;

    fn memory() -> HashMemory {
        HashMemory::new(HashParams::default(), HashBackend::default())
    }

    fn pool(threads: usize, queue: usize, patience: Duration) -> HashingPool {
        HashingPool::new(memory, threads, queue, patience, LULL)
    }

    /// Submits the job of a future, which is what its first poll does.
    fn submit<F: Future>(future: Pin<&mut F>) {
        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    /// A job that says when it has started and then holds its thread until told to go on.
    fn holding()
    -> (impl FnOnce(&mut HashMemory) + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (started, has_started) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let work = move |_: &mut HashMemory| {
            started.send(()).unwrap();
            let _ = goes_on.recv();
        };
        (work, has_started, go_on)
    }

    #[tokio::test]
    async fn work_runs_on_a_named_thread_of_the_pool() {
        let pool = pool(2, 8, FOREVER);
        let name = pool.run(|_| thread::current().name().map(str::to_owned)).await;
        assert!(matches!(name, Ok(Some(name)) if name.starts_with("auth-hash-")));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_let_others_go_first() {
        use rustix::process::getpriority_process;

        const LOWEST: i32 = 19;
        let pool = pool(1, 8, FOREVER);
        let nice = pool.run(|_| getpriority_process(None).unwrap()).await.unwrap();
        assert_eq!(nice, (getpriority_process(None).unwrap() + NICER).min(LOWEST));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_in_time_and_an_abandoned_job_makes_room_and_never_runs() {
        let pool = pool(1, 1, Duration::from_secs(60));
        let (work, has_started, go_on) = holding();
        let mut running = pin!(pool.run(work));
        submit(running.as_mut());
        has_started.recv().unwrap();

        let ran = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ran);
        let mut abandoned = Box::pin(pool.run(move |_| flag.store(true, Ordering::SeqCst)));
        submit(abandoned.as_mut());
        // Nothing else is to be done, so the clock jumps to when the patience ends.
        assert_eq!(pool.run(|_| ()).await, Err(Saturated));

        drop(abandoned);
        let mut kept = pin!(pool.run(|_| 7));
        submit(kept.as_mut());
        assert!(pool.shared.lock().jobs.iter().all(|job| job.task.is_awaited()));
        go_on.send(()).unwrap();
        assert_eq!((running.await, kept.await), (Ok(()), Ok(7)));
        assert!(!ran.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn more_jobs_than_places_wait_for_one_and_all_run() {
        let pool = Arc::new(pool(1, 1, FOREVER));
        let jobs: Vec<_> = (0..16)
            .map(|number| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.run(move |_| number).await })
            })
            .collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), Ok(number));
        }
    }

    #[tokio::test]
    async fn a_job_abandoned_in_a_queue_with_room_never_runs() {
        let pool = pool(1, 8, FOREVER);
        let (work, has_started, go_on) = holding();
        let mut running = pin!(pool.run(work));
        submit(running.as_mut());
        has_started.recv().unwrap();

        let ran = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ran);
        let mut abandoned = Box::pin(pool.run(move |_| flag.store(true, Ordering::SeqCst)));
        submit(abandoned.as_mut());
        drop(abandoned);
        go_on.send(()).unwrap();
        assert_eq!(pool.run(|_| ()).await, Ok(()));
        assert!(!ran.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_job_that_waited_too_long_is_refused_without_running() {
        let pool = pool(1, 8, Duration::ZERO);
        let ran = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ran);
        assert_eq!(pool.run(move |_| flag.store(true, Ordering::SeqCst)).await, Err(Saturated));
        assert!(!ran.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_thread_keeps_its_memory_until_it_has_nothing_to_do() {
        let hash = |memory: &mut HashMemory| {
            let held = memory.is_held();
            let hasher = PasswordHasher::new(
                HashParams::default(),
                Pepper::none(),
                &SeededRandom::new(1),
                memory,
            );
            drop(hasher);
            held
        };
        let busy = HashingPool::new(memory, 1, 8, FOREVER, FOREVER);
        assert_eq!(busy.run(hash).await, Ok(false));
        assert_eq!(busy.run(hash).await, Ok(true));

        let idle = HashingPool::new(memory, 1, 8, FOREVER, Duration::ZERO);
        idle.run(hash).await.unwrap();
        while idle.run(|memory| memory.is_held()).await == Ok(true) {
            thread::yield_now();
        }
    }

    #[tokio::test]
    async fn a_thread_that_has_other_work_wipes_its_memory_too() {
        let pool = pool(1, 8, FOREVER);
        let (all_wait, waited) = mpsc::channel();
        let (written, _, left, _) = tokio::join!(
            pool.run(move |memory| {
                let params = HashParams::default();
                drop(PasswordHasher::new(params, Pepper::none(), &SeededRandom::new(1), memory));
                waited.recv().expect("the others are about to wait");
                memory.is_written()
            }),
            pool.run(|_| ()),
            pool.run(|memory| memory.is_written()),
            async { all_wait.send(()) },
        );
        assert_eq!((written, left), (Ok(true), Ok(false)));
    }

    #[tokio::test]
    async fn a_thread_wipes_its_memory_when_no_job_waits() {
        let pool = HashingPool::new(memory, 1, 8, FOREVER, FOREVER);
        // Nobody sees when a thread finds that none waits, so some time passes and it has many turns; the
        // next job would wipe the memory too, after it.
        for _ in 0..20 {
            let written = pool.run(|memory| {
                let params = HashParams::default();
                drop(PasswordHasher::new(params, Pepper::none(), &SeededRandom::new(1), memory));
                memory.is_written()
            });
            assert_eq!(written.await, Ok(true));
            (0..100).for_each(|_| thread::yield_now());
            if pool.run(|memory| memory.is_written()).await == Ok(false) {
                return;
            }
        }
        panic!("it is never wiped");
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_requests_enter_and_the_others_wait_for_half_of_the_patience() {
        let pool = pool(1, 1, Duration::from_secs(60));
        let mut entered = Vec::new();
        for _ in 0..ENTRIES_PER_THREAD {
            entered.push(pool.enter().await.unwrap());
        }
        let start = tokio::time::Instant::now();
        assert_eq!(pool.enter().await.err(), Some(Saturated));
        assert_eq!(start.elapsed().as_secs(), 30);
        entered.pop();
        assert!(pool.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_ends_the_job_and_not_the_thread() {
        let pool = pool(1, 8, FOREVER);
        assert_eq!(pool.run(|_| panic!("on purpose")).await, Err::<(), _>(Saturated));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_its_threads_after_the_current_job() {
        let pool = pool(1, 8, FOREVER);
        let shared = Arc::downgrade(&pool.shared);
        let (work, has_started, go_on) = holding();
        let mut running = Box::pin(pool.run(work));
        submit(running.as_mut());
        has_started.recv().unwrap();
        drop(running);

        drop(pool);
        assert_eq!(shared.strong_count(), 1);
        go_on.send(()).unwrap();
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }

    #[tokio::test]
    async fn dropping_the_pool_wakes_and_ends_its_threads() {
        // Nobody sees when a thread waits, so some time passes and many have their turn.
        for _ in 0..50 {
            let pool = pool(1, 8, FOREVER);
            let shared = Arc::downgrade(&pool.shared);
            pool.run(|_| ()).await.unwrap();
            (0..100).for_each(|_| thread::yield_now());
            drop(pool);
            while shared.strong_count() > 0 {
                thread::yield_now();
            }
        }
    }
}
