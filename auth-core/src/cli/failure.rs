use std::error::Error as StdError;
use std::io::{self, Write};

use serde_json::json;

use crate::settings::SettingsError;
use crate::{Error, StoreError};

/// Why a call did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something went wrong, in one sentence.
    Failed(String),
    /// Whoever read the output has gone, which is no fault of anybody's.
    Gone,
    /// What the command was to judge is not right, and it has said so.
    Judged,
    /// The command was not called right: in one sentence, and in full for people.
    Misused { sentence: String, text: String },
}

impl Failure {
    pub(super) fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }

    pub(super) fn misused(sentence: &str) -> Self {
        Self::Misused { sentence: sentence.to_owned(), text: format!("error: {sentence}\n") }
    }

    /// Says what is wrong, and returns the exit code.
    pub(super) fn report(self, json: bool, errors: &mut dyn Write) -> u8 {
        let (code, sentence, text) = match self {
            Self::Failed(sentence) => (FAILED, sentence.clone(), format!("error: {sentence}\n")),
            Self::Gone => return 0,
            Self::Judged => return FAILED,
            Self::Misused { sentence, text } => (MISUSED, sentence, text),
        };
        // Whoever closed standard error does not want to know.
        let _ = match json {
            true => writeln!(errors, "{}", json!({ "error": sentence })),
            false => errors.write_all(text.as_bytes()),
        };
        code
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        let sentence = words.join(" ");
        let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence).to_owned();
        Self::Misused { sentence, text }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(match &error {
            Error::Internal(source) => with_sources(&**source),
            Error::Store(source) => with_sources(source),
            Error::Outbox(source) => with_sources(source),
            Error::Validation(fields) => {
                let details = fields.iter().map(|field| {
                    let name = field.pointer.trim_start_matches("#/");
                    format!("{name}: {}", field.detail)
                });
                details.collect::<Vec<_>>().join(" ")
            }
            _ => error.to_string(),
        })
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Gone,
            _ => Self::Failed(format!("the output cannot be written: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// Operators are told of causes, which users are not.
fn with_sources(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat what they come from.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(super) const FAILED: u8 = 1;
const MISUSED: u8 = 2;
