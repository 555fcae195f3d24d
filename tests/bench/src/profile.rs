//! Where a server's time goes, by `perf`.

use std::process::{Child, Command, Stdio};

use auth_bench::Result;

use crate::sites::Server;

/// Samples of a server from when it is started.
#[derive(Debug)]
pub(crate) struct Profile {
    perf: Child,
    file: String,
}

impl Profile {
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let process = server.meter.server.to_string();
        let file = std::env::temp_dir().join(format!("auth-bench-{process}.perf"));
        let file = file.display().to_string();
        let perf = Command::new("perf")
            .args(["record", "--quiet", "-F", "997", "-o", &file, "-p", &process])
            .stdin(Stdio::null())
            .spawn()?;
        Ok(Self { perf, file })
    }

    /// Stops, and shows the functions that took most.
    pub(crate) fn show(mut self) -> Result<()> {
        let process = self.perf.id().to_string();
        Command::new("kill").args(["-INT", &process]).status()?;
        self.perf.wait()?;
        let report = Command::new("perf")
            .args(["report", "--stdio", "--sort", "dso,symbol", "-i", &self.file])
            .stderr(Stdio::null())
            .output()?;
        let report = String::from_utf8_lossy(&report.stdout).into_owned();
        let lines = report.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines.take(LINES) {
            let line: String = line.chars().take(WIDTH).collect();
            eprintln!("{}", line.trim_end());
        }
        Ok(std::fs::remove_file(&self.file)?)
    }
}

const LINES: usize = 25;
const WIDTH: usize = 140;
