use std::fmt;

use uuid::Uuid;

use super::Operator;
pub use super::import_record::ImportedUser;
use super::import_record::Record;
use crate::auth::{Inner, Unit};
use crate::crypto::seal::Purpose;
use crate::store::WholeUser;
use crate::{Error, EventKind, Language, Result, UserId};

/// How an import goes about it; by default it goes on after a record that is refused, and keeps
/// what is wrong with the first hundred.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ImportOptions {
    strict: bool,
    kept: usize,
}

impl ImportOptions {
    /// Makes the default options.
    pub fn new() -> Self {
        Self { strict: false, kept: 100 }
    }

    /// Stops at the first record that is refused. Those before it stay.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Sets of how many refused records the report tells what is wrong with them.
    pub fn kept(mut self, kept: usize) -> Self {
        self.kept = kept;
        self
    }
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How far an import has come, and in the end what it came to.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// How many records were read.
    pub read: u64,
    /// How many users were created of them.
    pub created: u64,
    /// How many were left out because their address has a user, who stays as they are.
    pub skipped: u64,
    /// How many were refused.
    pub refused: u64,
    /// Why the first of those were.
    pub problems: Vec<ImportProblem>,
}

/// Why a record was refused.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct ImportProblem {
    /// The place of the record, from one: the line, where there is one a line.
    pub record: u64,
    /// The key at fault, if it is one of them.
    pub key: Option<&'static str>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: ", self.record)?;
        self.key.map_or(Ok(()), |key| write!(f, "{key}: "))?;
        f.write_str(&self.reason)
    }
}

impl Operator<'_> {
    /// Creates users whom another system kept before, with their password hashes.
    ///
    /// Records are read as they are needed, and committed in portions of a few hundred; `progress` is
    /// told after each. An address that has a user is left out, so an import that broke off can be
    /// repeated from the start. The host's [`SignUpHook`](crate::SignUpHook) runs for each user,
    /// and what it refuses is refused. Nobody is mailed anything.
    ///
    /// Which hashes are taken is in [the manual](crate::manual::operations#import).
    ///
    /// # Errors
    ///
    /// If the database fails. A record that cannot be read or is not acceptable is no error.
    ///
    /// # Security
    ///
    /// An activated user is one whose address the other system has proven.
    pub async fn import<E: fmt::Display>(
        &self,
        records: impl IntoIterator<Item = Result<ImportedUser, E>>,
        options: ImportOptions,
        mut progress: impl FnMut(&ImportReport),
    ) -> Result<ImportReport> {
        let mut report = ImportReport::default();
        let mut records = records.into_iter();
        loop {
            // Whoever is slow to write records keeps no transaction open.
            let portion: Vec<_> = records.by_ref().take(BATCH).collect();
            let full = portion.len() == BATCH;
            let stopped = self.import_portion(portion, options, &mut report).await?;
            progress(&report);
            if stopped || !full {
                return Ok(report);
            }
        }
    }

    /// Imports records in one transaction, and returns whether that is the end of it.
    async fn import_portion<E: fmt::Display>(
        &self,
        records: Vec<Result<ImportedUser, E>>,
        options: ImportOptions,
        report: &mut ImportReport,
    ) -> Result<bool> {
        let mut unit = self.auth.begin(self).await?;
        let mut stopped = false;
        for record in records {
            report.read += 1;
            let outcome = match record {
                Err(error) => Outcome::Refused(None, error.to_string()),
                Ok(user) => self.import_one(&mut unit, user).await?,
            };
            stopped = options.strict && matches!(outcome, Outcome::Refused(..));
            report.add(outcome, options.kept);
            if stopped {
                break;
            }
        }
        unit.commit().await?;
        Ok(stopped)
    }

    async fn import_one(&self, unit: &mut Unit<'_>, user: ImportedUser) -> Result<Outcome> {
        let Inner { clock, random, hooks, sealer, .. } = &*self.auth.0;
        let now = clock.now();
        let record = match self.auth.check_import(user, now) {
            Ok(record) => record,
            Err((key, reason)) => return Ok(Outcome::Refused(Some(key), reason)),
        };
        let Record {
            email, username, password_hash, roles, metadata, language, totp_secret, ..
        } = &record;
        let row = WholeUser {
            id: UserId::generate(&**clock, &**random),
            email,
            username: username.as_ref(),
            password_hash: password_hash.as_ref().map(|hash| hash.as_str()),
            roles,
            metadata,
            language: language.map(Language::as_str),
            activated_at: record.activated_at,
            created_at: record.created_at,
        };
        let id = row.id;
        let hooked = hooks.sign_up.is_some();
        if hooked {
            unit.tx().savepoint().await?;
        }
        let mut inserted = unit.tx().insert_whole_user(&row).await?;
        // Who signs addresses up before others move in is not to keep their users out.
        if !inserted && row.activated_at.is_some() {
            let replaced = self.auth.replace_unproven(unit, row.email.canonical(), id).await?;
            inserted = replaced && unit.tx().insert_whole_user(&row).await?;
        }
        if inserted && let Some(secret) = totp_secret {
            let owner = Uuid::from(id);
            let sealed = sealer.seal(&**random, Purpose::TotpSecret, owner.as_bytes(), secret);
            unit.tx().insert_totp(id, &sealed, 0, now).await?;
        }
        if hooked {
            if inserted && let Err(reason) = self.run_hook(unit, id).await? {
                unit.tx().roll_back_to_savepoint().await?;
                return Ok(Outcome::Refused(None, reason));
            }
            unit.tx().release_savepoint().await?;
        }
        if inserted {
            unit.record(EventKind::UserCreated).user(id).detail("by", "import");
            return Ok(Outcome::Created);
        }
        let account = unit.tx().account_by_email(row.email.canonical()).await?;
        Ok(match account {
            Some(_) => Outcome::Skipped,
            None => Outcome::Refused(Some("username"), "is taken by another user".to_owned()),
        })
    }

    async fn run_hook(&self, unit: &mut Unit<'_>, id: UserId) -> Result<Result<(), String>> {
        let account = unit.tx().account(id).await?;
        let account = account.ok_or_else(|| Error::internal("a new user is not there"))?;
        let hooked = self.auth.0.hooks.signed_up(unit.transaction(), &account.user).await;
        Ok(hooked.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("the host refuses: {}", cause.unwrap_or_else(|| error.to_string()))
        }))
    }
}

enum Outcome {
    Created,
    Refused(Option<&'static str>, String),
    Skipped,
}

impl ImportReport {
    fn add(&mut self, outcome: Outcome, kept: usize) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Refused(key, reason) => {
                self.refused += 1;
                if self.problems.len() < kept {
                    self.problems.push(ImportProblem { record: self.read, key, reason });
                }
            }
        }
    }
}

/// How many records one transaction takes.
const BATCH: usize = 500;
