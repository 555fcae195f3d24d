//! A client that goes away leaves everything done or nothing.
//!
//! A server drops the future of a request whose connection is gone, at whatever it waits for: here
//! the same happens at each of its points, one after the other.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use auth_core::{AccessToken, Activate, Client, Error, OneTimeToken, RefreshToken, SignUp, Store};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use super::counting::rows;
use crate::adapters::block_on;
use crate::wiretap::{Trip, Wiretap};
use crate::{App, StoreKind};

pub(super) fn a_sign_up_is_whole_or_nothing(apps: &[App]) {
    let app = &apps[0];
    let (mut nothing, mut points) = (0, 0);
    loop {
        points += 1;
        let person = app.stranger();
        let input = SignUp::new(&person.email, &person.password);
        let ended = block_on(until(points, app.auth.sign_up(input, &Client::default())));
        let state = state(app, &person.email);
        assert!(["0 0 0", "1 1 1"].contains(&&*state), "{state} at {points}");
        if let Some(result) = ended {
            result.expect("nothing is wrong with it");
            assert_eq!(state, "1 1 1");
            break;
        }
        nothing += u32::from(state == "0 0 0");
    }
    assert!(nothing > 0, "of {points}");
}

pub(super) fn an_activation_is_whole_or_nothing(apps: &[App]) {
    let app = &apps[0];
    let mut points = 0;
    loop {
        let person = app.stranger();
        app.sign_up(&person);
        let token = app.mailed_token(&person.email);
        let activated =
            format!("auth_users WHERE email = '{}' AND activated_at IS NOT NULL", person.email);
        let ended = loop {
            points += 1;
            let input = Activate { token: OneTimeToken::from(&*token), password: None };
            let ended = block_on(until(points, app.auth.activate(input, &Client::default())));
            // One user, one link that is mailed, and then either the link or the welcome.
            let state = state(app, &person.email);
            assert!(["1 1 1", "1 0 2"].contains(&&*state), "{state} at {points}");
            if ended.is_some() || state == "1 0 2" {
                break ended;
            }
        };
        assert_eq!(rows(app, &activated), 1);
        app.sign_in(&person);
        match ended {
            None => {}
            Some(Ok(())) => break,
            // What was dropped while it committed may have committed since.
            Some(Err(error)) => assert!(matches!(error, Error::InvalidToken), "{error:?}"),
        }
        app.mails();
    }
}

pub(super) fn a_refresh_can_be_asked_for_again(apps: &[App]) {
    let app = &apps[0];
    let mut refresh = RefreshToken::from(&*app.sign_in(&app.user()).refresh);
    // How often it waits depends on how fast the database is, which may answer before it is asked
    // whether it has.
    for round in 0..5 {
        for points in 1.. {
            let ended = block_on(until(points, app.auth.refresh(&refresh, &Client::default())));
            let again = block_on(app.auth.refresh(&refresh, &Client::default()))
                .expect("the session goes on");
            let ended = ended.map(|tokens| tokens.expect("nothing is wrong with it"));
            if let Some(tokens) = &ended {
                let both = [tokens, &again].map(|tokens| tokens.refresh_token.expose());
                assert_eq!(both[0], both[1], "in round {round}");
            }
            refresh = again.refresh_token;
            if ended.is_some() {
                break;
            }
        }
    }
    assert_eq!(rows(app, "auth_sessions WHERE revoked_at IS NULL"), 1);
}

/// Statements of later requests would be part of a transaction that nobody ends.
pub(super) fn no_connection_stays_in_a_transaction(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        // Its one writer is known to be free when the next request gets it.
        return;
    }
    // A pool that a host makes knows nothing of what this crate's own one looks after.
    let store = block_on(async {
        let pool = PgPool::connect(app.service_url()).await.expect("Postgres answers");
        Store::from_postgres(pool).await.expect("the schema is there")
    });
    let hosted = app.beside_on(store, App::config(), |builder| builder);
    for auth in [&app.auth, &hosted.auth] {
        let client = Client::default();
        for points in 1.. {
            let asking = auth.request_password_reset("nobody@example.org", &client);
            let ended = block_on(until(points, asking));
            let dropped = Instant::now();
            while rows(app, IN_TRANSACTION) > 0 {
                assert!(dropped.elapsed() < Duration::from_secs(5), "after {points} points");
            }
            if ended.is_some() {
                break;
            }
        }
    }
}

/// A queue of those who have gone would never end while more come than are served.
pub(super) fn who_gives_up_while_waiting_leaves_nothing_to_do(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        return;
    }
    let tap = Wiretap::on(app.service_url());
    let url = tap.reach(app.service_url()).to_url_lossy();
    let store = block_on(Store::postgres(url.as_str())).expect("the line is up");
    let tapped = app.beside_on(store, App::config(), |builder| builder);
    let tokens = tapped.sign_in(&tapped.user());
    let client = Client::default();
    let nobodys = RefreshToken::from(format!("rt_{}", "A".repeat(43)).as_str());

    let mut holder = block_on(PgConnection::connect(app.database_url())).expect("it answers");
    let hold = "BEGIN; LOCK TABLE auth_users IN ACCESS EXCLUSIVE MODE";
    block_on(sqlx::raw_sql(hold).execute(&mut holder)).expect("nobody else has it");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let connections = (2 * cores).clamp(4, 20) + 1;
    let waiting: Vec<_> = (0..connections)
        .map(|_| {
            let (auth, access) = (tapped.auth.clone(), AccessToken::from(&*tokens.access));
            thread::spawn(move || block_on(async move { auth.session(&access).await.map(drop) }))
        })
        .collect();
    let begun = Instant::now();
    while rows(app, BEHIND_A_LOCK) != connections {
        assert!(begun.elapsed() < Duration::from_secs(2), "there are more connections");
    }
    tap.take();
    for _ in 0..200 {
        block_on(until(1, tapped.auth.sign_out(&nobodys, &client)));
    }
    block_on(holder.close()).expect("it answers");
    for waited in waiting {
        // On a busy machine it may have been too long.
        let _ = waited.join().expect("it ends");
    }
    // It is behind all of them.
    block_on(tapped.auth.sign_out(&nobodys, &client)).expect("it says nothing");
    let begins = |trip: &&Trip| matches!(trip, Trip::Simple(sql) if sql.starts_with("BEGIN;"));
    let begun = tap.take().iter().filter(begins).count();
    assert!(begun < 10, "{begun}");
}

/// How many users, links and messages there are for an address, all of them at one instant.
fn state(app: &App, email: &str) -> String {
    let mut texts = app.texts(&format!(
        "SELECT CAST((SELECT COUNT(*) FROM auth_users WHERE email = '{email}') AS TEXT) || ' ' ||
                CAST((SELECT COUNT(*) FROM auth_one_time_tokens WHERE email = '{email}') AS TEXT)
                || ' ' ||
                CAST((SELECT COUNT(*) FROM auth_messages WHERE recipient = '{email}') AS TEXT)"
    ));
    texts.pop().flatten().expect("it is one text")
}

/// Runs `future` until it has waited `points` times, and drops it there.
async fn until<F: Future>(points: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut waited = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            waited += 1;
            if waited == points { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

const IN_TRANSACTION: &str = "pg_stat_activity WHERE datname = current_database()
                              AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";
const BEHIND_A_LOCK: &str = "pg_stat_activity WHERE datname = current_database()
                             AND wait_event_type = 'Lock'";
