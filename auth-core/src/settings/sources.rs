use std::collections::HashMap;

use config::{Environment, File, FileFormat};

use super::raw::Raw;
use super::typo::unknown_key;
use super::{FILE_VARIABLE, PREFIX, SettingsError};
use crate::ConfigError;

/// The file and the variables, together and apart.
pub(super) struct Sources {
    all: config::Config,
    file: String,
    variables: HashMap<String, String>,
}

impl Sources {
    pub(super) fn new(
        file: &str,
        toml: Option<&str>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let variables: HashMap<_, _> = env
            .into_iter()
            .filter(|(name, value)| {
                name.starts_with(PREFIX) && name != FILE_VARIABLE && !value.is_empty()
            })
            .collect();
        for name in variables.keys() {
            let key = &name[PREFIX.len()..];
            let parts = key.split("__").all(|part| !part.is_empty() && !part.starts_with('_'));
            let capital =
                |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            if !parts || !key.bytes().all(capital) {
                return Err(SettingsError(format!("{name} is no known setting")));
            }
        }
        let toml = File::from_str(toml.unwrap_or_default(), FileFormat::Toml);
        let environment = Environment::with_prefix("AUTH")
            .prefix_separator("_")
            .separator("__")
            .source(Some(variables.clone().into_iter().collect()));
        let all = config::Config::builder().add_source(toml).add_source(environment).build();
        let all = all.map_err(|error| SettingsError(syntax_error(file, &error.to_string())))?;
        Ok(Self { all, file: file.to_owned(), variables })
    }

    pub(super) fn parse(&self) -> Result<Raw, SettingsError> {
        let raw: Raw = serde_path_to_error::deserialize(self.all.clone()).map_err(|error| {
            let key = error.path().to_string();
            let problem = match error.into_inner() {
                // Its text would repeat the value, which may be a secret.
                config::ConfigError::Type { expected, .. } => format!("must be {expected}"),
                config::ConfigError::At { error, .. } => error.to_string(),
                error => error.to_string(),
            };
            let problem = match unknown_key(&key, &problem) {
                Some(unknown) => unknown,
                None if problem.starts_with("must ") => problem,
                None => format!("cannot be used: {problem}"),
            };
            self.blame(&ConfigError::new(key, problem))
        })?;
        raw.limits.check().map_err(|error| self.blame(&error))?;
        Ok(raw)
    }

    /// Says where the value came from that is at fault, unless it is a default.
    pub(super) fn blame(&self, error: &ConfigError) -> SettingsError {
        let variable = format!("{PREFIX}{}", error.key().replace('.', "__").to_uppercase());
        let origin = if self.variables.contains_key(&variable) {
            format!("{variable}: ")
        } else if self.all.get::<config::Value>(error.key()).is_ok() {
            format!("{}: ", self.file)
        } else {
            String::new()
        };
        SettingsError(format!("{origin}{error}"))
    }
}

/// Makes one sentence of a report that quotes the line at fault, which may hold a secret.
fn syntax_error(file: &str, report: &str) -> String {
    let quoted = report.lines().find_map(|line| {
        let (number, content) = line.split_once('|')?;
        let number: u32 = number.trim().parse().ok()?;
        Some((number, content.split('=').next().unwrap_or_default().trim().to_owned()))
    });
    let problem = report.lines().last().unwrap_or_default().trim();
    match quoted {
        Some((number, key)) => format!("{file}: line {number}: {key}: {problem}"),
        None => format!("{file}: {problem}"),
    }
}
