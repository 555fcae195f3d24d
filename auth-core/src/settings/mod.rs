//! Settings from a file and the environment, for servers that need no others.
//!
//! A host that has its own configuration makes a [`Config`], a [`Store`](crate::Store) and a
//! [`MasterSecret`] by itself and needs none of this.
//!
//! Settings are read from `auth.toml` in the working directory, or the file that `AUTH_CONFIG`
//! names, and then from environment variables, which win: `AUTH_` and the key in capitals, with `__`
//! before a key of a table, so `limits.wrong_codes` is `AUTH_LIMITS__WRONG_CODES`. An empty variable
//! is as good as none. An unknown key or an unsafe value refuses to start and names the key.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::config::is_loopback;
use crate::{BuildError, Config, ConfigError, MasterSecret, Pepper, StoreError};

mod announcement;
mod database;
mod development_secret;
mod doctor;
mod raw;
#[cfg(feature = "sqlite")]
mod secret_file;
mod server;
mod sources;
#[cfg(all(test, feature = "pages", feature = "smtp", feature = "sqlite"))]
mod tests;
mod typo;
mod values;

use database::Database;
use raw::{LogFormat, Raw};
pub use server::{Server, stop_signal};
use sources::Sources;
use values::List;

/// Checked settings of a server.
///
/// ```no_run
/// use auth_core::settings::{Settings, SettingsError};
///
/// # async fn run() -> Result<(), SettingsError> {
/// let server = Settings::load()?.start().await?;
/// let auth = server.auth(); // to mount
/// server.announce();
/// server.drained().await; // from here on, no new connections
/// server.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Settings {
    config: Config,
    listen: SocketAddr,
    drain: Duration,
    database: Database,
    secret: Option<MasterSecret>,
    pepper: Pepper,
    #[cfg(feature = "redis")]
    redis_url: Option<String>,
    smtp_url: Option<String>,
    templates: Option<PathBuf>,
    log: String,
    log_format: LogFormat,
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    ///
    /// If the file that `AUTH_CONFIG` names cannot be read (`auth.toml` may be missing), a key is
    /// unknown, or a value is unsafe or cannot be understood.
    pub fn load() -> Result<Self, SettingsError> {
        Self::read(None, env::vars_os())
    }

    /// Reads settings from these variables, and from `file` in place of the one that they name.
    pub(crate) fn read(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        Self::check(&Self::sources(file, environment)?).map_err(first)
    }

    fn sources(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Sources, SettingsError> {
        let mut variables = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let value =
                value.into_string().map_err(|_| SettingsError(format!("{name} must be UTF-8")))?;
            variables.push((name.to_owned(), value));
        }
        let named = variables
            .iter()
            .find(|(name, value)| name == FILE_VARIABLE && !value.is_empty())
            .map(|(_, path)| PathBuf::from(path));
        let origin = if file.is_none() && named.is_some() { "AUTH_CONFIG: " } else { "" };
        let named = file.or(named);
        let path = named.as_deref().unwrap_or_else(|| Path::new(FILE));
        let toml = match fs::read_to_string(path) {
            Ok(toml) => Some(toml),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let path = path.display();
                return Err(SettingsError(format!("{origin}{path} cannot be read: {error}")));
            }
        };
        Sources::new(&path.to_string_lossy(), toml.as_deref(), variables)
    }

    /// Reads settings from the contents of a file and from variables.
    ///
    /// Variables that do not start with `AUTH_` are ignored, and so is `AUTH_CONFIG`.
    ///
    /// # Errors
    ///
    /// If a key is unknown, or a value is unsafe or cannot be understood.
    pub fn from_sources(
        toml: Option<&str>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        Self::check(&Sources::new(FILE, toml, env)?).map_err(first)
    }

    /// Refuses settings without an SMTP server, for what delivers mails and nothing else.
    ///
    /// In development, mails would go to a mailbox that nothing shows.
    ///
    /// # Errors
    ///
    /// If `smtp_url` is not set.
    pub fn require_smtp(self) -> Result<Self, SettingsError> {
        if self.smtp_url.is_none() {
            return Err(ConfigError::new("smtp_url", "is required to deliver mails").into());
        }
        Ok(self)
    }

    /// Everything that is wrong with them at once; never nothing.
    fn check(sources: &Sources) -> Result<Self, Vec<SettingsError>> {
        let raw = sources.parse().map_err(|error| vec![error])?;
        Self::from_raw(raw)
            .map_err(|errors| errors.iter().map(|error| sources.blame(error)).collect())
    }

    fn from_raw(raw: Raw) -> Result<Self, Vec<ConfigError>> {
        let mut problems = Vec::new();
        let config = kept(&mut problems, raw.config());
        problems.extend(config.iter().flat_map(Config::problems));
        let database =
            kept(&mut problems, Database::parse(&raw.database_url, raw.database_connections));
        let secret = kept(&mut problems, raw.secret.as_ref().map(master_secret).transpose());
        let pepper = raw.pepper.as_ref().map_or_else(|| Ok(Pepper::none()), pepper);
        let pepper = kept(&mut problems, pepper);
        let development = config.as_ref().is_none_or(|config| is_loopback(&config.public_url));
        let on_sqlite = database.as_ref().is_none_or(Database::is_sqlite);
        if raw.secret.is_none() && !(development && on_sqlite) {
            problems.push(ConfigError::new(
                "secret",
                "is required, unless the public URL is loopback and the database is SQLite; \
                 make one with: openssl rand -base64 32",
            ));
        }
        if let Some(url) = &raw.redis_url {
            kept(&mut problems, check_redis(url));
        }
        if let (Some(url), Some(config)) = (&raw.smtp_url, &config) {
            kept(&mut problems, check_smtp(url, &config.mail_from));
        }
        let drain = raw.drain.map_or(Duration::ZERO, Duration::from);
        if drain > LONGEST_DRAIN {
            problems.push(ConfigError::new("drain", "must be at most 5m"));
        }
        let filter = EnvFilter::builder().parse(&raw.log);
        let filter =
            filter.map_err(|error| ConfigError::new("log", format!("is no filter: {error}")));
        kept(&mut problems, filter);
        if raw.smtp_url.is_none() && !development && !problems.is_empty() {
            // Alone it is no problem yet: a host may bring a mailer of its own.
            problems.push(no_mailer());
        }
        match (config, database, secret, pepper) {
            (Some(config), Some(database), Some(secret), Some(pepper)) if problems.is_empty() => {
                Ok(Self {
                    config,
                    listen: raw.listen,
                    drain,
                    database,
                    secret,
                    pepper,
                    #[cfg(feature = "redis")]
                    redis_url: raw.redis_url,
                    smtp_url: raw.smtp_url,
                    templates: raw.templates,
                    log: raw.log,
                    log_format: raw.log_format,
                })
            }
            _ => Err(problems),
        }
    }

    /// Whether mails are also kept where a developer sees them.
    fn is_development(&self) -> bool {
        is_loopback(&self.config.public_url)
            && (self.database.is_sqlite() || self.smtp_url.is_none())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn kept<T>(problems: &mut Vec<ConfigError>, result: Result<T, ConfigError>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn no_mailer() -> ConfigError {
    ConfigError::new("smtp_url", "is required, unless the public URL is loopback")
}

fn first(errors: Vec<SettingsError>) -> SettingsError {
    let first = errors.into_iter().next();
    first.unwrap_or_else(|| SettingsError("the settings are not usable".to_owned()))
}

fn master_secret(texts: &List) -> Result<MasterSecret, ConfigError> {
    let mut secrets = texts.0.iter().map(|text| {
        MasterSecret::parse(text)
            .map_err(|error| ConfigError::new("secret", format!("cannot be used: {error}")))
    });
    let current = secrets
        .next()
        .unwrap_or_else(|| Err(ConfigError::new("secret", "must not be an empty list")))?;
    secrets.try_fold(current, |current, previous| Ok(current.with_previous(previous?)))
}

/// Where the current one would be, `none` says that there is none.
fn pepper(texts: &List) -> Result<Pepper, ConfigError> {
    let parse = |text: &String| {
        Pepper::parse(text)
            .map_err(|error| ConfigError::new("pepper", format!("cannot be used: {error}")))
    };
    let (first, rest) = texts
        .0
        .split_first()
        .ok_or_else(|| ConfigError::new("pepper", "must not be an empty list"))?;
    let current = if first == "none" { Pepper::none() } else { parse(first)? };
    rest.iter().try_fold(current, |current, previous| Ok(current.with_previous(parse(previous)?)))
}

#[cfg(feature = "smtp")]
fn check_smtp(url: &str, from: &str) -> Result<(), ConfigError> {
    crate::SmtpMailer::check(url, from)
}

#[cfg(not(feature = "smtp"))]
fn check_smtp(_: &str, _: &str) -> Result<(), ConfigError> {
    Err(ConfigError::new("smtp_url", "needs a build with the feature \"smtp\""))
}

#[cfg(feature = "redis")]
fn check_redis(url: &str) -> Result<(), ConfigError> {
    crate::Redis::new(url).map(|_| ())
}

#[cfg(not(feature = "redis"))]
fn check_redis(_: &str) -> Result<(), ConfigError> {
    Err(ConfigError::new("redis_url", "needs a build with the feature \"redis\""))
}

/// Why a server does not start, in one sentence.
///
/// `Debug` prints the same sentence, because that is what is shown of an error that `main` returns.
pub struct SettingsError(String);

impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for SettingsError {}

impl From<io::Error> for SettingsError {
    /// What fails in a server's `main` is most often its socket.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self(format!(
                "listen: {error}: another process listens there; stop it, or change listen and public_url"
            )),
            io::ErrorKind::AddrNotAvailable => {
                Self(format!("listen: {error}: it is no address of this machine"))
            }
            io::ErrorKind::PermissionDenied => {
                Self(format!("{error}: if it is of listen, ports below 1024 take a privilege"))
            }
            _ => Self(error.to_string()),
        }
    }
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<BuildError> for SettingsError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Config(error) => error.into(),
            BuildError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for SettingsError {
    fn from(error: StoreError) -> Self {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        Self(format!("database_url: {error}{cause}"))
    }
}

const LONGEST_DRAIN: Duration = Duration::from_secs(5 * 60);
const FILE: &str = "auth.toml";
const FILE_VARIABLE: &str = "AUTH_CONFIG";
const PREFIX: &str = "AUTH_";
