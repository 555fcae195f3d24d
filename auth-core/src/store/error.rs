use std::fmt;

use sqlx::migrate::MigrateError;

/// The database failed, or could not be reached.
#[derive(Debug)]
pub struct StoreError(sqlx::Error);

impl StoreError {
    /// Whether another connection to the same SQLite file was in the way.
    #[cfg(feature = "sqlite")]
    pub(super) fn is_locked(&self) -> bool {
        let code = self.0.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
    }

    /// Whether the role that connects lacks the right, which only Postgres knows of.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.0
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| code == "42501")
    }

    /// Whether the statement would have given two rows what only one may have.
    pub(crate) fn is_unique_violation(&self) -> bool {
        self.0.as_database_error().is_some_and(|error| error.is_unique_violation())
    }

    /// Returns whether the same request may succeed later: the database is away, busy or full.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match &self.0 {
            sqlx::Error::Database(error) => error.code().is_some_and(|code| temporary(&code)),
            sqlx::Error::Io(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::WorkerCrashed => true,
            _ => false,
        }
    }
}

/// Postgres has classes of five characters, SQLite has numbers whose lowest byte is the kind.
fn temporary(code: &str) -> bool {
    // Among them what it says to who connects while an operator works on it.
    const POSTGRES: [&str; 10] =
        ["08", "25006", "25P03", "28", "3D000", "40", "53", "55000", "55P03", "57"];
    const SQLITE: [u32; 8] = [5, 6, 8, 9, 10, 13, 14, 15];
    if code.len() == 5 {
        POSTGRES.iter().any(|prefix| code.starts_with(prefix))
    } else {
        code.parse::<u32>().is_ok_and(|code| SQLITE.contains(&(code & 0xff)))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database failed or could not be reached")
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        Self(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_or_a_full_disk_does_passes() {
        // Stopped, not let in, gone for now, full, read only; and SQLite's busy and full.
        for code in ["57P01", "55000", "28P01", "3D000", "53300", "25006", "5", "517", "13"] {
            assert!(temporary(code), "{code}");
        }
        for code in ["42P01", "42501", "23505", "22P02", "1", "19"] {
            assert!(!temporary(code), "{code}");
        }
    }
}
