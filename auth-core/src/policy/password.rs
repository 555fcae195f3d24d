//! Which passwords may be set.
//!
//! `common_passwords.txt` merges, for passwords of at least 8 characters, the list of Django (by Royce
//! Williams, from breaches; BSD-3-Clause) with those of `@zxcvbn-ts/language-common` and the `zxcvbn`
//! crate (both MIT): lower case, NFC, sorted by bytes.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::error::Error;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use crate::Password;

/// Decides whether a password may be set: by its length, by how common it is, by what it is made of
/// and by how many guesses it would take.
///
/// By default 8 characters with a score of 3, which is level 2 of ASVS 5.0 (6.2). No kind of character
/// is required or forbidden, and nothing expires. Every decision is on the NFC form.
///
/// # Security
///
/// Applies when a password is set, never when it is verified: a stricter policy locks nobody out.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
    min_length: usize,
    min_score: u8,
    words: Vec<String>,
}

impl PasswordPolicy {
    /// Makes the policy of NIST SP 800-63B-4 §3.1.1.2 for passwords that stand alone: 15 characters.
    ///
    /// The score stays at 3, although NIST asks for none; where every user has a second factor, NIST
    /// is content with the 8 characters of the default.
    #[must_use]
    pub fn nist() -> Self {
        Self { min_length: 15, ..Self::default() }
    }

    /// Sets the length that a password must have, in code points, from 8 to 64, by default 8.
    ///
    /// # Errors
    ///
    /// If `length` is outside these bounds.
    pub fn min_length(mut self, length: usize) -> Result<Self, PasswordPolicyError> {
        if !(8..=64).contains(&length) {
            return Err(PasswordPolicyError::MinLength);
        }
        self.min_length = length;
        Ok(self)
    }

    /// The length that a password must have, in code points.
    pub(crate) fn least_length(&self) -> usize {
        self.min_length
    }

    /// Sets the zxcvbn score that a password must have, from 0 to 4, by default 3.
    ///
    /// Score 3 stands for more than 10^8 guesses, 4 for more than 10^10; 0 asks for none.
    ///
    /// # Errors
    ///
    /// If `score` is above 4.
    pub fn min_score(mut self, score: u8) -> Result<Self, PasswordPolicyError> {
        if score > 4 {
            return Err(PasswordPolicyError::MinScore);
        }
        self.min_score = score;
        Ok(self)
    }

    /// Sets the words that everyone would try here, such as the names of the product and its maker.
    #[must_use]
    pub fn words(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.words = words.into_iter().map(Into::into).collect();
        self
    }

    /// Decides whether `password` may become the password of the one whom `context` describes, by
    /// the e-mail address and the username.
    ///
    /// # Errors
    ///
    /// The first reason that speaks against it.
    pub fn check(&self, password: &Password, context: &[&str]) -> Result<(), PasswordRejection> {
        // Before any work: NFC makes one code point of at most four, of at most four bytes each.
        if password.expose().len() > 16 * MAX_LENGTH {
            return Err(PasswordRejection::TooLong);
        }
        let password: Zeroizing<String> = Zeroizing::new(password.expose().nfc().collect());
        let length = password.chars().count();
        if length > MAX_LENGTH {
            return Err(PasswordRejection::TooLong);
        }
        if length < self.min_length {
            return Err(PasswordRejection::TooShort { min_length: self.min_length });
        }
        let folded = Zeroizing::new(password.to_lowercase());
        if is_common(&folded) {
            return Err(PasswordRejection::TooCommon);
        }
        let words = split(self.words.iter().map(String::as_str).chain(context.iter().copied()));
        if words.iter().any(|word| is_made_of(&folded, word)) {
            return Err(PasswordRejection::Contextual);
        }
        if self.min_score > 0 && score(&password, &words) < self.min_score {
            return Err(PasswordRejection::TooWeak);
        }
        Ok(())
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: 8, min_score: 3, words: Vec::new() }
    }
}

/// Which setting of a [`PasswordPolicy`] is out of its bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PasswordPolicyError {
    /// [`PasswordPolicy::min_length`].
    MinLength,
    /// [`PasswordPolicy::min_score`].
    MinScore,
}

impl fmt::Display for PasswordPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MinLength => "`min_length` must be from 8 to 64",
            Self::MinScore => "`min_score` must be from 0 to 4",
        })
    }
}

impl Error for PasswordPolicyError {}

/// Why a password may not be set. No variant holds any of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PasswordRejection {
    /// It is the user's name or address, the product's name, or such a word with digits.
    Contextual,
    /// It is on the list of common and breached passwords.
    TooCommon,
    /// It has more than 256 code points, which take at most 1 KiB.
    TooLong,
    /// It has fewer code points than the policy asks for.
    TooShort {
        /// How many it must have.
        min_length: usize,
    },
    /// It would be guessed too soon.
    TooWeak,
}

impl PasswordRejection {
    /// Returns the stable identifier of this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Contextual => "contextual",
            Self::TooCommon => "too_common",
            Self::TooLong => "too_long",
            Self::TooShort { .. } => "too_short",
            Self::TooWeak => "too_weak",
        }
    }

    /// Returns a sentence for the user.
    #[must_use]
    pub fn detail(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for PasswordRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contextual => f.write_str(
                "The password must not be your name, your address or the name of this service, \
                 with or without digits.",
            ),
            Self::TooCommon => f.write_str(
                "The password is on a list of common and breached passwords, which attackers try \
                 first.",
            ),
            Self::TooLong => write!(f, "The password must have at most {MAX_LENGTH} characters."),
            Self::TooShort { min_length } => {
                write!(f, "The password must have at least {min_length} characters.")
            }
            Self::TooWeak => f.write_str(
                "The password is too easy to guess. Add another word or two; uncommon words are \
                 better.",
            ),
        }
    }
}

impl Error for PasswordRejection {}

/// Looks for a whole line, by bisection of the text itself.
fn is_common(folded: &str) -> bool {
    let mut lines = COMMON_PASSWORDS.as_bytes();
    while !lines.is_empty() {
        let middle = lines.len() / 2;
        let is_end = |&byte: &u8| byte == b'\n';
        let start = lines[..middle].iter().rposition(is_end).map_or(0, |end| end + 1);
        let (before, rest) = lines.split_at(start);
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        lines = match folded.as_bytes().cmp(&rest[..end]) {
            Ordering::Equal => return true,
            Ordering::Greater => rest.get(end + 1..).unwrap_or_default(),
            Ordering::Less => before,
        };
    }
    false
}

/// Returns every text, folded, with the parts it is made of, such as the local part of an address.
///
/// In a fixed order, since zxcvbn takes the first for the likeliest.
fn split<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in texts {
        let text = text.nfc().collect::<String>().to_lowercase();
        words.extend(text.split('@').map(str::to_owned));
        words.extend(text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned));
        words.insert(text);
    }
    // In bytes: two Latin letters mean nothing, one Han character is a word.
    words.retain(|word| word.len() >= 3);
    words
}

/// Whether the password is nothing but the word, once or repeatedly, among digits and punctuation.
fn is_made_of(folded: &str, word: &str) -> bool {
    let letters =
        |text: &str| Zeroizing::new(text.chars().filter(|c| c.is_alphabetic()).collect::<String>());
    let repeats = |text: &str, part: &str| {
        part.len() >= 3 && !text.is_empty() && text.split(part).all(str::is_empty)
    };
    repeats(folded, word) || repeats(&letters(folded), &letters(word))
}

/// Returns the zxcvbn score, from 0 to 4, of as many characters as can be scored quickly: its work
/// grows with the square of their number, to a second for a hundred.
///
/// zxcvbn takes any unknown character for one of ten, which suits alphabets. Of scripts with thousands
/// of characters, each that is different counts for half an order of magnitude more.
fn score(password: &str, words: &BTreeSet<String>) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let password = Zeroizing::new(password.chars().take(SCORED).collect::<String>());
    let estimate = zxcvbn(&password, &words);
    let distinct: HashSet<char> = password.chars().filter(|&c| is_of_many(c)).collect();
    let magnitude = estimate.guesses_log10() + distinct.len() as f64 / 2.0;
    let raised = MAGNITUDES.partition_point(|&bound| bound < magnitude);
    if distinct.is_empty() { estimate.score().into() } else { raised as u8 }
}

/// Whether the character is an ideograph or a syllable.
fn is_of_many(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// Orders of magnitude that zxcvbn's scores 1 to 4 lie above.
const MAGNITUDES: [f64; 4] = [3.0, 6.0, 8.0, 10.0];

/// How many characters are scored.
const SCORED: usize = 40;

/// In code points after NFC, which take at most 1 KiB.
pub(crate) const MAX_LENGTH: usize = 256;

#[cfg(test)]
mod tests;
