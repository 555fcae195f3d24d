//! Few connections to the database are slow, and no more than that.

use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use auth_core::{MessageQuery, Store, StoreError};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::assertions::assert_problem;
use super::counting::{rows, tally};
use super::probes::{OTHER_PASSWORD, reset_token};
use crate::adapters::block_on;
use crate::wiretap::{Trip, Wiretap};
use crate::{App, Person, Request, StoreKind, Tokens};

/// A request that took a second connection while it holds one would wait for itself.
pub(super) fn one_or_two_do_for_everything_at_once(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        // Its one writer is a pool of one in every trial.
        return;
    }
    let url = apps[0].service_url();
    for connections in [1, 2] {
        let of_a_host = block_on(async {
            let pool = Store::postgres_pool_options().max_connections(connections);
            let pool = pool.connect(url).await.expect("Postgres answers");
            Store::from_postgres(pool).await
        });
        for store in [of_a_host, own(url, connections)] {
            let store = store.expect("the schema is there");
            let app = apps[0].beside_on(store, App::config(), |builder| builder);
            let background = block_on(async { app.auth.start() });
            // A busy machine may keep one waiting for too long; a deadlock does so every time.
            let answered = (0..4).any(|_| {
                let replies = [request_by_password, request_by_token].map(|kind| storm(&app, kind));
                replies.iter().all(|served| *served)
            });
            assert!(answered, "{connections} connections do not do");
            // Its courier would take some of the mails that are looked for below.
            block_on(background.stop());
            let person = app.user();
            app.enable_two_factor(&app.sign_in(&person));
            app.mails();
            let reset = json!({ "token": reset_token(&app, &person), "password": OTHER_PASSWORD });
            assert_eq!(app.post("/reset-password", reset).status, 200);
            app.mails();
            let (moves, new) = (app.user(), app.stranger());
            let change = json!({ "new_email": new.email });
            app.post_as(&app.sign_in(&moves).access, "/change-email", change);
            let change = json!({ "token": app.mailed_token(&new.email) });
            assert_eq!(app.post("/confirm-email-change", change).status, 200);
            app.mails();
        }
    }
}

/// Nobody waits for a job, which may take its time; of two connections it has one.
pub(super) fn a_job_that_reads_keeps_nobody_from_writing(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        // Who reads has connections of their own.
        return;
    }
    let store = own(apps[0].service_url(), 2).expect("the schema is there");
    let app = apps[0].beside_on(store, App::config(), |builder| builder);
    let person = app.user();
    let mut holder = block_on(PgConnection::connect(app.database_url())).expect("it answers");
    // A busy machine may be slower than a job is patient.
    let kept_on = (0..4).any(|_| {
        let hold = "BEGIN; LOCK TABLE auth_messages IN ACCESS EXCLUSIVE MODE";
        block_on(sqlx::raw_sql(hold).execute(&mut holder)).expect("nobody else has it");
        thread::scope(|scope| {
            let job = scope.spawn(|| block_on(app.auth.messages(&MessageQuery::new())));
            let waits = "SELECT 1::text FROM pg_locks
                         WHERE NOT granted AND relation = 'auth_messages'::regclass";
            while app.texts(waits).is_empty() && !job.is_finished() {
                thread::yield_now();
            }
            app.sign_in(&person);
            let kept_on = !job.is_finished();
            block_on(sqlx::raw_sql("ROLLBACK").execute(&mut holder)).expect("it answers");
            // Whether it was in time or not.
            let _ = job.join().expect("it does not panic");
            kept_on
        })
    });
    assert!(kept_on, "it waited for the job");
    block_on(holder.close()).expect("it answers");
}

/// Two that want what the other has would wait for each other.
pub(super) fn whoever_waits_for_a_user_holds_nothing_else_of_theirs(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        // It has one writer.
        return;
    }
    let [unproven, forgetful, moving, claimant] = [(); 4].map(|()| app.stranger());
    let second = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&second));
    let named = |person: &Person| {
        let Person { email, password } = person;
        json!({ "email": email, "password": password, "username": "plum" })
    };
    app.post("/sign-up", named(&claimant));
    app.sign_up(&unproven);
    let activation = app.mailed_token(&unproven.email);
    app.sign_up(&forgetful);
    app.mails();
    let reset = reset_token(app, &forgetful);
    let tokens = app.sign_in(&app.user());
    app.post_as(&tokens.access, "/change-email", json!({ "new_email": moving.email }));
    let change = app.mailed_token(&moving.email);
    app.clock.advance(Duration::from_secs(30));
    let first = json!({ "email": second.email, "password": second.password });
    let challenge = app.post("/sign-in", first).json()["mfa_token"].clone();
    let code = app.code(&authenticator);
    let reset = json!({ "token": reset, "password": OTHER_PASSWORD });

    let mut holder = block_on(PgConnection::connect(app.database_url())).expect("it answers");
    for (path, body, status) in [
        ("/sign-up", named(&claimant), 202),
        ("/activate-account", json!({ "token": activation }), 200),
        ("/reset-password", reset, 200),
        ("/confirm-email-change", json!({ "token": change }), 200),
        ("/sign-in-mfa", json!({ "mfa_token": challenge, "code": code }), 200),
    ] {
        let hold = "BEGIN; SELECT 1 FROM auth_users FOR UPDATE";
        block_on(sqlx::raw_sql(hold).execute(&mut holder)).expect("it answers");
        thread::scope(|scope| {
            let asked = scope.spawn(|| app.post(path, body));
            let waits = "SELECT 1::text FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while app.texts(waits).is_empty() && !asked.is_finished() {
                thread::yield_now();
            }
            for table in ["auth_one_time_tokens", "auth_challenges", "auth_username_holds"] {
                let free = format!("(SELECT 1 FROM {table} FOR UPDATE SKIP LOCKED) AS free");
                assert_eq!(rows(app, &free), rows(app, table), "{path} holds {table}");
            }
            block_on(sqlx::raw_sql("ROLLBACK").execute(&mut holder)).expect("it answers");
            let reply = asked.join().expect("it is answered");
            assert_eq!(reply.status, status, "{path}: {}", reply.text());
        });
    }
    block_on(holder.close()).expect("it answers");
}

pub(super) fn without_the_database_nobody_is_healthy(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        // A file is there.
        return;
    }
    let mut owner = block_on(PgConnection::connect(app.database_url())).expect("it answers");
    let mut admit = |connections: i32| {
        let sql = format!(
            "DO $$ BEGIN
                 EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT {connections}', current_database());
             END $$;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        );
        block_on(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner)).expect("it answers");
    };
    let health = || app.get("/health", None);
    assert_eq!(health().status, 200);
    admit(0);
    assert_problem(&health(), 503, "unavailable");
    assert_eq!(app.get("/health/live", None).status, 200);
    admit(-1);
    // What is broken is noticed once.
    let begun = Instant::now();
    while health().status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it stays away");
    }
    block_on(owner.close()).expect("it answers");
}

fn own(url: &str, connections: u32) -> Result<Store, StoreError> {
    let connections = NonZeroU32::new(connections).expect("there is one");
    block_on(Store::postgres_with_connections(url, connections))
}

/// A sign of life would be every other question, and the pool asks for it when it has the connection
/// again.
pub(super) fn the_next_request_has_what_the_last_one_had(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        // Nobody is asked over a line.
        return;
    }
    let tap = Wiretap::on(apps[0].service_url());
    let url = tap.reach(apps[0].service_url()).to_url_lossy();
    let store = block_on(Store::postgres(url.as_str())).expect("the line is up");
    let app = apps[0].beside_on(store, App::config(), |builder| builder);
    let tokens = app.sign_in(&app.user());
    let request = Request::get("/private").of_host().bearer(&tokens.access);
    let ask = || assert_eq!(app.send(&request).status, 200);
    ask();
    tap.take();
    (0..5).for_each(|_| ask());
    let trips = tap.take();
    let statements = trips.iter().filter(|trip| matches!(trip, Trip::Execute(_))).count();
    // A machine that is busy for a second in between has it given back.
    assert!(statements == 5 && trips.len() < 10, "{trips:#?}");

    let begun = Instant::now();
    while !tap.take().contains(&Trip::Sync) {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody gives it back");
        thread::yield_now();
    }
}

/// Whoever locks two rows in another order than others waits for them while they wait.
pub(super) fn attempts_are_counted_and_forgotten_in_one_order(apps: &[App]) {
    let app = &apps[0];
    if app.kind == StoreKind::Sqlite {
        // It has one writer.
        return;
    }
    // Few rows are found by looking at all of them, which says nothing of many.
    app.execute(
        "INSERT INTO auth_limits
         SELECT 'another:' || i, 1, 1, 0, 0, 0, 0 FROM generate_series(1, 20000) i",
    );
    app.execute("ANALYZE auth_limits");
    app.execute("CREATE TABLE app_locked (at BIGINT GENERATED ALWAYS AS IDENTITY, subject TEXT)");
    app.execute(
        "CREATE FUNCTION app_note() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             INSERT INTO public.app_locked (subject) VALUES (OLD.subject);
             RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
         END $$",
    );
    app.execute(
        "CREATE TRIGGER app_note BEFORE UPDATE OR DELETE ON auth_limits
         FOR EACH ROW EXECUTE FUNCTION app_note()",
    );

    let person = app.user();
    let tokens = app.sign_in(&person);
    app.enable_two_factor(&tokens);
    let body = json!({ "email": person.email, "password": person.password });
    for _ in 0..2 {
        assert_eq!(app.post("/sign-in", body.clone()).status, 200);
    }
    let sql = "SELECT split_part(subject, ':', 1) FROM app_locked
               WHERE subject LIKE 'wrong_passwords%' ORDER BY at";
    let locked: Vec<_> = app.texts(sql).into_iter().flatten().collect();
    assert!(locked.len() >= 8, "{locked:?}");
    for pair in locked.chunks(2) {
        assert_eq!(pair, ["wrong_passwords_from", "wrong_passwords"], "{locked:?}");
    }
}

/// A crash of the server may forget attempts of its last moments, and nothing else that was acknowledged.
pub(super) fn nothing_but_what_is_counted_is_acknowledged_before_it_is_on_disk(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        // Each of its commits is on disk.
        return;
    }
    let store = block_on(async {
        let options: PgConnectOptions = apps[0].service_url().parse().expect("it is a URL");
        // As it is where nobody says otherwise, which those do who test.
        let options = options.options([("synchronous_commit", "on")]);
        let pool = Store::postgres_pool_options().connect_with(options).await;
        Store::from_postgres(pool.expect("Postgres answers")).await.expect("the schema is there")
    });
    let app = &apps[0].beside_on(store, App::config(), |builder| builder);
    app.execute("CREATE TABLE app_committed (what TEXT, early BOOLEAN)");
    app.execute(
        "CREATE FUNCTION app_note() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             INSERT INTO public.app_committed
             VALUES (TG_TABLE_NAME, current_setting('synchronous_commit') = 'off');
             RETURN NULL;
         END $$",
    );
    for table in ["auth_events", "auth_limits", "auth_sessions", "auth_users"] {
        app.execute(&format!(
            "CREATE TRIGGER app_note AFTER INSERT OR UPDATE ON {table}
             FOR EACH ROW EXECUTE FUNCTION app_note()",
        ));
    }

    let person = app.user();
    let wrong = json!({ "email": person.email, "password": "none of theirs" });
    assert_eq!(app.post("/sign-in", wrong).status, 401);
    app.sign_in(&person);
    let sql = "SELECT DISTINCT what || CASE WHEN early THEN ' early' ELSE '' END FROM app_committed
               ORDER BY 1";
    let committed: Vec<_> = app.texts(sql).into_iter().flatten().collect();
    let expected =
        ["auth_events", "auth_limits", "auth_limits early", "auth_sessions", "auth_users"];
    assert_eq!(committed, expected);
}

/// Whether 32 requests at once are all answered with anything but that the service is overtaxed.
fn storm(app: &App, kind: fn(usize, &Tokens, &str) -> Request) -> bool {
    let people = [(); 4].map(|()| app.user());
    let sessions = people.each_ref().map(|person| app.sign_in(person));
    let replies =
        app.race(32, |number| kind(number / 4, &sessions[number % 4], &people[number % 4].email));
    app.mails();
    !tally(&replies).contains_key("503 unavailable")
}

/// Of which no more than the queue for hashing takes do hash.
fn request_by_password(number: usize, tokens: &Tokens, email: &str) -> Request {
    let right = "seven plum tractors hum";
    match number {
        0 => Request::post("/sign-in", &json!({ "email": email, "password": right })),
        1 => Request::post("/sign-up", &json!({ "email": email, "password": right })),
        2 => Request::post("/enable-2fa", &json!({})).bearer(&tokens.access),
        3 => Request::post("/change-email", &json!({ "new_email": format!("new.{email}") }))
            .bearer(&tokens.access),
        4 => Request::post("/access", &json!({ "refresh_token": tokens.refresh })),
        5 => Request::get("/private").of_host().bearer(&tokens.access),
        6 => Request::post("/sessions/revoke", &json!({ "others": true })).bearer(&tokens.access),
        _ => Request::get("/health"),
    }
}

fn request_by_token(number: usize, tokens: &Tokens, email: &str) -> Request {
    let token = json!({ "token": "A".repeat(43) });
    match number {
        0 => Request::post("/request-password-reset", &json!({ "email": email })),
        1 => Request::post("/send-activation-email", &json!({ "email": email })),
        2 => Request::post("/activate-account", &token),
        3 => Request::post("/confirm-email-change", &token),
        4 => Request::post("/sign-in-mfa", &json!({ "mfa_token": "A", "code": "123456" })),
        5 => Request::get("/identity").of_host().bearer(&tokens.access),
        6 => Request::get("/sessions").bearer(&tokens.access),
        _ => Request::post("/sign-out", &json!({ "refresh_token": tokens.refresh })),
    }
}
