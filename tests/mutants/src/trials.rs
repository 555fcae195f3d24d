//! Runs tests, each in a process that has a mutant or notes which it reaches.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A program of tests.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where its package is.
    pub(crate) folder: PathBuf,
    /// Whether it is the conformance suite, whose trials stand in a file.
    pub(crate) is_suite: bool,
}

/// What came of a run.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A test failed, by its name if it said so before it ended.
    Failed(String),
    Hung,
    Passed,
}

impl Program {
    /// The names of the tests that start with `prefix`.
    pub(crate) fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let output = self.command().args(["--list", "--format", "terse"]).output()?;
        let lines = String::from_utf8_lossy(&output.stdout);
        let names = lines.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect())
    }

    /// Runs tests without a mutant, and says what they reach; [`None`] if one does not pass.
    pub(crate) fn survey(
        &self,
        names: &[&str],
        scratch: &Path,
    ) -> io::Result<Option<HashSet<usize>>> {
        let file = scratch.join("reached");
        let variable = ("AUTH_MUTANT_REACHED", file.display().to_string());
        if self.run(names, variable, Duration::from_secs(120), scratch)? != Outcome::Passed {
            return Ok(None);
        }
        let reached = fs::read_to_string(&file).unwrap_or_default();
        Ok(Some(reached.lines().filter_map(|id| id.parse().ok()).collect()))
    }

    /// Runs tests with a mutant until one fails that passes without it.
    pub(crate) fn attack(
        &self,
        mutant: usize,
        names: &[&str],
        scratch: &Path,
    ) -> io::Result<Outcome> {
        let mut names = names.to_vec();
        while !names.is_empty() {
            let alive = ("AUTH_MUTANT", mutant.to_string());
            let outcome = self.run(&names, alive, PATIENCE, scratch)?;
            let Outcome::Failed(test) = &outcome else { return Ok(outcome) };
            let Some(at) = names.iter().position(|name| name == test) else { return Ok(outcome) };
            // On a busy machine a test may fail by itself.
            let nobody = ("AUTH_MUTANT", usize::MAX.to_string());
            if self.run(&[test], nobody, PATIENCE, scratch)? == Outcome::Passed {
                return Ok(outcome);
            }
            names.remove(at);
        }
        Ok(Outcome::Passed)
    }

    /// `patience` is how long it may say nothing.
    fn run(
        &self,
        names: &[&str],
        (variable, value): (&str, String),
        patience: Duration,
        scratch: &Path,
    ) -> io::Result<Outcome> {
        // What a killed one has left behind goes first.
        let _ = fs::remove_dir_all(scratch);
        fs::create_dir_all(scratch)?;
        let mut command = self.command();
        command.args(["--test-threads", "1"]);
        if self.is_suite {
            let list = scratch.join("trials");
            fs::write(&list, names.join("\n"))?;
            command.env("AUTH_TEST_TRIALS", list);
        } else {
            command.arg("--exact").args(names);
        }
        command.env("TMPDIR", scratch).env(variable, value);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        watch(&mut child, patience)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

/// Waits for a failure, the end, or nothing for too long.
fn watch(child: &mut Child, patience: Duration) -> io::Result<Outcome> {
    let (sender, lines) = channel();
    let output = child.stdout.take().expect("it is piped");
    // It ends with the last process that the child has started, which may outlive it.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut silence = Duration::ZERO;
    let outcome = loop {
        match lines.recv_timeout(TICK) {
            Ok(line) => {
                silence = Duration::ZERO;
                let test = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix("FAILED"));
                if let Some(test) = test {
                    break Some(Outcome::Failed(test.trim_end_matches([' ', '.']).to_owned()));
                }
            }
            // Counted, because a clock goes on while everything is paused.
            Err(RecvTimeoutError::Timeout) if silence < patience => silence += TICK,
            Err(RecvTimeoutError::Timeout) => break Some(Outcome::Hung),
            Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    if outcome.is_some() {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(outcome.unwrap_or_else(|| {
        if status.success() { Outcome::Passed } else { Outcome::Failed("it broke off".to_owned()) }
    }))
}

/// How long a test with a mutant may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);
