//! A server in a process of its own, configured and logging as an installed one is.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use auth_core::settings::Settings;
use auth_core::{Clock, ManualClock, Timestamp};

use crate::adapters::{Port, block_on};
use crate::{Adapter, MOUNT};

/// The first argument that makes a server of this program instead of a suite.
const SERVE: &str = "serve";

/// Serves instead of testing, if the arguments say so.
pub fn serve_if_told() -> Option<ExitCode> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != SERVE {
        return None;
    }
    let adapter = arguments.next()?;
    let adapter = Adapter::ALL.into_iter().find(|known| known.name() == adapter)?;
    let now = arguments.next()?.parse().ok()?;
    serve(adapter, &ManualClock::at(Timestamp::from_secs(now)));
    Some(ExitCode::SUCCESS)
}

/// Tells its port on standard output, and then moves the clock by as many seconds as each line of
/// standard input says, until that ends.
fn serve(adapter: Adapter, clock: &ManualClock) {
    // Frameworks and drivers that log through `log` are a part of what a host's log shows.
    tracing_log::LogTracer::init().expect("nobody else listens");
    let settings = Settings::load().expect("the settings are sound");
    let started = block_on(settings.start_with(|builder| builder.clock(clock.clone())));
    let server = started.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(server.mount(), MOUNT);
    let served = adapter.serve(server.auth(), Port::take());
    let mut output = io::stdout().lock();
    writeln!(output, "{}", served.port).expect("the trial reads");
    for line in io::stdin().lines() {
        let seconds = line.expect("it is UTF-8").parse().expect("it is a number");
        clock.advance(Duration::from_secs(seconds));
        writeln!(output).expect("the trial reads");
    }
    drop(served);
    block_on(server.stop());
}

/// Such a process.
pub(crate) struct Process {
    pub(crate) port: u16,
    /// Goes as the clock of the process does.
    pub(crate) clock: ManualClock,
    child: Child,
    output: BufReader<ChildStdout>,
    log: JoinHandle<String>,
}

impl Process {
    /// Starts one in `folder`, with these settings and no others.
    pub(crate) fn start(
        adapter: Adapter,
        now: i64,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program is a file"))
            .args([SERVE, adapter.name(), &now.to_string()])
            .current_dir(folder)
            .env_clear()
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program runs twice");
        let mut errors = child.stderr.take().expect("it is piped");
        // Read all the time: a process whose log is full stands still.
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            errors.read_to_end(&mut log).expect("a pipe can be read");
            String::from_utf8(log).expect("logs are UTF-8")
        });
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let clock = ManualClock::at(Timestamp::from_secs(now));
        let mut process = Self { port: 0, clock, child, output, log };
        match process.line().trim().parse() {
            Ok(port) => process.port = port,
            Err(_) => panic!("it does not start:\n{}", process.stop()),
        }
        process
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{seconds}").expect("the process reads");
        self.line();
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Lets it end in peace, and returns all that it has logged.
    pub(crate) fn stop(mut self) -> String {
        drop(self.child.stdin.take());
        self.child.wait().expect("it is a child");
        self.log.join().expect("logs are UTF-8")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe can be read");
        line
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({}, at {})", self.child.id(), self.clock.now())
    }
}
