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
fn holding() -> (impl FnOnce(&mut HashMemory) + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>)
{
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
