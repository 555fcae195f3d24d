//! What a server says when it can be reached.

use std::fmt;

use super::Settings;
use super::database::Database;
#[cfg(feature = "sqlite")]
use crate::store::in_memory;

#[derive(Debug)]
pub(super) struct Announcement {
    base: String,
    pub(super) mount: String,
    account_page: bool,
    database: String,
    mailbox: bool,
}

impl Announcement {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            base: settings.config.issuer(),
            mount: settings.config.mount.clone(),
            account_page: cfg!(feature = "pages")
                && !settings
                    .config
                    .disabled_endpoints
                    .iter()
                    .any(|text| matches!(&**text, "/account" | "GET /account")),
            database: match &settings.database {
                #[cfg(feature = "postgres")]
                Database::Postgres { .. } => settings.database.place(),
                #[cfg(feature = "sqlite")]
                Database::Sqlite(url) if in_memory(url) => {
                    "SQLite in memory, gone at the end".to_owned()
                }
                #[cfg(feature = "sqlite")]
                Database::Sqlite(_) => format!("SQLite, {}", settings.database.place()),
            },
            mailbox: settings.is_development(),
        }
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, mount, account_page, database, mailbox } = self;
        if *account_page {
            writeln!(f, "account page         {base}{mount}/account")?;
        }
        if cfg!(feature = "openapi") {
            writeln!(f, "API documentation    {base}{mount}/docs")?;
        }
        if *mailbox {
            writeln!(f, "development mailbox  {base}/dev/mailbox")?;
        }
        writeln!(f, "health               {base}{mount}/health")?;
        writeln!(f, "database             {database}")
    }
}
