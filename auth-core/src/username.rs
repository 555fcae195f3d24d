use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A name that a user may sign in with instead of an e-mail address.
///
/// Two usernames are equal if their canonical forms are, byte for byte.
///
/// # Security
///
/// Only ASCII and never an `@`: no two names look alike, and none looks like an address.
#[derive(Clone, Debug)]
pub struct Username {
    canonical: String,
    original: String,
}

impl Username {
    /// Parses a name of 3 to 32 ASCII letters, digits, `_`, `.` and `-`.
    ///
    /// It starts with a letter or a digit; `.` and `-` neither end it nor follow each other.
    ///
    /// # Errors
    ///
    /// If `text` is anything else; nothing is trimmed or repaired.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        // Bytes, not characters: only a text of one-byte characters can be a name.
        if text.len() > MAX_LENGTH {
            return Err(UsernameError::TooLong);
        }
        if !is_well_formed(text) {
            return Err(UsernameError::Invalid);
        }
        if text.len() < MIN_LENGTH {
            return Err(UsernameError::TooShort);
        }
        Ok(Self { canonical: text.to_ascii_lowercase(), original: text.to_owned() })
    }

    /// Returns the form to compare and to look up: all in lower case.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the form to show: as entered.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }
}

impl Eq for Username {}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

/// Why a text is not a [`Username`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UsernameError {
    /// It has a character, or a character at a place, that is not allowed.
    Invalid,
    /// It has more than 32 characters.
    TooLong,
    /// It has fewer than 3 characters.
    TooShort,
}

impl UsernameError {
    /// Returns the stable identifier of this error.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
        }
    }
}

impl fmt::Display for UsernameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str(
                "a username has only the letters a to z, digits, `_`, `.` and `-`, starts with a \
                 letter or a digit, and has no `.` or `-` at its end or next to another",
            ),
            Self::TooLong => write!(f, "a username has at most {MAX_LENGTH} characters"),
            Self::TooShort => write!(f, "a username has at least {MIN_LENGTH} characters"),
        }
    }
}

impl Error for UsernameError {}

fn is_well_formed(text: &str) -> bool {
    let is_separator = |byte: u8| matches!(byte, b'.' | b'-');
    let bytes = text.as_bytes();
    bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_' || is_separator(byte))
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(|&byte| !is_separator(byte))
        && !bytes.windows(2).any(|pair| pair.iter().all(|&byte| is_separator(byte)))
}

pub(crate) const MAX_LENGTH: usize = 32;

pub(crate) const MIN_LENGTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_spelling_and_fold_their_case() {
        for (text, canonical) in [("Bob", "bob"), ("a.b-c_d", "a.b-c_d"), ("4ever_", "4ever_")] {
            let name = Username::parse(text).unwrap();
            assert_eq!((name.canonical(), name.original()), (canonical, text));
            assert_eq!(Username::parse(canonical), Ok(name));
        }
        assert!(Username::parse(&"a".repeat(32)).is_ok());
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (text, code) in [
            ("", "too_short"),
            ("ab", "too_short"),
            (&*"a".repeat(33), "too_long"),
            ("a@b", "invalid"),
            ("a b", "invalid"),
            (" abc", "invalid"),
            ("abc\n", "invalid"),
            ("bøb", "invalid"),
            ("\u{212a}elvin", "invalid"),
            ("_abc", "invalid"),
            (".abc", "invalid"),
            ("-abc", "invalid"),
            ("abc.", "invalid"),
            ("abc-", "invalid"),
            ("a..b", "invalid"),
            ("a.-b", "invalid"),
            ("a/b", "invalid"),
        ] {
            assert_eq!(Username::parse(text).map_err(UsernameError::code), Err(code), "{text:?}");
        }
    }
}
