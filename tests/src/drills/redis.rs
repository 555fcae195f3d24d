//! A Redis of the drill's own, and what can be done to it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::redis::{Client, RedisResult};

use super::environment::{Tools, give_to_servers};
use super::process::{PATIENCE, Paused, Process, free_port, until};

/// A server that keeps nothing beyond its end.
pub(crate) struct Redis {
    process: Process,
    tools: Tools,
    folder: PathBuf,
    port: u16,
}

impl Redis {
    pub(crate) fn start(tools: &Tools, folder: &Path) -> Self {
        let folder = folder.join("redis");
        fs::create_dir(&folder).expect("there is room for a folder");
        let port = free_port();
        let settings = folder.join("settings");
        fs::write(&settings, format!("{SETTINGS}port {port}\n")).expect("there is room for a file");
        give_to_servers(tools, &[&folder, &settings]);
        let process = run(tools, &folder);
        let redis = Self { process, tools: tools.clone(), folder, port };
        redis.wait_until_ready();
        redis
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it is found through `port`.
    pub(crate) fn url(port: u16) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{port}")
    }

    /// Ends it at once.
    pub(crate) fn stop(&mut self) {
        self.process.kill();
    }

    /// Starts it after [`stop`](Self::stop), on the same port, and empty.
    pub(crate) fn restart(&mut self) {
        self.process = run(&self.tools, &self.folder);
        self.wait_until_ready();
    }

    /// Stops it where it is: connections stay open, and nobody answers.
    pub(crate) fn pause(&self) -> Paused {
        Paused::new(&[self.process.id()])
    }

    /// Takes away all that it has.
    pub(crate) fn flush(&self) {
        self.say("FLUSHALL").expect("Redis does as it is told");
    }

    fn say(&self, command: &str) -> RedisResult<()> {
        let mut connection = Client::open(Self::url(self.port))?.get_connection()?;
        ::redis::cmd(command).query(&mut connection)
    }

    fn wait_until_ready(&self) {
        until(PATIENCE, "Redis starts", || self.say("PING").is_ok());
    }
}

fn run(tools: &Tools, folder: &Path) -> Process {
    let mut redis = Command::new(&tools.redis);
    redis.current_dir(folder).arg("settings");
    if let Some((user, group)) = tools.server_user {
        redis.uid(user).gid(group);
    }
    Process::start(&mut redis, &folder.join("log"))
}

const PASSWORD: &str = "redis";
const SETTINGS: &str = "
bind 127.0.0.1
requirepass redis
save \"\"
appendonly no
";
