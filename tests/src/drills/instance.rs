//! The example servers and the example worker, as processes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{PATIENCE, Process, free_port, until};
use crate::app::MOUNT;
use crate::{Request, client};

/// What an instance is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Actix,
    Axum,
    Poem,
    Worker,
}

impl Kind {
    /// Every server.
    pub(crate) const SERVERS: [Self; 3] = [Self::Actix, Self::Axum, Self::Poem];

    const fn program(self) -> &'static str {
        match self {
            Self::Actix => "example-actix",
            Self::Axum => "example-axum",
            Self::Poem => "example-poem",
            Self::Worker => "example-worker",
        }
    }
}

/// One process of the service, with the settings that it starts with again.
pub(crate) struct Instance {
    kind: Kind,
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    port: u16,
    process: Process,
}

impl Instance {
    /// Starts one, without waiting until it serves.
    pub(crate) fn start(
        kind: Kind,
        examples: &Path,
        folder: &Path,
        settings: &[(String, String)],
    ) -> Self {
        let port = free_port();
        let program = examples.join(kind.program());
        let settings = settings.to_vec();
        let process = run(&program, folder, port, &settings);
        Self { kind, program, folder: folder.to_owned(), settings, port, process }
    }

    /// Where a server listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The process as it is now.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it with `SIGKILL`.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it after it has ended, on the same port.
    pub(crate) fn restart(&mut self) {
        self.process = run(&self.program, &self.folder, self.port, &self.settings);
    }

    /// Returns once a server answers that it is well.
    ///
    /// # Panics
    ///
    /// If it ends instead, or takes too long.
    pub(crate) fn wait_until_ready(&mut self) {
        if self.kind == Kind::Worker {
            return;
        }
        let port = self.port;
        until(PATIENCE, "a server starts", || {
            assert!(self.process.runs(), "it has ended: {}", self.process.last_words());
            let health = Request::get("/health").to_bytes(MOUNT, port);
            let answer = client::attempt(port, &health, Duration::from_secs(5));
            answer.is_ok_and(|reply| reply.status == 200)
        });
    }
}

fn run(program: &Path, folder: &Path, port: u16, settings: &[(String, String)]) -> Process {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear();
    command.env("AUTH_LISTEN", format!("127.0.0.1:{port}"));
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    Process::start(&mut command, &folder.join(format!("{name}-{port}.log")))
}
