//! How Postgres and SQLite find what the store asks for, when there is much of everything.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use auth_core::{MessageQuery, MessageState, Store};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use super::counting::rows;
use super::{
    events, import, limits, operators, operators_reading, outbox, recording, revocation_feed,
    secrets_at_rest, session_limits, sign_in, signing_keys, takeovers,
};
use crate::adapters::block_on;
use crate::namespace::Namespace;
use crate::wiretap::Trip;
use crate::{Adapter, App, Request, StoreKind};

pub(super) fn each_statement_finds_what_it_asks_for_by_an_index(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        return;
    }
    let heard = everything(apps[0].adapter);
    let unheard = |piece: &String| !heard.iter().any(|(sql, _)| sql.contains(&**piece));
    let unheard: Vec<_> = pieces().into_iter().filter(unheard).collect();
    assert!(unheard.is_empty(), "no case asks {unheard:#?}");
    let anew = ANEW.iter().map(|(part, _)| part);
    for part in anew.chain(WHOLE.iter().map(|(part, _)| part)) {
        let has = |(sql, _): &&Heard| sql.contains(*part);
        assert_eq!(heard.iter().filter(has).count(), 1, "{part}");
    }
    fill(&apps[0]);
    block_on(async {
        let mut planner = Planner::on(&apps[0], heard.clone()).await;
        let faults = planner.faults().await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        for index in planner.indexes().await {
            planner.run(&format!("BEGIN; DROP INDEX {index}")).await;
            assert!(!planner.faults().await.is_empty(), "nothing is found by {index}");
            planner.run("ROLLBACK").await;
        }
    });
    let sqlite = App::start(apps[0].adapter, StoreKind::Sqlite);
    let faults = block_on(faults_on_sqlite(&sqlite, &heard));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A connection plans a statement once, maybe while there is nothing yet to be found.
pub(super) fn what_is_planned_for_little_is_good_for_much(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        // It plans without a look at what there is.
        return;
    }
    let store = block_on(Store::postgres(apps[0].service_url())).expect("Postgres answers");
    let app = apps[0].beside_on(store, App::config(), |builder| builder);
    let person = app.user();
    for _ in 0..PLANNED_ONCE {
        let wrong = json!({ "email": person.email, "password": "none of theirs" });
        app.post("/sign-in", wrong);
        let tokens = app.sign_in(&person);
        let user = Request::get("/private").of_host().bearer(&tokens.access);
        assert_eq!(app.send(&user).status, 200);
        app.post("/access", json!({ "refresh_token": tokens.refresh }));
        app.post("/sign-out", json!({ "refresh_token": tokens.refresh }));
    }
    // Connections tell what they did once in a while.
    let read = |how: &str, table: &str| {
        let sql = format!("SELECT {how}::text FROM pg_stat_user_tables WHERE relname = '{table}'");
        let count = app.texts(&sql).into_iter().flatten().next();
        count.and_then(|count| count.parse::<usize>().ok()).unwrap_or_default()
    };
    for table in ["auth_limits", "auth_sessions", "auth_users"] {
        let begun = Instant::now();
        while read("idx_scan", table) + read("seq_scan", table) < PLANNED_ONCE {
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody looks at {table}");
            thread::yield_now();
        }
        assert_eq!(read("seq_scan", table), 0, "{table}");
    }
}

/// A statement, and the types of its parameters.
type Heard = (String, Vec<u32>);

/// The statements of jobs, which are planned for what is asked of them: here, in turn, for these
/// arguments.
const ANEW: &[(&str, &[&str])] = &[
    (
        "SELECT id, kind, actor, user_id, session_id, ip, user_agent, detail, occurred_at",
        &[
            "('00000000-0000-7000-8000-000000000000', NULL, NULL, NULL, 100)",
            "(NULL, 'user_created', NULL, NULL, 100)",
            "(NULL, 'authn_login_success', NULL, '01800000-0000-7000-8000-000000000000', 100)",
        ],
    ),
    (
        "FROM auth_users u WHERE ($1 IS NULL OR u.id > $1)",
        &[
            "('01800000-0000-7000-8000-000000000000', NULL, NULL, NULL, NULL, 100)",
            "(NULL, 'ada', 'adaz', NULL, NULL, 100)",
            "(NULL, NULL, NULL, 'editor', NULL, 100)",
            "(NULL, NULL, NULL, NULL, 'disabled', 100)",
        ],
    ),
    (
        "FROM auth_messages WHERE sent_at IS NOT NULL AND ($1",
        &["('018b3000-0000-0000-8000-000000000000', 100)"],
    ),
    (
        "SELECT created_at, id FROM auth_users u",
        &["(to_timestamp(1697400000), '018b3000-0000-0000-8000-000000000000', \
            to_timestamp(1700000000), 'epoch', '00000000-0000-0000-0000-000000000000', 1000)"],
    ),
    (
        "SELECT EXISTS (SELECT 1 FROM auth_sessions WHERE expires_at <= $1)",
        &["(to_timestamp(1699913600))"],
    ),
];

/// What reads everything, and why that is no fault.
const WHOLE: &[(&str, &str)] = &[(
    "SELECT id, kind, recipient, username, language, created_at, sent_at, failed_at",
    "An export is rare, and mails are kept for thirty days: an index would cost each of them.",
)];

/// What is never many.
const FEW: &[&str] = &[
    "auth_messages_due",
    "auth_messages_failed",
    "auth_signing_keys",
    "auth_users_disabled",
    "auth_users_roles",
];

/// Puts much of everything in the tables.
fn fill(app: &App) {
    let values =
        [(":users", MANY), (":sessions", MANY), (":now", "1700000000"), (":password_hash", "''")];
    let sql = include_str!("../../scale/fill.sql").to_owned();
    let sql = values.iter().fold(sql, |sql, (name, value)| sql.replace(name, value));
    app.execute(&sql);
}

/// A session of the owner of the database, in which every statement is prepared.
struct Planner {
    database: PgConnection,
    heard: Vec<Heard>,
}

impl Planner {
    async fn on(app: &App, heard: BTreeSet<Heard>) -> Self {
        let database = PgConnection::connect(app.database_url()).await.expect("it is there");
        let mut planner = Self { database, heard: heard.into_iter().collect() };
        for (number, (sql, types)) in planner.heard.clone().into_iter().enumerate() {
            let mut names = Vec::new();
            for oid in types {
                names.extend(planner.texts(&format!("SELECT {oid}::regtype::text")).await);
            }
            let names = in_brackets(&names);
            planner.run(&format!("PREPARE heard_{number} {names} AS {sql}")).await;
        }
        planner
    }

    /// What is read whole, and by which statement.
    async fn faults(&mut self) -> Vec<String> {
        let mut faults = BTreeSet::new();
        for (number, (sql, types)) in self.heard.clone().into_iter().enumerate() {
            if WHOLE.iter().any(|(part, _)| sql.contains(part)) {
                continue;
            }
            let anew = ANEW.iter().find(|(part, _)| sql.contains(part));
            let (mode, arguments) = match anew {
                Some((_, arguments)) => ("force_custom_plan", arguments.to_vec()),
                None => ("force_generic_plan", Vec::new()),
            };
            let any = in_brackets(&vec!["NULL"; types.len()]);
            let arguments = if arguments.is_empty() { vec![&*any] } else { arguments };
            self.run(&format!("SET plan_cache_mode = {mode}")).await;
            for arguments in arguments {
                let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE heard_{number} {arguments}");
                let plan: Value = self.texts(&explain).await[0].parse().expect("it is JSON");
                look(&plan[0]["Plan"], &mut |fault| {
                    faults.insert(format!("{fault}: {sql} {arguments}"));
                });
            }
        }
        faults.into_iter().collect()
    }

    /// Those that nothing is kept unique by.
    async fn indexes(&mut self) -> Vec<String> {
        let sql = "SELECT indexrelid::regclass::text FROM pg_index
                   WHERE NOT indisunique AND indrelid::regclass::text LIKE 'auth\\_%'";
        self.texts(sql).await
    }

    async fn run(&mut self, sql: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.database).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn texts(&mut self, sql: &str) -> Vec<String> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.database).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.get_unchecked(0)).collect()
    }
}

/// Finds where a plan reads a whole table, or a whole index.
fn look(node: &Value, found: &mut dyn FnMut(String)) {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    let of = [text("Relation Name"), text("Index Name")];
    let whole = match text("Node Type") {
        "Seq Scan" => true,
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => node["Index Cond"].is_null(),
        _ => false,
    };
    let ours = of.iter().any(|name| name.starts_with("auth_"));
    if whole && ours && !of.iter().any(|name| FEW.contains(name)) {
        found(format!("{} on {}", text("Node Type"), of.join(" ").trim()));
    }
    for plan in node["Plans"].as_array().into_iter().flatten() {
        look(plan, found);
    }
}

/// The same of SQLite, which plans without a look at what there is.
async fn faults_on_sqlite(app: &App, heard: &BTreeSet<Heard>) -> Vec<String> {
    let mut database = SqliteConnection::connect(app.database_url()).await.expect("it is there");
    let mut faults = Vec::new();
    let skipped = ANEW.iter().map(|(part, _)| part).chain(WHOLE.iter().map(|(part, _)| part));
    let skipped: Vec<_> = skipped.chain(OF_POSTGRES).collect();
    for (sql, _) in heard {
        if skipped.iter().any(|part| sql.contains(**part)) {
            continue;
        }
        let mut sql = OWN_WORDS.iter().fold(sql.clone(), |sql, words| sql.replace(words, ""));
        if sql.contains(ARRAY) {
            sql = sql.replace(ARRAY, "IN (");
            sql.pop();
        }
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = sqlx::raw_sql(explain).fetch_all(&mut database).await;
        for step in steps.unwrap_or_else(|error| panic!("{sql}: {error}")) {
            let step: String = step.get_unchecked("detail");
            let known = FEW.iter().chain(&NO_TABLE).any(|name| step.contains(name));
            let unhurried = UNHURRIED.iter().any(|part| sql.contains(part));
            if step.starts_with("SCAN ") && !known && !unhurried {
                faults.push(format!("{step}: {sql}"));
            }
        }
    }
    faults
}

fn in_brackets(items: &[impl AsRef<str>]) -> String {
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) }
}

/// Every statement, with the types of its parameters.
fn everything(adapter: Adapter) -> BTreeSet<Heard> {
    let cases: &[fn(&[App])] = &[
        |apps| recording::every_answer_is_described(&apps[0]),
        |apps| takeovers::a_flood_of_requests_keeps_no_password_of_the_flooder(&apps[0]),
        |apps| sign_in::a_hash_of_another_cost_is_replaced(&apps[0]),
        |apps| drop(block_on(apps[0].auth.doctor())),
        events::a_session_that_goes_on_in_another_program_is_written_down_once,
        events::events_are_found_by_user_kind_and_time,
        import::they_sign_in_as_they_did_there,
        limits::guesses_from_everywhere_slow_down_strangers_alone,
        limits::a_limit_that_is_reached_is_recorded_once,
        operators::disabling_ends_everything_and_enabling_revives_nothing,
        operators::roles_and_metadata_are_set_whole,
        operators::sessions_end_at_a_word,
        operators_reading::users_are_found_by_what_they_begin_with_their_role_and_their_state,
        operators_reading::an_export_has_all_that_is_kept_and_no_secret,
        outbox::a_mail_that_fails_is_tried_eight_times_ever_more_rarely,
        outbox::dead_letters_are_tried_again_unless_their_link_is_lost,
        revocation_feed::postgres_tells_an_instance_at_once,
        secrets_at_rest::what_an_old_secret_sealed_is_sealed_anew,
        session_limits::one_more_than_enough_ends_the_oldest,
        signing_keys::revoking_them_voids_every_access_token,
        clean_up,
        look_at_mails,
        relay,
    ];
    let mut heard = BTreeSet::new();
    for case in cases {
        let (app, tap) = App::start_tapped(adapter);
        let app = [app];
        case(&app);
        drop(app);
        for trip in tap.take() {
            if let Trip::Prepare(sql, types) = trip {
                heard.insert((in_one_line(&sql), types));
            }
        }
    }
    heard
}

/// Over Redis, which a busy machine may keep waiting.
fn relay(apps: &[App]) {
    let namespace = Namespace::fresh();
    let relaying = apps[0].beside(App::config(), |builder| builder.redis(namespace.redis()));
    let relayed = || rows(&relaying, "auth_messages WHERE relayed_at IS NOT NULL");
    let begun = Instant::now();
    while relayed() == 0 && begun.elapsed() < Duration::from_secs(10) {
        relaying.sign_up(&relaying.stranger());
        relaying.mails();
    }
}

fn look_at_mails(apps: &[App]) {
    for state in [MessageState::Sent, MessageState::Waiting] {
        let query = MessageQuery::new().state(state);
        block_on(apps[0].auth.messages(&query)).expect("the database answers");
    }
}

/// Of one who never proved an address.
fn clean_up(apps: &[App]) {
    let app = &apps[0];
    app.sign_up(&app.stranger());
    app.clock.advance(Duration::from_secs(31 * 86_400));
    let purged = block_on(app.auth.purge()).expect("the service may delete");
    assert_eq!(purged.users, 1);
}

/// The literals of the store's source that begin a statement.
fn pieces() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../auth-core/src/store");
    let mut pieces = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the store has its source") {
        let path = entry.expect("it can be listed").path();
        if ["schema.rs", "connect.rs", "patience.rs"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let source = fs::read_to_string(&path).expect("it is text");
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: Vec<_> = code.collect();
        // No literal of the store has a quotation mark in it.
        for literal in code.join("\n").split('"').skip(1).step_by(2) {
            let literal = in_one_line(literal);
            let verb = literal.split(' ').next().unwrap_or_default();
            if ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&verb) {
                pieces.insert(literal);
            }
        }
    }
    pieces
}

fn in_one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// From the sixth time on, Postgres may use one plan for all that it is asked.
const PLANNED_ONCE: usize = 8;
/// How many users and sessions there are.
const MANY: &str = "30000";
/// What SQLite does not understand: each engine is told it in its own words, or Postgres alone.
const OF_POSTGRES: &[&str] =
    &["idle_day = $7 FROM auth_users u", "jsonb_array_elements_text", "pg_roles", "to_regclass"];
/// What SQLite reads row by row without looking for it.
const NO_TABLE: [&str; 4] = ["CONSTANT ROW", "-ROW VALUES", "SCAN attempt", "_auth_migrations"];
/// What operators ask for now and then, of the mails of thirty days.
const UNHURRIED: [&str; 2] =
    ["WHERE sent_at IS NULL AND failed_at IS NULL AND ($1 IS NULL", "SET failed_at = NULL"];
const ARRAY: &str = "= ANY (ARRAY(";
/// What only Postgres is told.
const OWN_WORDS: [&str; 6] = [
    " AND set_config('synchronous_commit', 'off', TRUE) = 'off'",
    " FOR UPDATE SKIP LOCKED",
    " FOR UPDATE OF u",
    " FOR UPDATE",
    " FOR NO KEY UPDATE OF u",
    " FOR KEY SHARE OF u",
];
