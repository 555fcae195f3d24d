//! What is counted and measured, through the facade `metrics`; nothing without the feature.
//!
//! No label is an id, an address or anything that a client chooses: the values are all known when the
//! crate is compiled.

#[cfg(all(test, feature = "metrics", feature = "sqlite"))]
mod counted;

use std::time::{Duration, Instant};

/// Tells the recorder of the process what the metrics mean.
pub(crate) fn describe() {
    for metric in METRICS {
        metric.describe();
    }
}

/// A request was answered; `outcome` is `ok` or the code of a problem.
pub(crate) fn request(
    path: &'static str,
    method: &'static str,
    outcome: &'static str,
    took: Duration,
) {
    REQUESTS.count(&[path, method, outcome], 1);
    REQUEST_DURATION.observe(&[path, method], took);
}

/// Something happened that matters for security.
pub(crate) fn event(kind: &'static str) {
    EVENTS.count(&[kind], 1);
}

/// A limit of that name held somebody back.
pub(crate) fn limited(limit: &'static str) {
    LIMITED.count(&[limit], 1);
}

/// A command to Redis failed, or was not tried because one failed just before.
#[cfg(feature = "redis")]
pub(crate) fn redis_failed() {
    REDIS_FAILURES.count(&[], 1);
}

/// How old the news of sessions is that other instances revoked.
pub(crate) fn feed_lag(age: Duration) {
    FEED_LAG.set(&[], age.as_secs_f64());
}

/// What became of an attempt to deliver a mail.
pub(crate) fn mail(kind: &'static str, outcome: &'static str) {
    MAILS.count(&[kind, outcome], 1);
}

/// How many mails wait, and for how long the oldest one has.
#[cfg(feature = "metrics")]
pub(crate) fn outbox(waiting: u64, oldest: Duration) {
    OUTBOX_WAITING.set(&[], waiting as f64);
    OUTBOX_OLDEST.set(&[], oldest.as_secs_f64());
}

/// A password that waits to be hashed, and is counted among those until it is dropped.
pub(crate) struct HashingJob {
    arrived: Instant,
    has_run: bool,
}

impl HashingJob {
    pub(crate) fn waits() -> Self {
        HASHING_WAITING.add(1.0);
        Self { arrived: Instant::now(), has_run: false }
    }

    /// Runs `work` as what was waited for.
    pub(crate) fn run<T>(mut self, work: impl FnOnce() -> T) -> T {
        self.has_run = true;
        HASHING_WAIT.observe(&[], self.arrived.elapsed());
        drop(self);
        let _running = Running::starts();
        work()
    }
}

impl Drop for HashingJob {
    fn drop(&mut self) {
        HASHING_WAITING.add(-1.0);
        if !self.has_run {
            HASHING_REFUSED.count(&[], 1);
        }
    }
}

struct Running {
    started: Instant,
}

impl Running {
    fn starts() -> Self {
        HASHING_RUNNING.add(1.0);
        Self { started: Instant::now() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        HASHING_RUNNING.add(-1.0);
        HASHING_DURATION.observe(&[], self.started.elapsed());
    }
}

/// A name, and what its values mean.
#[cfg_attr(not(any(feature = "metrics", test)), expect(dead_code, reason = "nothing is recorded"))]
struct Metric {
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    description: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Metric {
    const fn new(
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self { name, kind, labels, description }
    }
}

#[cfg(feature = "metrics")]
impl Metric {
    fn describe(&self) {
        let unit = if self.name.ends_with("_seconds") {
            metrics::Unit::Seconds
        } else {
            metrics::Unit::Count
        };
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, unit, self.description),
            Kind::Gauge => metrics::describe_gauge!(self.name, unit, self.description),
            Kind::Histogram => metrics::describe_histogram!(self.name, unit, self.description),
        }
    }

    fn count(&self, values: &[&'static str], more: u64) {
        metrics::counter!(self.name, self.labels(values)).increment(more);
    }

    fn observe(&self, values: &[&'static str], duration: Duration) {
        metrics::histogram!(self.name, self.labels(values)).record(duration);
    }

    fn set(&self, values: &[&'static str], value: f64) {
        metrics::gauge!(self.name, self.labels(values)).set(value);
    }

    fn add(&self, difference: f64) {
        metrics::gauge!(self.name).increment(difference);
    }

    fn labels(&self, values: &[&'static str]) -> Vec<metrics::Label> {
        let pairs = self.labels.iter().zip(values);
        pairs.map(|(name, value)| metrics::Label::from_static_parts(name, value)).collect()
    }
}

#[cfg(not(feature = "metrics"))]
impl Metric {
    fn describe(&self) {}

    fn count(&self, _: &[&'static str], _: u64) {}

    fn observe(&self, _: &[&'static str], _: Duration) {}

    fn set(&self, _: &[&'static str], _: f64) {}

    fn add(&self, _: f64) {}
}

macro_rules! metrics_of_this_crate {
    ($($constant:ident = $kind:ident, $name:literal, [$($label:literal),*], $description:literal;)+) => {
        $(const $constant: Metric =
            Metric::new(Kind::$kind, $name, &[$($label),*], $description);)+

        const METRICS: &[Metric] = &[$($constant),+];
    };
}

metrics_of_this_crate! {
    REQUESTS = Counter, "auth_requests_total", ["path", "method", "outcome"],
        "Requests that were answered";
    REQUEST_DURATION = Histogram, "auth_request_duration_seconds", ["path", "method"],
        "How long answers took";
    EVENTS = Counter, "auth_events_total", ["kind"],
        "What happened that matters for security";
    LIMITED = Counter, "auth_limited_total", ["limit"],
        "Requests that a limit held back";
    REDIS_FAILURES = Counter, "auth_redis_failures_total", [],
        "Commands that Redis did not carry out";
    FEED_LAG = Gauge, "auth_revocation_feed_age_seconds", [],
        "Age of what is known of sessions that other instances revoked";
    MAILS = Counter, "auth_mails_total", ["kind", "outcome"],
        "Attempts to deliver a mail";
    OUTBOX_WAITING = Gauge, "auth_outbox_waiting", [],
        "Mails that are neither sent nor given up";
    OUTBOX_OLDEST = Gauge, "auth_outbox_oldest_age_seconds", [],
        "For how long the oldest of them has waited";
    HASHING_WAITING = Gauge, "auth_hashing_waiting", [],
        "Passwords that wait to be hashed";
    HASHING_RUNNING = Gauge, "auth_hashing_running", [],
        "Passwords that are being hashed";
    HASHING_REFUSED = Counter, "auth_hashing_refused_total", [],
        "Passwords that were not hashed, for lack of capacity or because the client had gone";
    HASHING_WAIT = Histogram, "auth_hashing_wait_seconds", [],
        "How long passwords waited to be hashed";
    HASHING_DURATION = Histogram, "auth_hashing_duration_seconds", [],
        "How long hashing took";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_the_metrics() {
        let text = include_str!("manual/operations.md");
        let (_, rest) = text.split_once("<!-- metrics -->").unwrap();
        let (table, _) = rest.split_once("<!-- /metrics -->").unwrap();
        let listed: Vec<String> = table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.rsplitn(3, '|').last().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = METRICS
            .iter()
            .map(|metric| {
                let kind = match metric.kind {
                    Kind::Counter => "counter",
                    Kind::Gauge => "gauge",
                    Kind::Histogram => "histogram",
                };
                let labels: Vec<_> =
                    metric.labels.iter().map(|label| format!("`{label}`")).collect();
                format!("| `{}` | {kind} | {} ", metric.name, labels.join(", "))
            })
            .collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn names_say_what_they_count_and_in_what() {
        for metric in METRICS {
            assert!(metric.name.starts_with("auth_"), "{}", metric.name);
            let suffix = match metric.kind {
                Kind::Counter => "_total",
                Kind::Gauge => "",
                Kind::Histogram => "_seconds",
            };
            assert!(metric.name.ends_with(suffix), "{}", metric.name);
            assert!(!metric.description.is_empty());
        }
    }
}
