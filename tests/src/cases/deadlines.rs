//! Nobody waits long for an answer, whatever the service itself waits for.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auth_core::{HookError, Registration, RegistrationPolicy, Store};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};

use super::assertions::assert_problem;
use super::counting::rows;
use crate::adapters::block_on;
use crate::app::MOUNT;
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

/// A client that stops in the middle of a body is not waited for.
pub(super) fn a_body_that_does_not_come_is_not_waited_for(apps: &[App]) {
    for app in apps {
        let config = App::config().request_timeout(Duration::from_secs(1));
        let app = app.beside(config, |builder| builder);
        let head = format!("POST {MOUNT}/sign-in HTTP/1.1\r\nHost: localhost\r\n");
        let headers = "Content-Type: application/json\r\nContent-Length: 100\r\nConnection: close";
        let reply = app.bytes(format!("{head}{headers}\r\n\r\n{{").as_bytes());
        assert_problem(&reply, 400, "malformed_request");
    }
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
    let nobodys = json!({ "refresh_token": format!("rt_{}", "A".repeat(43)) });
    // With one there is no other that would do.
    for connections in [CONNECTIONS, 1] {
        let Some(far) = Far::with(&apps[0], connections) else { return };
        let tokens = far.app.sign_in(&far.app.user());
        // One statement, and the beginning of a transaction.
        for request in
            [Request::get("/me").bearer(&tokens.access), Request::post("/sign-out", &nobodys)]
        {
            far.use_all_connections(&tokens.access);
            far.proxy.freeze();
            far.app.race(4, |_| request.clone());
            far.proxy.forget();
            far.is_back_soon(&tokens.access);
        }
    }
}

/// Its client has given up by then, and asks again, as it should.
pub(super) fn a_refresh_that_was_held_back_is_no_theft(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        // Nothing is done there that nobody waits for.
        return;
    }
    let store = block_on(async {
        let pool = Store::postgres_pool_options().max_connections(1);
        let pool = pool.connect(app.service_url()).await.expect("Postgres answers");
        Store::from_postgres(pool).await.expect("the schema is there")
    });
    let app = app.beside_on(store, App::config(), |builder| builder);
    let refresh = |token: &str| app.post("/access", json!({ "refresh_token": token }));
    let tokens = app.sign_in(&app.user());
    // What is prepared is sent at once, and waits at the server.
    let tokens = App::tokens(&refresh(&tokens.refresh));

    let mut holder = block_on(PgConnection::connect(app.database_url())).expect("it answers");
    let hold = "BEGIN; LOCK TABLE auth_sessions IN ACCESS EXCLUSIVE MODE";
    block_on(sqlx::raw_sql(hold).execute(&mut holder)).expect("nobody else has it");
    assert_problem(&refresh(&tokens.refresh), 503, "unavailable");
    block_on(holder.close()).expect("it answers");
    let begun = Instant::now();
    while !is_used(&app, &tokens.refresh) {
        assert!(begun.elapsed() < Duration::from_secs(5), "it does not happen any more");
    }
    // More than the grace after it was asked for, and less than that after it happened.
    app.clock.advance(Duration::from_secs(11));
    let reply = refresh(&tokens.refresh);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(app.mails().is_empty(), "nobody is told of a theft");
}

/// Whether the token is the one before the current one of its session.
fn is_used(app: &App, token: &str) -> bool {
    let text = token.strip_prefix("rt_").expect("all of them begin so");
    let bytes = URL_SAFE_NO_PAD.decode(text).expect("it is base64");
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    rows(app, &format!("auth_sessions WHERE previous = decode('{digest}', 'hex')")) == 1
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
    pool: PgPool,
    proxy: Proxy,
}

impl Far {
    fn of(app: &App) -> Option<Self> {
        Self::with(app, CONNECTIONS)
    }

    /// None on SQLite, which no network is between.
    fn with(app: &App, connections: u32) -> Option<Self> {
        if app.kind == StoreKind::Sqlite {
            return None;
        }
        let options = PgConnectOptions::from_str(app.service_url()).expect("it is a URL");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.get_port()));
        let proxy = Proxy::to(address);
        let options = options.host("127.0.0.1").port(proxy.port);
        let (pool, store) = block_on(async {
            let pool = Store::postgres_pool_options().max_connections(connections);
            let pool = pool.connect_with(options).await.expect("the network is up");
            let store = Store::from_postgres(pool.clone()).await.expect("the schema is there");
            (pool, store)
        });
        let config = App::config().request_timeout(Duration::from_millis(2800));
        Some(Self { app: app.beside_on(store, config, |builder| builder), pool, proxy })
    }

    fn use_all_connections(&self, access: &str) {
        self.app.race(8, |_| Request::get("/me").bearer(access));
        // They are given back after the answers.
        let begun = Instant::now();
        while usize::try_from(self.pool.size()) != Ok(self.pool.num_idle()) {
            assert!(begun.elapsed() < Duration::from_secs(5), "one is not given back");
            thread::yield_now();
        }
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
