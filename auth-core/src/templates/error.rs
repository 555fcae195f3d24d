//! What can be wrong with a template or a catalog.

use std::fmt;

use tera::ErrorKind;

use super::files::BUILTIN;
use crate::ConfigError;

/// Why a template could not be rendered.
#[derive(Debug)]
pub(crate) struct TemplateError {
    file: String,
    problem: String,
}

impl TemplateError {
    pub(super) fn new(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { file: file.into(), problem: problem.into() }
    }

    pub(super) fn of(file: &str, error: &tera::Error) -> Self {
        match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                let file = report.filename();
                let file = file.strip_prefix(BUILTIN).unwrap_or(file);
                let line = report.span().start_line;
                Self::new(file, format!("line {line}: {}", report.message()))
            }
            kind => {
                // Several templates that break together are reported at length; the first will do.
                let problem: Vec<_> = kind.to_string().lines().take(2).map(one_line).collect();
                Self::new(file, problem.join(" "))
            }
        }
    }

    pub(super) fn into_config_error(self) -> ConfigError {
        refused(&self.file, &self.problem)
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for TemplateError {}

pub(super) fn refused(file: &str, problem: &str) -> ConfigError {
    ConfigError::new("templates", format!("cannot be used: {file}: {problem}"))
}

/// The text on one line, without control characters: what a header may hold.
pub(super) fn one_line(text: &str) -> String {
    let text: String =
        text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
