//! Child processes that end with the drill, however it ends.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use auth_core::{Random, SystemRandom};

/// A program that runs, with what it says in a file.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, and adds what it says to the file `log`.
    ///
    /// # Panics
    ///
    /// If there is no such program.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log can be kept");
        let errors = file.try_clone().expect("a file has a second handle");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Returns its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        send(signal, &[self.id()]);
    }

    /// Returns once it has ended, and what it ended with.
    ///
    /// # Panics
    ///
    /// If it has not after `patience`.
    pub(crate) fn wait(&mut self, patience: Duration) -> std::process::ExitStatus {
        let mut ended = None;
        until(patience, "a process ends", || {
            ended = self.child.try_wait().expect("a child can be waited for");
            ended.is_some()
        });
        ended.expect("it has ended")
    }

    /// Ends it without a chance to say anything (`SIGKILL`).
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns the last lines that it said.
    pub(crate) fn last_words(&self) -> String {
        let said = std::fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Processes that are stopped where they are (`SIGSTOP`), until this is dropped.
///
/// A shell holds them, at the end of a pipe: they go on even if this process is killed.
pub(crate) struct Paused(Child);

impl Paused {
    /// Stops them, and returns once they are.
    pub(crate) fn new(ids: &[u32]) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", HOLD, "sh"])
            .args(ids.iter().map(u32::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut said = String::new();
        let output = shell.stdout.take().expect("it is piped");
        io::Read::read_to_string(&mut { output }, &mut said).expect("it closes the pipe");
        Self(shell)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Closes its standard output to say that it is done, and waits for the end of its standard input.
const HOLD: &str = r#"
trap '' HUP INT TERM
kill -STOP "$@"
exec >/dev/null
read -r _
kill -CONT "$@" 2>/dev/null
"#;

/// Sends a signal to each of them that still runs.
pub(crate) fn send(signal: &str, ids: &[u32]) {
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$@" 2>/dev/null"#, "sh", signal]);
    kill.args(ids.iter().map(u32::to_string));
    kill.status().expect("sh starts");
}

/// Returns a port on which nobody listens, below those that outgoing connections get, so that a
/// server which restarts finds it as it was.
pub(crate) fn free_port() -> u16 {
    loop {
        let mut bytes = [0; 2];
        SystemRandom.fill(&mut bytes);
        let port = 15_000 + u16::from_le_bytes(bytes) % 15_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Asks again and again until something is so.
///
/// # Panics
///
/// If it is not so within `patience`.
#[track_caller]
pub(crate) fn until(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "not within {patience:?}: {what}");
        thread::sleep(PACE);
    }
}

/// How often is asked.
pub(crate) const PACE: Duration = Duration::from_millis(20);
/// Longer than any server needs to start or stop on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
