use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::StoreError;
use super::patience::{HEARD, MARGIN, answers, give_back};

/// The connections of a store that has a pool to itself, which go from one request to the next.
///
/// A pool asks the server for a sign of life whenever it is given one back, which is every other round
/// trip of a request that asks one thing. Here, what has just had its answer waits for the next request
/// instead, and goes back to the pool only if none comes.
pub(super) struct Kept {
    pool: PgPool,
    /// As many as the pool has connections: who holds one finds a connection that waits here, or one
    /// that the pool has or may open.
    places: Arc<Semaphore>,
    /// One less, if there are more than two, for who writes: a commit waits for a disk, which now and then
    /// takes its time, and who only reads does not wait behind as many of them as there are.
    writers: Arc<Semaphore>,
    state: Mutex<State>,
    is_draining: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Gives back to the pool what waits for too long.
    sweep: Option<JoinHandle<()>>,
}

struct Waiting {
    connection: PoolConnection<Postgres>,
    taken: Instant,
    since: Instant,
}

/// A connection of [`Kept`], since when it is not the pool's, and the right to have one.
pub(super) struct Taken {
    pub(super) connection: PoolConnection<Postgres>,
    pub(super) since: Instant,
    pub(super) place: Place,
}

/// The right to have a connection of [`Kept`].
pub(super) struct Place {
    kept: Arc<Kept>,
    /// Given up after what they were for.
    _permits: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Intent {
    Reading,
    Writing,
}

impl Kept {
    pub(super) fn new(pool: PgPool) -> Self {
        let connections = pool.options().get_max_connections() as usize;
        let writers = if connections > 2 { connections - 1 } else { connections };
        let [places, writers] = [connections, writers].map(|count| Arc::new(Semaphore::new(count)));
        Self { pool, places, writers, state: Mutex::default(), is_draining: AtomicBool::new(false) }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Takes the connection that was used last, of which the server is the most likely to have its
    /// memory at hand, or one of the pool.
    pub(super) async fn take(self: &Arc<Self>, intent: Intent) -> Result<Taken, StoreError> {
        let writer = match intent {
            Intent::Reading => None,
            Intent::Writing => Some(permit(&self.writers).await?),
        };
        let permits = (permit(&self.places).await?, writer);
        let place = Place { kept: Arc::clone(self), _permits: permits };
        let waiting = self.lock().waiting.pop();
        if let Some(Waiting { mut connection, taken, since }) = waiting {
            if since.elapsed() < HEARD || answers(&mut connection, MARGIN).await.is_ok() {
                return Ok(Taken { connection, since: taken, place });
            }
            drop(connection.detach());
        }
        loop {
            let mut connection = self.pool.acquire().await?;
            if !self.is_draining.load(Ordering::Relaxed)
                || answers(&mut connection, MARGIN).await.is_ok()
            {
                return Ok(Taken { connection, since: Instant::now(), place });
            }
            drop(connection.detach());
        }
    }

    /// Asks for a sign of life from now on: where each worker of a server has a runtime of its own, the
    /// connections that it opened end with it, while others still answer.
    pub(super) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.dismiss();
    }

    fn dismiss(&self) {
        let waiting = mem::take(&mut self.lock().waiting);
        waiting.into_iter().for_each(|one| give_back(one.connection, true, ()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back what has waited for too long, and says whether something still waits.
    fn sweep(&self) -> bool {
        let mut state = self.lock();
        let (late, waiting): (Vec<_>, _) =
            state.waiting.drain(..).partition(|one| one.since.elapsed() >= HEARD);
        state.waiting = waiting;
        let goes_on = !state.waiting.is_empty();
        if !goes_on {
            // Whoever comes after this begins another.
            state.sweep = None;
        }
        drop(state);
        late.into_iter().for_each(|one| give_back(one.connection, true, ()));
        goes_on
    }
}

impl Place {
    /// Keeps a connection for the next request, unless it is time that the pool looks after it, as it
    /// does after those that are given back: some are too old.
    ///
    /// # Security
    ///
    /// The server must have answered all that it was asked on it, or one request would read what is
    /// another's; and no transaction may be open.
    pub(super) fn keep(self, connection: PoolConnection<Postgres>, taken: Instant) {
        let Ok(runtime) = Handle::try_current() else {
            // Nobody is there to give it back later.
            return give_back(connection, true, self);
        };
        let mut state = self.kept.lock();
        if taken.elapsed() > AWAY || self.kept.is_draining.load(Ordering::Relaxed) {
            drop(state);
            return give_back(connection, true, self);
        }
        state.waiting.push(Waiting { connection, taken, since: Instant::now() });
        if state.sweep.as_ref().is_none_or(JoinHandle::is_finished) {
            state.sweep = Some(runtime.spawn(sweep(Arc::downgrade(&self.kept))));
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.dismiss();
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StoreError> {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    Ok(permit.map_err(|_| sqlx::Error::PoolClosed)?)
}

async fn sweep(kept: Weak<Kept>) {
    loop {
        sleep(HEARD).await;
        if !kept.upgrade().is_some_and(|kept| kept.sweep()) {
            return;
        }
    }
}

/// After how long a connection goes back to the pool though it is in use all the time.
const AWAY: Duration = Duration::from_secs(60);
