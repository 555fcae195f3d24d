//! The same limits where instances share a Redis, which may forget and be gone.

use std::env;
use std::time::Duration;

use auth_core::{Builder, Redis};
use redis::{Client, Cmd, FromRedisValue};

use super::limits::{
    HERE, behind_a_proxy, guess, guess_from_everywhere, guess_from_one_network, limited,
    limited_requests, pass_the_first_factor, share_budgets, sign_in,
};
use crate::App;

pub(super) fn they_are_those_of_the_database(apps: &[App]) {
    let app = &apps[0];
    let shared = Namespace::new(app);
    let config = behind_a_proxy(App::config());
    let config = config.sign_ins(3_u32).sign_ups(3_u32).mail_requests(3_u32);
    limited_requests(&app.beside(config, shared.part()));
    share_budgets(app, shared.part());
    app.clock.advance(Duration::from_secs(60));
    guess_from_one_network(&limited(app, shared.part()));
    guess_from_everywhere(&limited(app, shared.part()));
    pass_the_first_factor(&limited(app, shared.part()));
    // All of it was counted in Redis, and none of it in the database.
    assert!(!shared.keys().is_empty());
    let counted = app.texts("SELECT subject FROM auth_limits WHERE count > 0");
    assert_eq!(counted, Vec::<Option<String>>::new());
}

pub(super) fn what_redis_forgets_is_refilled_once(apps: &[App]) {
    let shared = Namespace::new(&apps[0]);
    let app = limited(&apps[0], shared.part());
    let person = app.user();
    let tokens = App::tokens(&sign_in(&app, &person, HERE));
    for _ in 0..2 {
        for _ in 0..5 {
            assert_eq!(guess(&app, &person, HERE).status, 401);
        }
        assert_eq!(guess(&app, &person, HERE).status, 429);
        shared.forget();
    }
    // What was revoked stays revoked.
    assert_eq!(app.post_as(&tokens.access, "/sign-out", serde_json::json!({})).status, 204);
    shared.forget();
    assert_eq!(app.host("/identity", Some(&tokens.access)).status, 401);
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 401);
}

pub(super) fn without_redis_the_database_counts(apps: &[App]) {
    // Nobody listens at the port of discarded data.
    let gone = Redis::new("redis://127.0.0.1:9").expect("it is a URL");
    let app = limited(&apps[0], |builder| builder.redis(gone));
    let person = app.user();
    for _ in 0..5 {
        assert_eq!(guess(&app, &person, HERE).status, 401);
    }
    for _ in 0..50 {
        assert_eq!(guess(&app, &person, HERE).status, 429);
    }
}

pub(super) fn every_key_is_forgotten_in_time_and_says_nothing(apps: &[App]) {
    let shared = Namespace::new(&apps[0]);
    let app = limited(&apps[0], shared.part());
    let person = app.user();
    guess(&app, &person, HERE);
    let keys = shared.keys();
    assert!(keys.len() >= 3, "{keys:?}");
    for key in keys {
        let left: i64 = shared.ask(redis::cmd("TTL").arg(&key));
        assert!((0..=24 * 60 * 60).contains(&left), "{key}: {left}");
        assert!(!key.contains(HERE) && !key.contains(&person.email), "{key}");
    }
}

/// The keys of one trial, on the Redis that all of them share.
struct Namespace {
    redis: Redis,
    prefix: String,
    client: Client,
}

impl Namespace {
    fn new(app: &App) -> Self {
        let url = env::var("REDIS_URL").expect("REDIS_URL is set: run the tests with tests/run");
        let prefix = format!("test-{}-{}", std::process::id(), app.origin());
        let redis = Redis::new(&url).expect("REDIS_URL is a URL").prefix(&prefix);
        Self { redis, prefix, client: Client::open(url).expect("REDIS_URL is a URL") }
    }

    fn part(&self) -> impl Fn(Builder) -> Builder + use<> {
        let redis = self.redis.clone();
        move |builder| builder.redis(redis.clone())
    }

    fn keys(&self) -> Vec<String> {
        self.ask(redis::cmd("KEYS").arg(format!("{}:*", self.prefix)))
    }

    fn forget(&self) {
        let keys = self.keys();
        if !keys.is_empty() {
            let _: u64 = self.ask(redis::cmd("DEL").arg(keys));
        }
    }

    fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let mut connection = self.client.get_connection().expect("the Redis of REDIS_URL answers");
        command.query(&mut connection).expect("Redis does as it is told")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.forget();
    }
}
