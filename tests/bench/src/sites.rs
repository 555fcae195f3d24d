//! Servers in processes of their own, with a database each.

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use auth_bench::{Adapter, Backend, FLOOR, Result, SECRET};

use crate::meter::Meter;

/// A database engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    pub(crate) const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Sqlite => "SQLite",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("no database: {name}").into())
    }
}

/// Where something is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) adapter: Adapter,
    pub(crate) engine: Engine,
    pub(crate) backend: Backend,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.adapter.name(), self.engine.name())?;
        if self.backend == Backend::Simd { f.write_str(", simd") } else { Ok(()) }
    }
}

/// Where databases are made, and programs found.
#[derive(Debug)]
pub(crate) struct Ground {
    folder: PathBuf,
    programs: PathBuf,
    /// Of a Postgres that nobody else uses.
    postgres_url: String,
    postmaster: u32,
    pub(crate) redis_url: String,
    numbers: AtomicU32,
}

impl Ground {
    /// Finds what `tests/bench/run` has prepared.
    pub(crate) fn prepared() -> Result<Self> {
        let needed = |name| {
            env::var(name).map_err(|_| format!("{name} is not set: run it with tests/bench/run"))
        };
        let programs = env::current_exe()?.with_file_name("");
        Ok(Self {
            folder: needed("BENCH_FOLDER")?.into(),
            programs,
            postgres_url: needed("BENCH_POSTGRES_URL")?,
            postmaster: needed("BENCH_POSTMASTER")?.parse()?,
            redis_url: needed("BENCH_REDIS_URL")?,
            numbers: AtomicU32::new(0),
        })
    }

    /// Makes an empty database, and returns its URL.
    pub(crate) fn database(&self, engine: Engine) -> Result<String> {
        let name = format!("bench_{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        match engine {
            Engine::Sqlite => {
                let path = self.folder.join(name).with_extension("db");
                Ok(format!("sqlite://{}", path.display()))
            }
            Engine::Postgres => {
                self.execute(&self.postgres_url, &format!("CREATE DATABASE {name}"))?;
                let (server, _) = self.postgres_url.rsplit_once('/').ok_or("a URL has a path")?;
                Ok(format!("{server}/{name}"))
            }
        }
    }

    /// Runs one statement on a Postgres.
    pub(crate) fn execute(&self, url: &str, sql: &str) -> Result<()> {
        self.have_done(&["execute", url, sql]).map(drop)
    }

    /// Fills a database with people who all have the same password.
    pub(crate) fn import(&self, url: &str) -> Result<()> {
        self.have_done(&["import", url]).map(drop)
    }

    /// Measures single calls of the core, and returns a line for each.
    pub(crate) fn micro(&self) -> Result<String> {
        let url = self.database(Engine::Sqlite)?;
        self.import(&url)?;
        self.have_done(&["micro", &url])
    }

    fn have_done(&self, chore: &[&str]) -> Result<String> {
        let done = Command::new(self.program("bench-server")).args(chore).env_clear().output()?;
        if done.status.success() {
            return Ok(String::from_utf8(done.stdout)?);
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned().into())
    }

    /// Where a program is that was built beside this one.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Starts a server on a framework, the service or the least possible one.
    pub(crate) fn start(
        &self,
        what: &str,
        engine: Engine,
        settings: &[(&str, &str)],
    ) -> Result<Server> {
        let mut command = Command::new(self.program("bench-server"));
        command.args(["serve", what]).env_clear().envs(settings.iter().copied());
        if !what.starts_with(FLOOR) {
            command.envs(common_settings());
        }
        let log = self.folder.join(format!("{what}.log"));
        let mut server = Server::run(&mut command, &log, self.meter(0, engine))?;
        let mut line = String::new();
        let output = server.child.stdout.take().ok_or("its output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse();
        server.port = port.map_err(|_| format!("{what} does not start: see {}", log.display()))?;
        Ok(server)
    }

    pub(crate) fn meter(&self, server: u32, engine: Engine) -> Meter {
        Meter { server, postmaster: (engine == Engine::Postgres).then_some(self.postmaster) }
    }

    /// Where a server may leave its files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) meter: Meter,
    child: Child,
}

impl Server {
    /// Starts a program that logs into a file; what it says on standard output can be read.
    pub(crate) fn run(command: &mut Command, log: &Path, meter: Meter) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let meter = Meter { server: child.id(), ..meter };
        Ok(Self { port: 0, meter, child })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service and the least possible server at the same place.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) service: Server,
    pub(crate) floor: Server,
}

impl Site {
    /// Starts both, with as many people in the one as there are rows in the other.
    pub(crate) fn open(ground: &Ground, place: Place) -> Result<Self> {
        let Place { adapter, engine, backend } = place;
        let (url, floor_url) = (ground.database(engine)?, ground.database(engine)?);
        ground.import(&url)?;
        let settings =
            [("AUTH_DATABASE_URL", url.as_str()), ("AUTH_PASSWORD__BACKEND", backend.name())];
        let service = ground.start(adapter.name(), engine, &settings)?;
        let settings =
            [("FLOOR_DATABASE_URL", floor_url.as_str()), ("FLOOR_BACKEND", backend.name())];
        let floor = ground.start(&format!("{FLOOR}{}", adapter.name()), engine, &settings)?;
        if engine == Engine::Postgres {
            for url in [&url, &floor_url] {
                ground.execute(url, "VACUUM ANALYZE")?;
            }
        }
        Ok(Self { place, service, floor })
    }
}

/// Those of every server: everything as by default, but for limits, which clients that all come from
/// one address would exceed at once; and what the environment of this program has.
pub(crate) fn common_settings() -> impl Iterator<Item = (String, String)> {
    const NO_LIMIT: &str = "1000000000";
    let settings = [
        ("AUTH_SECRET", SECRET),
        ("AUTH_LIMITS__SIGN_INS", NO_LIMIT),
        ("AUTH_LIMITS__SIGN_UPS", NO_LIMIT),
        ("AUTH_LIMITS__MAIL_REQUESTS", NO_LIMIT),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter();
    settings.chain(env::vars().filter(|(key, _)| key.starts_with("AUTH_")))
}
