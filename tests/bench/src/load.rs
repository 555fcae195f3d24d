//! Clients: some that ask without pause, and some that ask by the clock.

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::http::{Answer, Connection};
use crate::meter::Meter;

/// What one client asks, one after the other.
pub(crate) trait Script: Send + 'static {
    fn next(&mut self) -> &[u8];

    /// Takes what was answered, and tells whether that counts.
    fn answered(&mut self, answer: &Answer<'_>) -> bool;
}

pub(crate) type Scripts = Vec<Box<dyn Script>>;

/// What became of clients that asked without pause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closed {
    pub(crate) per_second: f64,
    /// What the server and its database used for each.
    pub(crate) cpu: Duration,
    pub(crate) latencies: Latencies,
    /// Answers that do not count.
    pub(crate) refused: usize,
}

/// How long answers took, the shortest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// Returns the one that so many in a thousand do not exceed.
    pub(crate) fn per_mille(&self, per_mille: usize) -> Duration {
        let rank = (self.0.len() * per_mille).div_ceil(1000);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Lets all clients ask without pause, first unmeasured and then for `duration`.
pub(crate) fn closed(
    port: u16,
    scripts: &mut Scripts,
    warm_up: Duration,
    duration: Duration,
    meter: Meter,
) -> io::Result<Closed> {
    on_this_thread(async {
        let clients = Clients::start(port, std::mem::take(scripts), warm_up, duration).await?;
        sleep_until(clients.start).await;
        let cpu = meter.cpu();
        sleep_until(clients.end).await;
        let cpu = meter.cpu() - cpu;
        let (used, latencies, refused) = clients.finish().await?;
        *scripts = used;
        let count = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
        Ok(Closed {
            per_second: f64::from(count) / duration.as_secs_f64(),
            cpu: cpu / count.max(1),
            latencies,
            refused,
        })
    })
}

/// Asks `probe` by the clock, so often a second, while the clients ask without pause.
///
/// Each answer's time counts from when it was due to be asked, whatever kept the asker.
pub(crate) fn storm(
    port: u16,
    scripts: &mut Scripts,
    mut probe: Box<dyn Script>,
    probes_per_second: u32,
    warm_up: Duration,
    duration: Duration,
) -> io::Result<(Closed, Latencies)> {
    on_this_thread(async {
        let clients = Clients::start(port, std::mem::take(scripts), warm_up, duration).await?;
        // One, which is used again at once: others a server would close before they are.
        let mut idle: Option<Connection> = None;
        let mut asked: JoinSet<io::Result<(Connection, Duration, u16)>> = JoinSet::new();
        let (mut latencies, mut due) = (Vec::new(), clients.start);
        while due < clients.end {
            sleep_until(due).await;
            while let Some(done) = asked.try_join_next() {
                let (connection, latency, status) = done.map_err(io::Error::other)??;
                let answer = Answer { status, body: &[] };
                // One that is refused was not served at all.
                latencies.push(if probe.answered(&answer) { latency } else { NEVER });
                idle = Some(connection);
            }
            let (connection, request) = (idle.take(), probe.next().to_vec());
            asked.spawn(async move {
                let mut connection = match connection {
                    Some(connection) => connection,
                    None => Connection::open(port).await?,
                };
                let status = connection.ask(&request).await?.status;
                Ok((connection, due.elapsed(), status))
            });
            due += Duration::from_secs(1) / probes_per_second;
        }
        while let Some(done) = asked.join_next().await {
            let (_, latency, status) = done.map_err(io::Error::other)??;
            let counts = probe.answered(&Answer { status, body: &[] });
            latencies.push(if counts { latency } else { NEVER });
        }
        let (used, theirs, refused) = clients.finish().await?;
        *scripts = used;
        let per_second = theirs.len() as f64 / duration.as_secs_f64();
        let closed = Closed { per_second, cpu: Duration::ZERO, latencies: theirs, refused };
        Ok((closed, Latencies::new(latencies)))
    })
}

struct Clients {
    tasks: JoinSet<io::Result<Client>>,
    start: Instant,
    end: Instant,
}

/// What one of them has done.
struct Client {
    script: Box<dyn Script>,
    latencies: Vec<Duration>,
    refused: usize,
}

impl Clients {
    async fn start(
        port: u16,
        scripts: Scripts,
        warm_up: Duration,
        duration: Duration,
    ) -> io::Result<Self> {
        let mut connections = Vec::with_capacity(scripts.len());
        for _ in &scripts {
            connections.push(Connection::open(port).await?);
        }
        let start = Instant::now() + warm_up;
        let end = start + duration;
        let mut tasks = JoinSet::new();
        for (script, mut connection) in scripts.into_iter().zip(connections) {
            let mut client = Client { script, latencies: Vec::new(), refused: 0 };
            tasks.spawn(async move {
                loop {
                    let asked = Instant::now();
                    if asked >= end {
                        return Ok(client);
                    }
                    let answer = connection.ask(client.script.next()).await?;
                    let counts = client.script.answered(&answer);
                    let answered = Instant::now();
                    if answered < start || answered >= end {
                        continue;
                    }
                    if counts {
                        client.latencies.push(answered - asked);
                    } else {
                        client.refused += 1;
                    }
                }
            });
        }
        Ok(Self { tasks, start, end })
    }

    async fn finish(mut self) -> io::Result<(Scripts, Latencies, usize)> {
        let (mut scripts, mut latencies, mut refused) = (Vec::new(), Vec::new(), 0);
        while let Some(ended) = self.tasks.join_next().await {
            let client = ended.map_err(io::Error::other)??;
            scripts.push(client.script);
            latencies.extend(client.latencies);
            refused += client.refused;
        }
        Ok((scripts, Latencies::new(latencies), refused))
    }
}

fn on_this_thread<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Longer than anybody waits.
const NEVER: Duration = Duration::from_secs(60);
