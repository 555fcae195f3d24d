//! Clients that use the service all the time, and know what it has promised them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::environment::{Choices, Plan};
use super::journey::{Account, journey};
use super::process::{PACE, PATIENCE, until};
use super::smtp_sink::SmtpSink;
use crate::app::MOUNT;
use crate::{Reply, Request, client};

/// Where the service is, as its clients see it, and what they have seen of it.
#[derive(Clone)]
pub(crate) struct Site {
    ports: Vec<u16>,
    sink: SmtpSink,
    /// How long an answer may take.
    limit: Duration,
    /// Whether mails may be refused for good.
    refusals: bool,
    numbers: Arc<AtomicU32>,
    figures: Arc<Mutex<Figures>>,
}

/// What clients have seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    /// 503, or no answer at all.
    pub(crate) failed: u64,
    /// Answers that took longer than three seconds.
    pub(crate) slow: u64,
    pub(crate) longest: Duration,
    /// Accounts whose client has done all that it does.
    pub(crate) journeys: u64,
    /// What must not happen.
    pub(crate) violations: Vec<String>,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered(Reply),
    /// A 503, or no answer: it may have happened or not, and can be asked again after that time.
    Unclear(Duration),
}

/// Clients that begin one account after the other.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Account>>>,
}

impl Site {
    pub(crate) fn new(ports: Vec<u16>, sink: SmtpSink, plan: &Plan) -> Self {
        let (numbers, figures) = (Arc::default(), Arc::default());
        Self { ports, sink, limit: plan.answer(), refusals: false, numbers, figures }
    }

    /// Has people ask again for mails that do not come.
    pub(crate) fn expect_refusals(&mut self, refusals: bool) {
        self.refusals = refusals;
    }

    pub(crate) fn expects_refusals(&self) -> bool {
        self.refusals
    }

    /// The same with one server alone.
    pub(crate) fn only(&self, port: u16) -> Self {
        Self { ports: vec![port], ..self.clone() }
    }

    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    pub(crate) fn sink(&self) -> &SmtpSink {
        &self.sink
    }

    /// Returns an address that nobody has, and from which network its owner comes.
    pub(crate) fn stranger(&self) -> (String, String) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let [_, a, b, c] = number.to_be_bytes();
        (format!("person{number}@example.com"), format!("10.{a}.{b}.{c}"))
    }

    /// Returns what clients have seen up to now.
    pub(crate) fn figures(&self) -> Figures {
        self.seen().clone()
    }

    pub(crate) fn count_journey(&self) {
        self.seen().journeys += 1;
    }

    /// Writes down what must not happen; the drill fails with it.
    pub(crate) fn violation(&self, text: impl Into<String>) {
        self.seen().violations.push(text.into());
    }

    /// Sends a request to the server at `port`, on behalf of the client at `address`.
    pub(crate) fn ask(&self, port: u16, address: &str, request: Request) -> Outcome {
        let Request { method, path, .. } = &request;
        let name = format!("{method} {path}");
        let bytes = request.header("x-forwarded-for", address).to_bytes(MOUNT, port);
        let start = Instant::now();
        let answer = client::attempt(port, &bytes, PATIENCE);
        let took = start.elapsed();

        let mut seen = self.seen();
        seen.requests += 1;
        seen.longest = seen.longest.max(took);
        seen.slow += u64::from(took > SLOW);
        if took > self.limit {
            seen.violations.push(format!("{name} took {took:?}: {answer:?}"));
        }
        match answer {
            Ok(reply) if reply.status == 503 => {
                if reply.header("retry-after").is_empty() {
                    seen.violations.push(format!("{name}: 503 without Retry-After"));
                }
                seen.failed += 1;
                Outcome::Unclear(after(&reply))
            }
            Ok(reply) => {
                if reply.status >= 500 {
                    seen.violations.push(format!("{name}: {} {}", reply.status, reply.text()));
                }
                Outcome::Answered(reply)
            }
            Err(_) => {
                seen.failed += 1;
                Outcome::Unclear(PACE)
            }
        }
    }

    /// The same, again and again on any server until there is an answer, no sooner than it is asked
    /// to; with it, whether an earlier try was unclear. None if there is none within `patience`.
    pub(crate) fn insist(
        &self,
        choices: &Choices,
        address: &str,
        request: &Request,
        patience: Duration,
    ) -> Option<(Reply, bool)> {
        let start = Instant::now();
        let mut unclear = false;
        while start.elapsed() < patience {
            let port = self.ports[choices.below(self.ports.len())];
            let wait = match self.ask(port, address, request.clone()) {
                // What was counted and came to nothing stays counted.
                Outcome::Answered(reply) if unclear && reply.status == 429 => after(&reply),
                Outcome::Answered(reply) => return Some((reply, unclear)),
                Outcome::Unclear(wait) => wait,
            };
            unclear = true;
            thread::sleep(wait);
        }
        None
    }

    /// Returns once somebody was signed in by every server, and how long that took.
    ///
    /// # Panics
    ///
    /// If it takes a minute.
    pub(crate) fn recovery(&self, somebody: &Account) -> Duration {
        let start = Instant::now();
        thread::scope(|scope| {
            for &port in self.ports() {
                scope.spawn(move || {
                    until(PATIENCE, "every server signs in", || {
                        let asked = Request::post("/sign-in", &somebody.credentials());
                        let outcome = self.ask(port, &self.stranger().1, asked);
                        matches!(outcome, Outcome::Answered(reply) if reply.status == 200)
                    });
                });
            }
        });
        start.elapsed()
    }

    fn seen(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().expect("no panic while held")
    }
}

impl Load {
    /// Starts that many clients.
    pub(crate) fn start(site: &Site, plan: &Plan) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |number: u32| {
            let (site, stop, plan) = (site.clone(), Arc::clone(&stop), *plan);
            thread::spawn(move || {
                let choices = plan.choices(u64::from(number) + 1);
                let mut accounts = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    accounts.extend(journey(&site, &choices));
                }
                accounts
            })
        };
        Self { clients: (0..plan.clients()).map(client).collect(), stop }
    }

    /// Begins no more accounts, and returns once the clients have done with those that they have,
    /// while `meanwhile` is called now and then.
    pub(crate) fn finish(self, mut meanwhile: impl FnMut()) -> Vec<Account> {
        self.stop.store(true, Ordering::Relaxed);
        let mut next = Instant::now();
        until(2 * PATIENCE, "clients end", || {
            if next <= Instant::now() {
                meanwhile();
                next = Instant::now() + Duration::from_secs(1);
            }
            self.clients.iter().all(JoinHandle::is_finished)
        });
        let accounts = self.clients.into_iter().map(JoinHandle::join);
        accounts.flat_map(|ended| ended.expect("a client does not panic")).collect()
    }
}

/// When a server that cannot serve now asks to be asked again.
fn after(reply: &Reply) -> Duration {
    Duration::from_secs(reply.header("retry-after").parse().unwrap_or(1))
}

/// The body of a sign-up or a sign-in.
pub(crate) fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// From when on an answer is counted as slow.
const SLOW: Duration = Duration::from_secs(3);
