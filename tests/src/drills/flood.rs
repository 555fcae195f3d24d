//! A flood of sign-ins: hundreds at once, without pause, of strangers who guess.
//!
//! What a password costs is what a flood is after. The server hashes as many at once as it has
//! cores, each in memory of its own, and turns away what has waited too long: so it needs no more
//! memory than those hashes, it still answers everybody else, and is itself again right after.

use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use auth_core::HashParams;
use serde_json::json;

use super::environment::Plan;
use super::instance::Kind;
use super::journey::{Account, Session, journey};
use super::load::{Outcome, Site};
use super::report::Row;
use super::world::{Setup, World};
use crate::app::MOUNT;
use crate::{Reply, Request, client};

/// One server after the other is flooded, and holds no more memory than its hashes need.
pub(super) fn of_sign_ins(plan: &Plan) {
    let mut world = World::start(&Setup::default());
    let site = world.site(plan);
    let somebody = journey(&site, &plan.choices(0)).expect("nothing has failed yet");
    for (kind, server) in Kind::SERVERS.into_iter().zip(&mut world.servers) {
        let (port, process) = (server.port(), server.process().id());
        let asked = Request::post("/sign-in", &somebody.credentials());
        let Outcome::Answered(reply) = site.ask(port, &somebody.network, asked) else {
            panic!("nobody floods it yet");
        };
        let token = Session::of(&reply).expect("the password is right").access;
        let flood = Flood::of(port, process, &token, CLIENTS, plan.pick(LONG, SHORT));
        flood.report(
            &format!("{CLIENTS} sign-ins at once at {kind:?}"),
            &site.only(port),
            &somebody,
        );
        flood.assert_bounded(plan.pick(PROMPT, PATIENCE));
    }
}

/// What a server made of a flood.
#[derive(Clone, Debug)]
struct Flood {
    /// Memory of the process before, in KiB: what it holds when nothing is asked of it.
    idle: u64,
    /// The most that it ever held, in KiB.
    peak: u64,
    /// Three seconds after the flood, in KiB.
    after: u64,
    /// Guesses that were hashed, and refused for being wrong.
    hashed: usize,
    /// Guesses that were turned away with 503.
    turned_away: usize,
    /// Whatever else was answered, or what went wrong.
    others: Vec<String>,
    /// How long somebody who is signed in waited for an answer that hashes nothing, sorted; for ever
    /// if it was another than they asked for.
    reads: Vec<Duration>,
}

impl Flood {
    /// Lets `clients` guess at the passwords of strangers for `time`, at the server that listens on
    /// `port` as the process `process`, while somebody asks for `/me` with `token` fifty times a
    /// second.
    ///
    /// The server must not limit guesses by network, or must believe `X-Forwarded-For`: each has an
    /// address of its own.
    fn of(port: u16, process: u32, token: &str, clients: usize, time: Duration) -> Self {
        let idle = least_memory(process);
        let end = Instant::now() + time;
        let guessing: Vec<_> = (0..clients)
            .map(|client| thread::spawn(move || guess_until(end, port, client)))
            .collect();
        let mut reads = read_until(end, port, token);
        let answers = guessing.into_iter().flat_map(|client| client.join().expect("it ends"));
        let (mut hashed, mut turned_away, mut others) = (0, 0, Vec::new());
        for answer in answers {
            match answer {
                Ok(reply) if reply.status == 401 => hashed += 1,
                Ok(reply) if reply.status == 503 && !reply.header("retry-after").is_empty() => {
                    turned_away += 1;
                }
                Ok(reply) => others.push(reply.comparable()),
                Err(fault) => others.push(fault.to_string()),
            }
        }
        reads.sort();
        let (peak, after) = (memory(process, "VmHWM:"), least_memory(process));
        Self { idle, peak, after, hashed, turned_away, others, reads }
    }

    /// Adds it to the table, with how long it took after it until `somebody` could sign in.
    fn report(&self, what: &str, site: &Site, somebody: &Account) {
        let Self { idle, peak, after, hashed, turned_away, reads, .. } = self;
        let p99 = self.p99().as_millis();
        Row {
            fault: format!("{what}: {idle} KiB before, at most {peak}, {after} after it"),
            load: format!("{hashed} hashed; {} others, p99 {p99} ms", reads.len()),
            failed: u64::try_from(*turned_away).unwrap_or(u64::MAX),
            slow: 0,
            longest: reads.last().copied().unwrap_or_default(),
            recovered: Some(site.recovery(somebody)),
            lost: 0,
            duplicated: 0,
        }
        .report();
    }

    /// Asserts that memory stayed within that of as many hashes as there are cores, a third of it for
    /// everything else, and what frameworks keep for each connection, and that whoever hashes nothing
    /// was answered within `promptly`.
    fn assert_bounded(&self, promptly: Duration) {
        assert_eq!(self.others, [""; 0]);
        assert!(self.hashed > 0 && self.turned_away > 0, "it was no flood: {self:?}");
        let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
        let hashing = cores * u64::from(HashParams::default().memory_kib());
        let most = self.idle + hashing * 13 / 10 + CLIENTS as u64 * CONNECTION_KIB;
        assert!(self.peak <= most, "{} KiB, of at most {most}", self.peak);
        assert!(self.p99() <= promptly, "{:?}", self.p99());
    }

    /// The time within which 99 of 100 reads were answered.
    fn p99(&self) -> Duration {
        self.reads.get(self.reads.len() * 99 / 100).copied().unwrap_or(Duration::MAX)
    }
}

/// Guesses at one stranger's password after the other.
fn guess_until(end: Instant, port: u16, client: usize) -> Vec<io::Result<Reply>> {
    let mut answers = Vec::new();
    while Instant::now() < end {
        let number = answers.len();
        let email = format!("nobody{number}@{client}.example.com");
        let guess = json!({ "email": email, "password": "seven plum tractors" });
        let address = format!("10.{}.{}.{}", number % 256, client / 256, client % 256);
        let request = Request::post("/sign-in", &guess).header("x-forwarded-for", &address);
        let answer = client::attempt(port, &request.to_bytes(MOUNT, port), PATIENCE);
        if !answer.as_ref().is_ok_and(|reply| reply.status == 401) {
            thread::sleep(PAUSE);
        }
        answers.push(answer);
    }
    answers
}

/// Asks at a fixed pace, however long the answers take: who waits for one is not who asks next.
fn read_until(end: Instant, port: u16, token: &str) -> Vec<Duration> {
    let bytes = Request::get("/me").bearer(token).to_bytes(MOUNT, port);
    thread::scope(|scope| {
        let mut reading = Vec::new();
        let mut due = Instant::now();
        while due < end {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let bytes = &bytes;
            reading.push(scope.spawn(move || {
                let answer = client::attempt(port, bytes, PATIENCE);
                if answer.is_ok_and(|reply| reply.status == 200) { due.elapsed() } else { PATIENCE }
            }));
            due += PAUSE;
        }
        reading.into_iter().map(|read| read.join().expect("a read is answered")).collect()
    })
}

/// The least that a process held within some seconds: it may have work to do, and gives memory back
/// only after that.
fn least_memory(process: u32) -> u64 {
    let samples = (0..30).map(|_| {
        thread::sleep(Duration::from_millis(100));
        memory(process, "VmRSS:")
    });
    samples.min().expect("there are some")
}

/// A figure from `/proc/PID/status`, in KiB.
fn memory(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs, on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

/// Between two reads, and before somebody who was turned away comes again.
const PAUSE: Duration = Duration::from_millis(20);
const CLIENTS: usize = 400;
/// The buffers of the framework, and what the request waits in.
const CONNECTION_KIB: u64 = 64;
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(8);
/// Within what others are answered, unless the machine is busy with something else too.
const PROMPT: Duration = Duration::from_millis(250);
/// Longer than any answer may take, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
