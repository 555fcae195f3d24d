use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A language that mails and pages are written in.
///
/// The set is closed: its texts are part of this crate, and a host may change any of them, but add
/// no language.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Language {
    /// Chinese, in simplified characters.
    Chinese,
    /// English.
    #[default]
    English,
    /// French.
    French,
    /// German.
    German,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 5] =
        [Self::Chinese, Self::English, Self::French, Self::German, Self::Spanish];

    /// Returns the tag: `de`, `en`, `es`, `fr` or `zh`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Spanish => "es",
        }
    }

    /// Parses a language tag (RFC 5646), of which the primary subtag alone counts: `de-AT` is `de`.
    ///
    /// # Errors
    ///
    /// If the tag is of another language, or `text` is no tag.
    pub fn parse(text: &str) -> Result<Self, LanguageError> {
        let is_tag = text.len() <= MAX_TAG_LENGTH
            && text.split('-').all(|subtag| {
                (1..=8).contains(&subtag.len())
                    && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        let primary = text.split('-').next().unwrap_or_default();
        let found = Self::ALL.into_iter().find(|one| primary.eq_ignore_ascii_case(one.as_str()));
        found.filter(|_| is_tag).ok_or(LanguageError)
    }

    /// Chooses the language that the value of an `Accept-Language` header asks for most
    /// (RFC 9110 §12.5.4), or none if it asks for none of these, or for any as much.
    ///
    /// Of equal weights the first counts. What is not well-formed is skipped, and so is what comes
    /// after the 32nd range.
    #[must_use]
    pub fn negotiate(accept_language: &str) -> Option<Self> {
        let mut best: Option<(u16, Option<Self>)> = None;
        for range in accept_language.split(',').take(MAX_RANGES) {
            let Some((language, weight)) = weighted(range) else { continue };
            let better = match best {
                None => true,
                // Any language is content with one that is named beside it.
                Some((most, chosen)) => {
                    weight > most || (weight == most && chosen.is_none() && language.is_some())
                }
            };
            if weight > 0 && better {
                best = Some((weight, language));
            }
        }
        best.and_then(|(_, language)| language)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        Self::parse(text)
    }
}

/// A text is not the tag of a [`Language`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LanguageError;

impl fmt::Display for LanguageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be \"de\", \"en\", \"es\", \"fr\" or \"zh\"")
    }
}

impl Error for LanguageError {}

/// A range with its weight in thousandths: a language of these, or none for `*`.
fn weighted(range: &str) -> Option<(Option<Language>, u16)> {
    let (tag, weight) = match range.split_once(';') {
        None => (range, 1000),
        Some((tag, parameter)) => {
            let (name, value) = parameter.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("q") {
                return None;
            }
            (tag, thousandths(value.trim())?)
        }
    };
    match tag.trim() {
        "*" => Some((None, weight)),
        tag => Some((Some(Language::parse(tag).ok()?), weight)),
    }
}

/// Reads a weight: 0 to 1 with at most three decimals (RFC 9110 §12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", _) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// What RFC 5646 §4.4.1 asks to have room for.
const MAX_TAG_LENGTH: usize = 35;

/// Far more than a person speaks.
const MAX_RANGES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_subtag_names_the_language() {
        for (text, language) in [
            ("de", Language::German),
            ("DE-at", Language::German),
            ("en-US", Language::English),
            ("es-419", Language::Spanish),
            ("fr-CH-1996", Language::French),
            ("zh-Hans-CN", Language::Chinese),
        ] {
            assert_eq!(Language::parse(text), Ok(language), "{text}");
        }
        for language in Language::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
        }
        let long = format!("de{}", "-aaaaaaaa".repeat(4));
        for text in ["", "d", "deu", "it", "de_AT", "de-", "-de", " de", "de\n", "*", &long] {
            assert_eq!(Language::parse(text), Err(LanguageError), "{text:?}");
        }
    }

    #[test]
    fn the_language_that_is_wanted_most_is_chosen() {
        for (header, language) in [
            ("de", Some(Language::German)),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", Some(Language::French)),
            ("en;q=0.5,de;q=0.501", Some(Language::German)),
            ("it, es ; Q=0.3", Some(Language::Spanish)),
            ("de, en", Some(Language::German)),
            ("en;q=1.000, de", Some(Language::English)),
            ("*, zh", Some(Language::Chinese)),
            ("*;q=0.5, de;q=0.4", None),
            ("*", None),
            ("it", None),
            ("", None),
            ("de;q=0, fr;q=0.1", Some(Language::French)),
            ("de;q=0.000", None),
        ] {
            assert_eq!(Language::negotiate(header), language, "{header:?}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_skipped() {
        for weight in ["", "1.001", "2", "-1", "0.1234", "nan", "+0.5", ".5", "1e0", "0.5;x=y"] {
            let header = format!("de;q={weight}, fr;q=0.001");
            assert_eq!(Language::negotiate(&header), Some(Language::French), "{weight:?}");
        }
        for header in [";;,=,,;q=1", "de;level=1", "\u{e9}", ";q=1"] {
            assert_eq!(Language::negotiate(header), None, "{header:?}");
        }
        assert_eq!(Language::negotiate(&format!("{}de", "it,".repeat(31))), Some(Language::German));
        assert_eq!(Language::negotiate(&format!("{}de", "it,".repeat(32))), None);
    }
}
