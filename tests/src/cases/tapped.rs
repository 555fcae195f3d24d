//! An instance of which every question to Postgres is heard.

use std::thread;
use std::time::{Duration, Instant};

use auth_core::{Builder, Store};
use sqlx::PgPool;

use crate::adapters::block_on;
use crate::wiretap::{Trip, Wiretap};
use crate::{App, StoreKind};

/// It has one connection, so that what was asked once is prepared for good.
pub(super) struct Tapped {
    pub(super) app: App,
    pool: PgPool,
    tap: Wiretap,
}

impl Tapped {
    /// None on SQLite, which no line leads to.
    pub(super) fn beside(app: &App, parts: impl FnOnce(Builder) -> Builder) -> Option<Self> {
        if app.kind == StoreKind::Sqlite {
            return None;
        }
        let tap = Wiretap::on(app.service_url());
        let options = tap.reach(app.service_url());
        let (pool, store) = block_on(async {
            let pool = Store::postgres_pool_options().max_connections(1);
            let pool = pool.connect_with(options).await.expect("the line is up");
            let store = Store::from_postgres(pool.clone()).await.expect("the schema is there");
            (pool, store)
        });
        Some(Self { app: app.beside_on(store, App::config(), parts), pool, tap })
    }

    /// Returns what Postgres is asked by `ask`, up to when its connection is the pool's again.
    #[track_caller]
    pub(super) fn heard<T>(&self, ask: impl FnOnce() -> T) -> (T, Vec<Trip>) {
        self.settle();
        self.tap.take();
        let answer = ask();
        self.settle();
        (answer, self.tap.take())
    }

    /// A connection is given back after the answer.
    #[track_caller]
    fn settle(&self) {
        let begun = Instant::now();
        while self.pool.num_idle() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(5), "the connection is not given back");
            thread::yield_now();
        }
    }
}
