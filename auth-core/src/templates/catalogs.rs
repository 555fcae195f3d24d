//! What templates say, in each language.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::refused;
use crate::{ConfigError, Language};

/// The texts by language and key.
#[derive(Debug)]
pub(super) struct Catalogs(BTreeMap<Language, BTreeMap<String, String>>);

impl Catalogs {
    /// Takes the texts of `overrides`, a host's files, in place of built-in ones of the same key.
    pub(super) fn new(overrides: &[(Language, String)]) -> Result<Self, ConfigError> {
        let mut catalogs = Self(BTreeMap::new());
        for language in Language::ALL {
            let texts = serde_json::from_str(builtin(language));
            catalogs.0.insert(language, texts.expect("a built-in catalog is an object of texts"));
        }
        for (language, content) in overrides {
            catalogs.replace(*language, content)?;
        }
        Ok(catalogs)
    }

    /// Returns the text of `key`, with the value of each placeholder in its place.
    pub(super) fn text(
        &self,
        language: Language,
        key: &str,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let text = self.0.get(&language).and_then(|texts| texts.get(key));
        let mut rest = text.ok_or_else(|| format!("there is no text {key:?}"))?.as_str();
        let mut filled = String::with_capacity(2 * rest.len());
        while let Some((before, name, after)) = split_at_placeholder(rest) {
            filled.push_str(before);
            filled.push_str(&value(name).ok_or_else(|| format!("{key:?} lacks its {name:?}"))?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A duration as people say it: "24 hours", "30 minutes", rounded up to whole minutes and from
    /// two hours on down to whole hours.
    pub(super) fn duration(
        &self,
        language: Language,
        duration: Duration,
    ) -> Result<String, String> {
        let secs = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        let minutes = secs.div_ceil(60);
        let (count, unit) = match minutes {
            0..=1 if secs < 60 => (secs, "second"),
            0..=119 if minutes != 60 => (minutes, "minute"),
            minutes if minutes < 3 * 24 * 60 && minutes != 2 * 24 * 60 => (minutes / 60, "hour"),
            minutes => (minutes / (24 * 60), "day"),
        };
        // The plural rules of CLDR, as far as they matter to whole numbers of these units.
        let is_one = match language {
            Language::Chinese => false,
            Language::French => count <= 1,
            Language::English | Language::German | Language::Spanish => count == 1,
        };
        let form = if is_one { "one" } else { "other" };
        self.text(language, &format!("duration.{unit}.{form}"), |name| {
            (name == "count").then(|| count.to_string())
        })
    }

    fn replace(&mut self, language: Language, content: &str) -> Result<(), ConfigError> {
        let file = file_name(language);
        let texts: BTreeMap<String, String> = serde_json::from_str(content)
            .map_err(|error| refused(&file, &format!("must be an object of texts: {error}")))?;
        let builtin = self.0.get_mut(&language).expect("every language has a built-in catalog");
        for (key, text) in texts {
            let Some(replaced) = builtin.get_mut(&key) else {
                return Err(refused(&file, &format!("there is no text {key:?}")));
            };
            let names = placeholders(replaced);
            if placeholders(&text) != names {
                let names: Vec<_> = names.iter().map(|name| format!("{{{name}}}")).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let problem = format!("{key:?} must keep its placeholders, which are: {names}");
                return Err(refused(&file, &problem));
            }
            *replaced = text;
        }
        Ok(())
    }
}

/// The names of the placeholders of a text.
fn placeholders(mut text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    while let Some((_, name, after)) = split_at_placeholder(text) {
        names.insert(name);
        text = after;
    }
    names
}

/// Splits a text at its first `{name}`.
fn split_at_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (name, after) = text[at + 1..].split_once('}')?;
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (!name.is_empty() && name.bytes().all(is_name)).then(|| (&text[..at], name, after))
    })
}

/// The name of a language's catalog.
pub(super) fn file_name(language: Language) -> String {
    format!("locales/{language}.json")
}

const fn builtin(language: Language) -> &'static str {
    match language {
        Language::Chinese => include_str!("../../templates/locales/zh.json"),
        Language::English => include_str!("../../templates/locales/en.json"),
        Language::French => include_str!("../../templates/locales/fr.json"),
        Language::German => include_str!("../../templates/locales/de.json"),
        Language::Spanish => include_str!("../../templates/locales/es.json"),
    }
}

#[cfg(test)]
mod tests;
