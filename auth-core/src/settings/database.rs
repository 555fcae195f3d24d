use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;

use super::values::Count;
use crate::ConfigError;

/// Which database, with its URL.
#[derive(Clone)]
pub(super) enum Database {
    #[cfg(feature = "postgres")]
    Postgres { url: String, connections: u32 },
    #[cfg(feature = "sqlite")]
    Sqlite(String),
}

impl Database {
    pub(super) fn parse(url: &str, connections: Option<Count>) -> Result<Self, ConfigError> {
        let key = "database_connections";
        if connections.is_some_and(|count| !(1..=1000).contains(&count.0)) {
            return Err(ConfigError::new(key, "must be between 1 and 1000"));
        }
        match url.split_once(':').map(|(scheme, _)| scheme) {
            #[cfg(feature = "postgres")]
            Some("postgres" | "postgresql") => {
                url.parse::<sqlx::postgres::PgConnectOptions>().map_err(unusable)?;
                let connections = connections.and_then(|count| u32::try_from(count.0).ok());
                Ok(Self::Postgres {
                    url: url.to_owned(),
                    connections: connections
                        .unwrap_or_else(crate::store::connections_for_this_machine),
                })
            }
            #[cfg(not(feature = "postgres"))]
            Some("postgres" | "postgresql") => {
                Err(ConfigError::new("database_url", "needs a build with the feature \"postgres\""))
            }
            #[cfg(feature = "sqlite")]
            Some("sqlite") if connections.is_some() => Err(ConfigError::new(
                key,
                "is for Postgres: SQLite has one writer and four readers",
            )),
            #[cfg(feature = "sqlite")]
            Some("sqlite") => {
                url.parse::<sqlx::sqlite::SqliteConnectOptions>().map_err(unusable)?;
                Ok(Self::Sqlite(url.to_owned()))
            }
            #[cfg(not(feature = "sqlite"))]
            Some("sqlite") => {
                Err(ConfigError::new("database_url", "needs a build with the feature \"sqlite\""))
            }
            _ => Err(ConfigError::new(
                "database_url",
                "must start with \"sqlite://\", \"postgres://\" or \"postgresql://\"",
            )),
        }
    }

    pub(super) fn url(&self) -> &str {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { url, .. } => url,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(url) => url,
        }
    }

    /// Where it is, without what its URL says besides.
    pub(super) fn place(&self) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { url, .. } => {
                let options = url.parse::<sqlx::postgres::PgConnectOptions>();
                options.map_or_else(
                    |_| "Postgres".to_owned(),
                    |options| format!("Postgres at {}:{}", options.get_host(), options.get_port()),
                )
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(url) => {
                file_of(url).map_or_else(|_| "SQLite".to_owned(), |file| file.display().to_string())
            }
        }
    }

    pub(super) fn is_sqlite(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => false,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

/// The URL carries a password, and the error could repeat it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn unusable(_: sqlx::Error) -> ConfigError {
    ConfigError::new("database_url", "is no URL of a database, or has unknown parameters")
}

#[cfg(feature = "sqlite")]
pub(super) fn file_of(url: &str) -> Result<PathBuf, ConfigError> {
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().map_err(unusable)?;
    Ok(options.get_filename().to_owned())
}
