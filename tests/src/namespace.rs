//! A part of the suite's Redis that belongs to one trial.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use auth_core::Redis;
use redis::{Client, Commands, Connection, FromRedisValue};

/// The keys of the server of `REDIS_URL` that start with a prefix, gone when dropped.
#[derive(Clone, Debug)]
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn fresh() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(format!("test_{}_{number}", std::process::id()))
    }

    /// Returns what a service is given.
    pub(crate) fn redis(&self) -> Redis {
        Redis::new(&url()).expect("REDIS_URL is a URL").prefix(&self.0)
    }

    /// Returns a Redis that nobody runs.
    pub(crate) fn nobodys() -> Redis {
        Redis::new("redis://127.0.0.1:1").expect("it is a URL")
    }

    /// Runs a command behind the server's back.
    pub(crate) fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        redis::cmd(command[0]).arg(&command[1..]).query(&mut connect()).expect("Redis does it")
    }

    /// Returns every key.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut connection = connect();
        let keys = connection.scan_match(format!("{}:*", self.0)).expect("Redis lists its keys");
        keys.collect::<Result<_, _>>().expect("keys are text")
    }

    /// Returns the only key whose name ends so.
    pub(crate) fn key(&self, name: &str) -> String {
        let mut keys = self.keys();
        keys.retain(|key| key.ends_with(name));
        assert_eq!(keys.len(), 1, "{keys:?}");
        keys.remove(0)
    }

    /// Loses everything.
    pub(crate) fn flush(&self) {
        for key in self.keys() {
            let _: i64 = self.run(&["DEL", &key]);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.flush();
    }
}

fn connect() -> Connection {
    let client = Client::open(url()).expect("REDIS_URL is a URL");
    client.get_connection().expect("the Redis of REDIS_URL answers")
}

fn url() -> String {
    env::var("REDIS_URL").expect("REDIS_URL is set: run the tests with tests/run")
}
