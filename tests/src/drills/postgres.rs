//! A Postgres of the drill's own, and what can be done to it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, FromRow};
use tokio::time::{sleep, timeout};

use super::environment::{Tools, give_to_servers};
use super::process::{PATIENCE, Paused, Process, free_port, until};
use crate::adapters::block_on;

/// A cluster in a temporary folder, with one database, `app`, whose owner is what servers connect as.
pub(crate) struct Postgres {
    process: Process,
    tools: Tools,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(tools: &Tools, folder: &Path) -> Self {
        let folder = folder.join("postgres");
        fs::create_dir(&folder).expect("there is room for a folder");
        fs::write(folder.join("password"), PASSWORD).expect("there is room for a file");
        give_to_servers(tools, &[&folder, &folder.join("password")]);
        let mut initdb = command(tools, "initdb", &folder);
        initdb.args(["-U", "postgres", "-A", "password", "-E", "UTF8", "--locale=C", "--no-sync"]);
        initdb.arg("--pwfile").arg(folder.join("password"));
        let made = initdb.output().expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let file = folder.join("data/postgresql.conf");
        let mut settings = fs::read_to_string(&file).expect("initdb wrote it");
        settings.push_str(SETTINGS);
        fs::write(&file, settings).expect("it can be written");
        let process = run(tools, &folder, port);
        let postgres = Self { process, tools: tools.clone(), folder, port };
        postgres.wait_until_ready("postgres");
        postgres.administer("CREATE ROLE app LOGIN PASSWORD 'app'");
        postgres.administer("CREATE DATABASE app OWNER app");
        postgres
    }

    /// Where servers find it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://app:app@127.0.0.1:{}/app", self.port)
    }

    fn admin_url(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs one statement as the superuser, for whom a few connections are reserved.
    pub(crate) fn administer(&self, sql: &str) {
        self.done(sql, block_on(execute(&self.admin_url("postgres"), sql)));
    }

    /// Runs one statement in the database of the servers.
    pub(crate) fn execute(&self, sql: &str) -> u64 {
        self.done(sql, block_on(execute(&self.admin_url("app"), sql)))
    }

    /// Returns the rows of one query in the database of the servers.
    pub(crate) fn rows<T>(&self, sql: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.done(sql, block_on(rows(&self.admin_url("app"), sql)))
    }

    fn done<T>(&self, sql: &str, done: sqlx::Result<T>) -> T {
        done.unwrap_or_else(|error| panic!("{sql}: {error}; {}", self.process.last_words()))
    }

    /// Ends it as a crash does (`SIGQUIT`): nothing is finished, and the log is what recovers it.
    pub(crate) fn stop(&mut self) {
        self.process.signal("QUIT");
        self.process.wait(PATIENCE);
    }

    /// Starts it after [`stop`](Self::stop), on the same port.
    pub(crate) fn restart(&mut self) {
        self.process = run(&self.tools, &self.folder, self.port);
        self.wait_until_ready("app");
    }

    /// Stops all of its processes where they are: connections stay open, and nobody answers.
    pub(crate) fn pause(&self) -> [Paused; 2] {
        // First the one that starts the others, or there would be new ones.
        let (postmaster, backends) = block_on(pause(&self.admin_url("app"), self.process.id()))
            .expect("Postgres lists its processes");
        let ids: Vec<u32> = backends.into_iter().filter_map(|id| id.try_into().ok()).collect();
        [Paused::new(&ids), postmaster]
    }

    /// Has somebody else hold every connection that servers can have, and take away theirs, for that
    /// long.
    pub(crate) fn starve(&self, time: Duration) {
        let url = format!("{}?application_name=hog", self.url());
        block_on(starve(&self.admin_url("postgres"), &url, time)).expect("the superuser is let in");
    }

    fn wait_until_ready(&self, database: &str) {
        let url = self.admin_url(database);
        until(PATIENCE, "Postgres starts", || {
            let asking = async { timeout(Duration::from_secs(1), execute(&url, "SELECT 1")).await };
            matches!(block_on(asking), Ok(Ok(_)))
        });
    }
}

async fn execute(url: &str, sql: &str) -> sqlx::Result<u64> {
    let mut connection = PgConnection::connect(url).await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(done.rows_affected())
}

async fn rows<T>(url: &str, sql: &str) -> sqlx::Result<Vec<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let mut connection = PgConnection::connect(url).await?;
    let rows = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(rows)
}

async fn starve(admin_url: &str, url: &str, time: Duration) -> sqlx::Result<()> {
    let start = Instant::now();
    // From before: those who try without end are in the way even where places are reserved.
    let mut admin = PgConnection::connect(admin_url).await?;
    let mut taken = Vec::new();
    while start.elapsed() < time {
        let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE usename = 'app' AND application_name <> 'hog'";
        sqlx::raw_sql(terminate).execute(&mut admin).await?;
        while let Ok(connection) = PgConnection::connect(url).await {
            taken.push(connection);
        }
        sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

async fn pause(url: &str, postmaster: u32) -> sqlx::Result<(Paused, Vec<i32>)> {
    let mut connection = PgConnection::connect(url).await?;
    let postmaster = Paused::new(&[postmaster]);
    let query = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    Ok((postmaster, sqlx::query_scalar(query).fetch_all(&mut connection).await?))
}

fn command(tools: &Tools, name: &str, folder: &Path) -> Command {
    let mut command = Command::new(tools.postgres.join(name));
    command.current_dir(folder).arg("-D").arg(folder.join("data"));
    if let Some((user, group)) = tools.server_user {
        command.uid(user).gid(group);
    }
    command
}

fn run(tools: &Tools, folder: &Path, port: u16) -> Process {
    let mut postgres = command(tools, "postgres", folder);
    Process::start(postgres.arg("-p").arg(port.to_string()), &folder.join("log"))
}

const PASSWORD: &str = "superuser";

/// A commit has to survive the end of every process, and nothing has to survive a power cut.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
synchronous_commit = on
max_connections = 60
shared_buffers = 32MB
autovacuum = off
";
