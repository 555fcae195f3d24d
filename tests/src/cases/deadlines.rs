//! Nobody waits long for an answer, whatever the service itself waits for.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auth_core::{HookError, Registration, RegistrationPolicy, Store};
use serde_json::json;
use sqlx::postgres::PgConnectOptions;

use super::assertions::assert_problem;
use crate::adapters::block_on;
use crate::proxy::Proxy;
use crate::{App, Request, StoreKind};

pub(super) fn what_takes_too_long_is_answered_in_time(apps: &[App]) {
    struct Undecided;

    #[async_trait]
    impl RegistrationPolicy for Undecided {
        async fn allows(&self, _: &Registration<'_>) -> Result<bool, HookError> {
            std::future::pending().await
        }
    }

    let config = App::config().request_timeout(Duration::from_secs(1));
    let app = apps[0].beside(config, |builder| builder.registration(Undecided));
    let person = app.stranger();
    let body = json!({ "email": person.email, "password": person.password });
    assert_problem(&app.post("/sign-up", body), 503, "unavailable");
    assert_eq!(app.get("/health", None).status, 200);
}

pub(super) fn a_paused_database_holds_up_nobody_and_is_used_again(apps: &[App]) {
    let Some(far) = Far::of(&apps[0]) else { return };
    let (app, proxy) = (&far.app, &far.proxy);
    let tokens = app.sign_in(&app.user());
    far.use_all_connections(&tokens.access);

    proxy.freeze();
    for _ in 0..2 {
        let begun = Instant::now();
        let replies = app.race(8, |number| match number {
            0 => Request::get("/health"),
            1 => Request::get("/identity").of_host().bearer(&tokens.access),
            2 => Request::get("/private").of_host().bearer(&tokens.access),
            3 => Request::post("/access", &json!({ "refresh_token": tokens.refresh })),
            4 => Request::post("/request-password-reset", &json!({ "email": "a@example.com" })),
            _ => Request::get("/me").bearer(&tokens.access),
        });
        for reply in replies {
            assert_problem(&reply, 503, "unavailable");
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    proxy.thaw();
    far.is_back_soon(&tokens.access);
}

pub(super) fn connections_that_are_cut_off_are_replaced(apps: &[App]) {
    let Some(far) = Far::of(&apps[0]) else { return };
    let tokens = far.app.sign_in(&far.app.user());
    far.use_all_connections(&tokens.access);

    far.proxy.freeze();
    far.app.race(4, |_| Request::get("/me").bearer(&tokens.access));
    far.proxy.forget();
    far.is_back_soon(&tokens.access);
}

pub(super) fn a_transaction_that_was_given_up_takes_in_nothing_else(apps: &[App]) {
    let Some(far) = Far::of(&apps[0]) else { return };
    let tokens = far.app.sign_in(&far.app.user());
    far.use_all_connections(&tokens.access);

    far.proxy.freeze();
    let ending = json!({ "refresh_token": tokens.refresh });
    let count = usize::try_from(CONNECTIONS).expect("there are a few");
    for reply in far.app.race(count, |_| Request::post("/sign-out", &ending)) {
        assert_problem(&reply, 503, "unavailable");
    }
    far.proxy.thaw();
    far.is_back_soon(&tokens.access);

    let reply = far.app.post("/access", json!({ "refresh_token": tokens.refresh }));
    let next = App::tokens(&reply);
    // What was answered is so for everybody.
    let reply = apps[0].post("/access", json!({ "refresh_token": next.refresh }));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// An instance that reaches its database over a network.
struct Far {
    app: App,
    proxy: Proxy,
}

impl Far {
    /// None on SQLite, which no network is between.
    fn of(app: &App) -> Option<Self> {
        if app.kind == StoreKind::Sqlite {
            return None;
        }
        let options = PgConnectOptions::from_str(app.service_url()).expect("it is a URL");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.get_port()));
        let proxy = Proxy::to(address);
        let options = options.host("127.0.0.1").port(proxy.port);
        let store = block_on(async {
            let pool = Store::postgres_pool_options().max_connections(CONNECTIONS);
            let pool = pool.connect_with(options).await.expect("the network is up");
            Store::from_postgres(pool).await.expect("the schema is there")
        });
        let config = App::config().request_timeout(Duration::from_millis(2800));
        Some(Self { app: app.beside_on(store, config, |builder| builder), proxy })
    }

    fn use_all_connections(&self, access: &str) {
        self.app.race(8, |_| Request::get("/me").bearer(access));
    }

    #[track_caller]
    fn is_back_soon(&self, access: &str) {
        let begun = Instant::now();
        while self.app.get("/me", Some(access)).status != 200 {
            assert!(begun.elapsed() < Duration::from_secs(5), "it is not back");
            thread::sleep(Duration::from_millis(50));
        }
        self.app.race(8, |_| Request::get("/me").bearer(access)).iter().for_each(|reply| {
            assert_eq!(reply.status, 200, "{}", reply.text());
        });
    }
}

const CONNECTIONS: u32 = 3;
