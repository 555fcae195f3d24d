//! Whether what happens reaches the recorder of the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    set_default_local_recorder,
};

use crate::{Auth, Client, Config, ManualClock, MasterSecret, Store, SystemRandom, Timestamp};

#[tokio::test]
async fn whoever_a_limit_holds_back_is_counted() {
    let counters = Counters::default();
    let _guard = set_default_local_recorder(&counters);
    let config = Config::new("http://localhost:8000").unwrap();
    let config = config.front_end_url("http://localhost:8000").unwrap();
    let config = config.mails_per_hour(1_u32).mails_per_day(1_u32);
    let store = Store::sqlite("sqlite::memory:").await.unwrap();
    let secret = MasterSecret::generate(&SystemRandom);
    let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
    let auth = Auth::builder(config, store, secret).clock(clock.clone()).build().await.unwrap();
    for (wait, held_back) in [(0, 0), (0, 1), (3600, 2), (24 * 3600, 2)] {
        clock.advance(Duration::from_secs(wait));
        auth.request_password_reset("ada@example.com", &Client::default()).await.unwrap();
        assert_eq!(counters.value("auth_limited_total{limit=mails}"), held_back, "after {wait} s");
    }
}

/// By their names and labels.
#[derive(Default)]
struct Counters(Mutex<HashMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn value(&self, name: &str) -> u64 {
        let counters = self.0.lock().expect("nobody panics");
        counters.get(name).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
        let name = format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","));
        let mut counters = self.0.lock().expect("nobody panics");
        Counter::from_arc(Arc::clone(counters.entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
