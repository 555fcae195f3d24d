//! A whole deployment: a Postgres, a Redis, a mail server, a server on each framework, and workers.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::environment::{Plan, Tools};
use super::instance::{Instance, Kind};
use super::load::Site;
use super::postgres::Postgres;
use super::redis::Redis;
use super::smtp_sink::SmtpSink;
use crate::proxy::Proxy;

/// Everything that runs for one drill, and ends with it: first what uses, then what is used.
pub(crate) struct World {
    pub(crate) servers: Vec<Instance>,
    pub(crate) workers: Vec<Instance>,
    pub(crate) sink: SmtpSink,
    /// Between the instances and Redis.
    pub(crate) wire: Proxy,
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    folder: TempDir,
    tools: Tools,
}

/// What differs from one deployment to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Which servers there are.
    pub(crate) servers: &'static [Kind],
    pub(crate) workers: usize,
    /// Keys of the settings and their values, such as `AUTH_LOG`.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

impl Default for Setup {
    /// One server on each framework, and one worker; each of them sends mails.
    fn default() -> Self {
        Self { servers: &Kind::SERVERS, workers: 1, settings: &[] }
    }
}

impl World {
    /// Starts all of it, and returns once every server is well.
    pub(crate) fn start(setup: &Setup) -> Self {
        let tools = Tools::find();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        // The user of the database servers has to pass.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).expect("it is ours");
        let postgres = Postgres::start(&tools, folder.path());
        let redis = Redis::start(&tools, folder.path());
        let wire = Proxy::to((Ipv4Addr::LOCALHOST, redis.port()).into());
        let sink = SmtpSink::start();
        let mut world = Self {
            servers: Vec::new(),
            workers: Vec::new(),
            sink,
            wire,
            redis,
            postgres,
            folder,
            tools,
        };
        world.servers = setup.servers.iter().map(|kind| world.instance(*kind, setup)).collect();
        world.workers = (0..setup.workers).map(|_| world.instance(Kind::Worker, setup)).collect();
        for server in &mut world.servers {
            server.wait_until_ready();
        }
        world
    }

    /// Starts one more instance, without waiting until it serves.
    pub(crate) fn instance(&self, kind: Kind, setup: &Setup) -> Instance {
        let mut settings = vec![
            ("AUTH_SMTP_URL", self.sink.url()),
            ("AUTH_PUBLIC_URL", "https://auth.example.com".to_owned()),
            ("AUTH_DATABASE_URL", self.postgres.url()),
            ("AUTH_REDIS_URL", Redis::url(self.wire.port)),
            ("AUTH_SECRET", SECRET.to_owned()),
            ("AUTH_MAIL_FROM", "Drills <auth@example.com>".to_owned()),
            // Each client has an address of its own, as in life.
            ("AUTH_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ];
        settings.extend(setup.settings.iter().map(|&(key, value)| (key, value.to_owned())));
        let settings: Vec<(String, String)> =
            settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Instance::start(kind, &self.tools.examples, self.folder.path(), &settings)
    }

    /// Where clients find the servers and their mailboxes.
    pub(crate) fn site(&self, plan: &Plan) -> Site {
        let ports = self.servers.iter().map(Instance::port).collect();
        Site::new(ports, self.sink.clone(), plan)
    }

    /// Brings forward what waits for a lease to run out, for its next attempt, or to be handed out
    /// anew.
    ///
    /// A courier that died holds its mails for five minutes, and a mail that failed waits for longer
    /// and longer: cases with a clock of their own test that, and nobody wants to wait here. What was
    /// claimed in the last five seconds is being sent and stays claimed.
    pub(crate) fn bring_mails_forward(&self) {
        self.postgres.execute(
            "UPDATE auth_messages SET due_at = least(due_at, now()), relayed_at = NULL
             WHERE sent_at IS NULL AND failed_at IS NULL
                 AND (due_at > now() + interval '1 s' OR relayed_at < now() - interval '5 s')
                 AND due_at NOT BETWEEN now() + interval '295 s' AND now() + interval '301 s'",
        );
    }
}

const SECRET: &str = "7xnNyb8LyYfDozX7CCOVATTxwPBZbLJWN85tIoAi0Dg=";
