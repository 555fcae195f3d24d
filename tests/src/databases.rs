//! A database for each trial: a clone of a migrated Postgres template, or an SQLite file.

use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use auth_core::Store;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::adapters::block_on;
use crate::wiretap::Wiretap;

/// One database engine.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "a new engine has to be set up everywhere")]
pub enum StoreKind {
    /// The server of `DATABASE_URL`.
    Postgres,
    /// A file.
    Sqlite,
}

impl StoreKind {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

    /// Returns its name in the names of trials.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// A trial's own database, gone when dropped.
pub(crate) enum Database {
    Postgres {
        url: String,
        name: String,
        /// As the role that a service has.
        service: Option<String>,
    },
    Sqlite {
        url: String,
        _folder: TempDir,
    },
}

impl Database {
    pub(crate) async fn fresh(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Postgres => {
                let template = TEMPLATE.get_or_init(make_template).await;
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let name = format!("{}_{number}", template.name);
                administer(&format!(
                    "CREATE DATABASE {name} TEMPLATE {}{}",
                    template.name, template.strategy
                ))
                .await;
                let service = Some(service_url(&name, &template.service));
                Self::Postgres { url: url_of(&name), name, service }
            }
            StoreKind::Sqlite => {
                let folder = tempfile::tempdir().expect("there is room for a folder");
                let url = format!("sqlite://{}", folder.path().join("auth.db").display());
                Self::Sqlite { url, _folder: folder }
            }
        }
    }

    /// Opens the store as a host would: on Postgres, where the schema is there already, as a role
    /// that may do what the manual says and nothing else.
    pub(crate) async fn store(&self) -> Store {
        match self {
            Self::Postgres { .. } => Store::postgres(self.service_url()).await,
            Self::Sqlite { url, .. } => Store::sqlite(url).await,
        }
        .expect("the trial's database opens")
    }

    /// Where the service finds it.
    pub(crate) fn service_url(&self) -> &str {
        match self {
            Self::Postgres { url, service, .. } => service.as_ref().unwrap_or(url),
            Self::Sqlite { url, .. } => url,
        }
    }

    /// Has the service find it over a line on which it is heard.
    pub(crate) fn lead_over(&mut self, tap: &Wiretap) {
        if let Self::Postgres { service: Some(service), .. } = self {
            *service = tap.reach(service).to_url_lossy().to_string();
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Postgres { url, .. } | Self::Sqlite { url, .. } => url,
        }
    }

    /// Runs one statement and returns how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn try_execute(&self, sql: &str) -> sqlx::Result<u64> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Postgres { url, .. } => {
                let mut connection = postgres(url).await;
                query.execute(&mut connection).await.map(|done| done.rows_affected())
            }
            Self::Sqlite { url, .. } => {
                let mut connection = sqlite(url).await;
                query.execute(&mut connection).await.map(|done| done.rows_affected())
            }
        }
    }

    /// Returns the first column, which has to be a text, of every row.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<Option<String>> {
        let query = AssertSqlSafe(sql);
        match self {
            Self::Postgres { url, .. } => {
                sqlx::query_scalar(query).fetch_all(&mut postgres(url).await).await
            }
            Self::Sqlite { url, .. } => {
                sqlx::query_scalar(query).fetch_all(&mut sqlite(url).await).await
            }
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Postgres { name, .. } = self {
            block_on(administer(&format!("DROP DATABASE {name} WITH (FORCE)")));
        }
    }
}

/// Removes the template that the trials' databases were cloned from.
pub fn drop_template() {
    if let Some(template) = TEMPLATE.get() {
        block_on(administer(&format!("DROP DATABASE {} WITH (FORCE)", template.name)));
        block_on(administer(&format!("DROP ROLE {}", template.service)));
    }
}

struct Template {
    name: String,
    /// The role of the service, which owns nothing.
    service: String,
    /// Copying files is twice as fast as writing them through the log; Postgres 15 and later.
    strategy: &'static str,
}

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

async fn make_template() -> Template {
    let mut admin = postgres(&admin_url()).await;
    let query = "SELECT current_setting('server_version_num')::int, pg_backend_pid()";
    let (version, unique): (i32, i32) =
        sqlx::query_as(query).fetch_one(&mut admin).await.expect("Postgres tells its version");

    let name = format!("auth_test_{}_{unique}", std::process::id());
    administer(&format!("CREATE DATABASE {name}")).await;
    let store = Store::postgres(&url_of(&name)).await.expect("the migrations run");
    drop(store);
    let service = format!("{name}_service");
    administer(&format!("CREATE ROLE {service} LOGIN PASSWORD '{PASSWORD}'")).await;
    let grants = grants().replace("app_auth", &service).replace("SCHEMA auth", "SCHEMA public");
    let mut owner = postgres(&url_of(&name)).await;
    let granted = sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut owner).await;
    granted.expect("the manual's grants are those of this schema");
    drop(owner);
    // A template may have no sessions, and a pool takes its time to close.
    administer(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
    administer(&format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"
    ))
    .await;
    let strategy = if version >= 150_000 { " STRATEGY file_copy" } else { "" };
    Template { name, service, strategy }
}

async fn administer(sql: &str) {
    let mut connection = postgres(&admin_url()).await;
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn admin_url() -> String {
    env::var("DATABASE_URL").expect("DATABASE_URL is set: run the tests with tests/run")
}

fn url_of(database: &str) -> String {
    let options = PgConnectOptions::from_str(&admin_url()).expect("DATABASE_URL is a URL");
    options.database(database).to_url_lossy().to_string()
}

fn service_url(database: &str, role: &str) -> String {
    let options = PgConnectOptions::from_str(&admin_url()).expect("DATABASE_URL is a URL");
    let options = options.database(database).username(role).password(PASSWORD);
    options.to_url_lossy().to_string()
}

/// What the manual lets the role of a service do.
fn grants() -> String {
    let (_, grants) = MANUAL.split_once("<!-- grants -->").expect("the manual has grants");
    let (_, grants) = grants.split_once("```sql").expect("they are SQL");
    let (grants, _) = grants.split_once("```").expect("they end");
    grants.to_owned()
}

async fn postgres(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the Postgres of DATABASE_URL answers")
}

async fn sqlite(url: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::from_str(url).expect("it is a URL");
    options.connect().await.expect("the trial's file is there")
}

const MANUAL: &str = include_str!("../../auth-core/src/manual/operations.md");
/// Of the role of the service; to be found nowhere else.
pub(crate) const PASSWORD: &str = "service-of-trials-3f7a";
