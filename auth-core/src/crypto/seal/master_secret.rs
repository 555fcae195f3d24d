use std::error::Error as StdError;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Random;
use crate::crypto::key_material::{self, MIN_BYTES, Unfit};

/// The one secret of an installation, from which every key that protects stored data is derived.
///
/// It is at least 32 random bytes, kept outside the database, such as in an environment variable
/// or a secret manager. Make one with `openssl rand -base64 32`.
///
/// To replace it, put the new one first and keep the old one with
/// [`with_previous`](Self::with_previous) until nothing is sealed with it any more.
///
/// ```
/// use auth_core::MasterSecret;
///
/// let old = MasterSecret::parse("KTzXQvSi5MpyMm0wPYyJ4xZpZfC7pHzqC1rpeOsF2Io=")?;
/// let new = MasterSecret::parse("0qS7mFXkvyFjVr1uI0Z5gqY9b4d3nH8xW6tLcPjEoGs=")?;
/// let secret = new.with_previous(old);
/// # Ok::<(), auth_core::MasterSecretError>(())
/// ```
///
/// # Security
///
/// Whoever has this secret and the database can sign access tokens and read what is sealed.
/// It is wiped from memory when dropped, and is neither printed nor serialized.
pub struct MasterSecret {
    pub(super) current: Zeroizing<Vec<u8>>,
    pub(super) previous: Vec<Zeroizing<Vec<u8>>>,
}

impl MasterSecret {
    /// Takes at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`MasterSecretError::TooShort`] below 32 bytes, and [`MasterSecretError::TooPredictable`]
    /// if fewer than 16 byte values occur, as in a word that is repeated: no random secret is like that.
    pub fn new(bytes: Vec<u8>) -> Result<Self, MasterSecretError> {
        Ok(Self { current: key_material::check(bytes)?, previous: Vec::new() })
    }

    /// Reads a secret in base64, of either alphabet, padded or not, with white space around it.
    ///
    /// # Errors
    ///
    /// [`MasterSecretError::NotBase64`], and those of [`new`](Self::new).
    pub fn parse(base64: &str) -> Result<Self, MasterSecretError> {
        Ok(Self { current: key_material::parse(base64)?, previous: Vec::new() })
    }

    /// Makes a new secret of 32 bytes.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        let bytes = Zeroizing::new(random.bytes::<MIN_BYTES>());
        Self { current: Zeroizing::new(bytes.to_vec()), previous: Vec::new() }
    }

    /// Adds a secret that was replaced, together with those that it had replaced.
    ///
    /// What was sealed with it can still be opened; nothing is sealed with it any more.
    #[must_use]
    pub fn with_previous(mut self, previous: Self) -> Self {
        self.previous.push(previous.current);
        self.previous.extend(previous.previous);
        self
    }

    /// Returns the current secret in padded base64, as [`parse`](Self::parse) reads it.
    ///
    /// # Security
    ///
    /// Every call is a place to review: the result can be printed, logged and stored.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.current.as_slice()))
    }
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterSecret([redacted])")
    }
}

/// Says why a [`MasterSecret`] was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MasterSecretError {
    /// The text is not base64.
    NotBase64,
    /// The bytes repeat too much to be random.
    TooPredictable,
    /// There are fewer than 32 bytes.
    TooShort,
}

impl fmt::Display for MasterSecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unfit = match self {
            Self::NotBase64 => Unfit::NotBase64,
            Self::TooPredictable => Unfit::TooPredictable,
            Self::TooShort => Unfit::TooShort,
        };
        write!(f, "the master secret {unfit}")
    }
}

impl StdError for MasterSecretError {}

impl From<Unfit> for MasterSecretError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::NotBase64 => Self::NotBase64,
            Unfit::TooPredictable => Self::TooPredictable,
            Unfit::TooShort => Self::TooShort,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    #[test]
    fn a_secret_is_read_in_every_spelling_of_base64_and_never_printed() {
        let secret = MasterSecret::generate(&SeededRandom::new(7));
        let base64 = secret.to_base64();
        let url_safe = base64.replace('+', "-").replace('/', "_");
        for text in
            [base64.as_str(), &url_safe, url_safe.trim_end_matches('='), &format!("{}\n", *base64)]
        {
            let parsed = MasterSecret::parse(text).map(|parsed| parsed.to_base64());
            assert_eq!(parsed.as_ref(), Ok(&base64), "{text:?}");
        }
        assert_eq!(format!("{secret:?}"), "MasterSecret([redacted])");
    }

    #[test]
    fn a_weak_secret_is_refused() {
        use MasterSecretError::{NotBase64, TooPredictable, TooShort};
        let refusal = |text: &str| MasterSecret::parse(text).err();
        assert_eq!(refusal("correct horse battery staple"), Some(NotBase64));
        assert_eq!(refusal(""), Some(TooShort));
        assert_eq!(refusal(&STANDARD.encode([7; 31])), Some(TooShort));
        assert_eq!(refusal(&STANDARD.encode([7; 64])), Some(TooPredictable));
        assert_eq!(refusal(&STANDARD.encode("changeme".repeat(8))), Some(TooPredictable));
    }
}
