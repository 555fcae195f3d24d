//! What is wrong with a service, or soon will be: looked for on request.

mod configuration;
mod database;

use std::fmt;

use crate::Auth;

/// Something that whoever runs the service should know; found by [`Auth::doctor`].
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The key of the configuration that it is about, or the part of the service.
    pub subject: String,
    /// What it is.
    pub problem: String,
    /// What to do about it.
    pub advice: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// It works, and is less safe or less reliable than it could be.
    Warning,
    /// Something does not work, or is open to others.
    Error,
}

impl Finding {
    pub(crate) fn error(subject: &str, problem: impl Into<String>, advice: &str) -> Self {
        Self::new(Severity::Error, subject, problem.into(), advice)
    }

    pub(crate) fn warning(subject: &str, problem: impl Into<String>, advice: &str) -> Self {
        Self::new(Severity::Warning, subject, problem.into(), advice)
    }

    pub(crate) fn note(subject: &str, problem: impl Into<String>, advice: &str) -> Self {
        Self::new(Severity::Note, subject, problem.into(), advice)
    }

    fn new(severity: Severity, subject: &str, problem: String, advice: &str) -> Self {
        Self { severity, subject: subject.to_owned(), problem, advice: advice.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Note => "note",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}: {}: {}", self.subject, self.problem, self.advice)
    }
}

impl Auth {
    /// Looks at the configuration and at the system as it runs, and returns what is wrong or soon
    /// will be, the worst first; nothing if all is well.
    ///
    /// It takes some dozen reads, opens up to some ten thousand sealed values, greets the mail server,
    /// and changes nothing.
    pub async fn doctor(&self) -> Vec<Finding> {
        let inner = &*self.0;
        let mut findings =
            configuration::examine(&inner.config, inner.mailer.is_some(), inner.mailbox.is_some());
        if let Some(mailer) = &inner.mailer
            && let Err(error) = mailer.check().await
        {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let problem = cause.unwrap_or_else(|| error.to_string());
            findings.push(Finding::error("mailer", problem, "mails wait until it can be reached"));
        }
        self.examine_database(&mut findings).await;
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }
}
