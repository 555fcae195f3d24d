use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::announcement::Announcement;
use super::database::Database;
#[cfg(feature = "sqlite")]
use super::database::file_of;
use super::development_secret::{Missing, development_secret};
use super::raw::LogFormat;
use super::{Settings, SettingsError, no_mailer};
use crate::config::is_loopback;
#[cfg(feature = "sqlite")]
use crate::store::in_memory;
use crate::{Auth, Background, Builder, Mailbox, MasterSecret, Store, StoreError};
#[cfg(feature = "smtp")]
use crate::{Email, Mailer, MailerError, SmtpMailer};

/// A running service that waits to be mounted.
#[derive(Debug)]
#[must_use]
pub struct Server {
    auth: Auth,
    background: Background,
    listen: SocketAddr,
    drain: Duration,
    database: Database,
    announcement: Announcement,
}

impl Settings {
    /// Starts logging, connects to the database and starts to deliver mails.
    ///
    /// If the process has a `tracing` subscriber already, that one stays.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or migrated, or the development secret cannot be kept.
    pub async fn start(self) -> Result<Server, SettingsError> {
        self.start_with(|builder| builder).await
    }

    /// The same, with what the host adds to the service: hooks, a mailer of its own, an outbox.
    ///
    /// ```no_run
    /// use auth_core::AllowedDomains;
    /// use auth_core::settings::{Settings, SettingsError};
    ///
    /// # async fn run() -> Result<(), SettingsError> {
    /// let domains = AllowedDomains::new(["example.com"]);
    /// let server = Settings::load()?.start_with(|builder| builder.registration(domains)).await?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start), and what is wrong with what was added.
    pub async fn start_with(
        self,
        customize: impl FnOnce(Builder) -> Builder,
    ) -> Result<Server, SettingsError> {
        start_logging(&self.log, self.log_format);
        let public_port = self.config.public_url.port_or_known_default();
        if is_loopback(&self.config.public_url) && public_port != Some(self.listen.port()) {
            let (listen, public_url) = (self.listen, self.config.issuer());
            tracing::warn!(%listen, public_url, "links lead to `public_url`, and not to where the server listens");
        }
        let announcement = Announcement::of(&self);
        let (listen, drain, database) = (self.listen, self.drain, self.database.clone());
        let (store, _) = self.open_and_migrate().await?;
        let auth = self.build(store, customize).await?;
        let background = auth.start();
        Ok(Server { auth, background, listen, drain, database, announcement })
    }

    /// Connects to the database, without logging, and without anything in the background: for jobs
    /// and tools.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, its schema is not that of this version, which
    /// [`migrate`](Self::migrate) brings up to date, or the development secret cannot be kept.
    pub async fn connect(self) -> Result<Auth, SettingsError> {
        self.connect_with(|builder| builder).await
    }

    /// The same, with what the host adds to the service, as [`start_with`](Self::start_with) does:
    /// so a user whom a tool of the host's creates runs through its hooks.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect), and what is wrong with what was added.
    pub async fn connect_with(
        self,
        customize: impl FnOnce(Builder) -> Builder,
    ) -> Result<Auth, SettingsError> {
        let store = self.open_current().await?;
        self.build(store, customize).await
    }

    /// The same, but nothing is made that is missing.
    pub(super) async fn inspect(mut self) -> Result<Auth, SettingsError> {
        let store = self.open_current().await?;
        let secret = self.secret(&store, Missing::Stays).await?;
        Ok(self.builder(store, secret, |builder| builder)?.build_as_found().await?)
    }

    /// Opens a database that is there, and has the schema of this version.
    async fn open_current(&self) -> Result<Store, SettingsError> {
        #[cfg(feature = "sqlite")]
        if let Database::Sqlite(url) = &self.database
            && !in_memory(url)
            && !file_of(url)?.exists()
        {
            let file = file_of(url)?;
            let problem = "is not there yet: a server that starts makes it, or `auth migrate`";
            return Err(SettingsError(format!("database_url: {} {problem}", file.display())));
        }
        let store = self.open().await?;
        let schema = store.schema().await?;
        if !schema.is_current() {
            return Err(SettingsError(format!("database_url: {schema}")));
        }
        Ok(store)
    }

    /// Brings the schema of the database up to date, and returns how many migrations that took.
    ///
    /// [`start`](Self::start) does it too, if its role may: this is for a role that may more than
    /// the service's.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or migrated.
    pub async fn migrate(&self) -> Result<usize, SettingsError> {
        Ok(self.open_and_migrate().await?.1)
    }

    /// Opens the database as it is.
    pub(super) async fn open(&self) -> Result<Store, SettingsError> {
        let opened = match &self.database {
            #[cfg(feature = "postgres")]
            Database::Postgres { url, connections } => {
                Store::open_postgres(url, *connections).await
            }
            #[cfg(feature = "sqlite")]
            Database::Sqlite(url) => Store::open_sqlite(url, in_memory(url)).await,
        };
        opened.map_err(|error| self.unopened(&error))
    }

    async fn open_and_migrate(&self) -> Result<(Store, usize), SettingsError> {
        let opened = match &self.database {
            #[cfg(feature = "postgres")]
            Database::Postgres { url, connections } => {
                Store::migrated_postgres(url, *connections).await
            }
            #[cfg(feature = "sqlite")]
            Database::Sqlite(url) => Store::migrated_sqlite(url).await,
        };
        opened.map_err(|error| self.unopened(&error))
    }

    fn unopened(&self, error: &StoreError) -> SettingsError {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        SettingsError(format!("database_url: {}: {cause}", self.database.place()))
    }

    async fn build(
        mut self,
        store: Store,
        customize: impl FnOnce(Builder) -> Builder,
    ) -> Result<Auth, SettingsError> {
        let secret = self.secret(&store, Missing::IsMade).await?;
        Ok(self.builder(store, secret, customize)?.build().await?)
    }

    async fn secret(
        &mut self,
        store: &Store,
        missing: Missing,
    ) -> Result<MasterSecret, SettingsError> {
        match self.secret.take() {
            Some(secret) => Ok(secret),
            None => development_secret(&self.database, store, missing).await,
        }
    }

    fn builder(
        self,
        store: Store,
        secret: MasterSecret,
        customize: impl FnOnce(Builder) -> Builder,
    ) -> Result<Builder, SettingsError> {
        let development = self.is_development();
        #[cfg(feature = "smtp")]
        let smtp = match &self.smtp_url {
            Some(url) => Some(SmtpMailer::new(url, &self.config.mail_from)?),
            None => None,
        };
        let mut builder = Auth::builder(self.config, store, secret).pepper(self.pepper);
        let mailbox = development.then(Mailbox::new);
        if let Some(mailbox) = &mailbox {
            builder = builder.mailbox(mailbox.clone());
        }
        #[cfg(feature = "smtp")]
        if let Some(smtp) = smtp {
            builder = builder.mailer(SmtpWithCopies { smtp, mailbox });
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &self.redis_url {
            builder = builder.redis(crate::Redis::new(url)?);
        }
        if let Some(folder) = self.templates {
            builder = builder.templates(folder);
        }
        let builder = customize(builder);
        // In development there is the mailbox.
        if builder.delivers() { Ok(builder) } else { Err(no_mailer().into()) }
    }
}

impl Server {
    /// Returns what is to be mounted.
    #[must_use]
    pub fn auth(&self) -> Auth {
        self.auth.clone()
    }

    /// Returns the address to listen at.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Returns the URL of the database, which has the schema of this version by now: for tables of the
    /// host's own beside it.
    ///
    /// # Security
    ///
    /// It may have a password in it: not for logs.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Returns the path to mount it at, by default `/api/auth`.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.announcement.mount
    }

    /// Prints to standard output where the service can be reached; for when it can.
    pub fn announce(&self) {
        // Whoever closed standard output does not want to know.
        let _ = write!(io::stdout().lock(), "{}", self.announcement);
    }

    /// Returns when no more connections are to be accepted: the process was asked to end, by Ctrl-C or
    /// `SIGTERM`, and `/health` has answered 503 for as long as the key `drain` says.
    ///
    /// Who asks again does not want to wait for that.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let (auth, drain) = (self.auth.clone(), self.drain);
        async move {
            stop_signal().await;
            auth.drain();
            tokio::select! {
                () = tokio::time::sleep(drain) => {}
                () = stop_signal() => {}
            }
        }
    }

    /// Stops delivering mails, after the ones that are being sent; for after the last request.
    ///
    /// That takes 30 s at the most. What a mail server that does not answer has not taken by then,
    /// another courier sends.
    pub async fn stop(self) {
        let stopped = tokio::time::timeout(PATIENCE, self.background.stop()).await;
        if stopped.is_err() {
            tracing::warn!("mails were being sent when the time was up");
        }
    }
}

/// Returns when the process is asked to end, by Ctrl-C or `SIGTERM`.
pub async fn stop_signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}

fn start_logging(filter: &str, format: LogFormat) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    if started.is_err() {
        tracing::debug!("the process logs in a way of its own");
    }
}

/// Sends mails, and in development keeps a copy of each that was sent.
#[cfg(feature = "smtp")]
struct SmtpWithCopies {
    smtp: SmtpMailer,
    mailbox: Option<Mailbox>,
}

#[cfg(feature = "smtp")]
#[async_trait::async_trait]
impl Mailer for SmtpWithCopies {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        let Some(mailbox) = &self.mailbox else {
            return self.smtp.send(email).await;
        };
        self.smtp.send(email.clone()).await?;
        mailbox.send(email).await
    }

    async fn check(&self) -> Result<(), MailerError> {
        self.smtp.check().await
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
