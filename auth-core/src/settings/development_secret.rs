//! The master secret where none is set.

use super::SettingsError;
use super::database::Database;
#[cfg(feature = "sqlite")]
use super::database::file_of;
#[cfg(feature = "sqlite")]
use super::secret_file::SecretFile;
#[cfg(feature = "postgres")]
use crate::ConfigError;
#[cfg(feature = "sqlite")]
use crate::SystemRandom;
#[cfg(feature = "sqlite")]
use crate::store::in_memory;
use crate::{MasterSecret, Store};

/// What becomes of a development secret that is not there yet.
pub(super) enum Missing {
    IsMade,
    /// One that is gone with the process stands in for it: nothing was sealed yet.
    Stays,
}

/// Settings without a secret were refused, unless this is development on SQLite.
#[cfg(feature = "sqlite")]
pub(super) async fn development_secret(
    database: &Database,
    store: &Store,
    missing: Missing,
) -> Result<MasterSecret, SettingsError> {
    match database {
        #[cfg(feature = "postgres")]
        Database::Postgres { .. } => Err(no_secret().into()),
        Database::Sqlite(url) => {
            if in_memory(url) {
                return Ok(MasterSecret::generate(&SystemRandom));
            }
            // First, for a secret is made before the keys that it seals.
            let is_sealed = store.read().await?.newest_signing_key().await?.is_some();
            let file = SecretFile::beside(&file_of(url)?);
            Ok(match (file.exists()?, missing) {
                (false, _) if is_sealed => return Err(file.is_lost().into()),
                (false, Missing::Stays) => MasterSecret::generate(&SystemRandom),
                _ => file.read_or_make(&SystemRandom)?,
            })
        }
    }
}

#[cfg(not(feature = "sqlite"))]
pub(super) async fn development_secret(
    _: &Database,
    _: &Store,
    _: Missing,
) -> Result<MasterSecret, SettingsError> {
    Err(no_secret().into())
}

#[cfg(feature = "postgres")]
fn no_secret() -> ConfigError {
    ConfigError::new("secret", "is required with Postgres")
}
