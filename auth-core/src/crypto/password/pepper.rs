use std::error::Error as StdError;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::crypto::key_material::{self, Unfit};

/// A secret that goes into every password hash and is kept outside the database.
///
/// It is the secret value K of Argon2 (RFC 9106 §3.1), at least 32 random bytes: whoever reads the
/// database and not this cannot even begin to guess passwords (NIST SP 800-63B-4 §3.1.1.2). Make one
/// with `openssl rand -base64 32`, and not the [`MasterSecret`](crate::MasterSecret) again.
///
/// A hash carries the id of its pepper, so a pepper can be introduced, replaced and removed:
/// whatever was hashed otherwise stays good, and is hashed anew when its user signs in.
///
/// ```
/// use auth_core::Pepper;
///
/// let old = Pepper::parse("KTzXQvSi5MpyMm0wPYyJ4xZpZfC7pHzqC1rpeOsF2Io=")?;
/// let new = Pepper::parse("0qS7mFXkvyFjVr1uI0Z5gqY9b4d3nH8xW6tLcPjEoGs=")?;
/// let replaced = new.with_previous(old);
///
/// let old = Pepper::parse("KTzXQvSi5MpyMm0wPYyJ4xZpZfC7pHzqC1rpeOsF2Io=")?;
/// let removed = Pepper::none().with_previous(old);
/// # Ok::<(), auth_core::PepperError>(())
/// ```
///
/// # Security
///
/// Who loses it loses every password that was hashed with it. It is wiped from memory when dropped,
/// and is neither printed nor serialized.
pub struct Pepper {
    current: Option<PepperKey>,
    previous: Vec<PepperKey>,
}

impl Pepper {
    /// Takes at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`PepperError::TooShort`] below 32 bytes, and [`PepperError::TooPredictable`] if fewer than
    /// 16 byte values occur, as in a word that is repeated: no random secret is like that.
    pub fn new(bytes: Vec<u8>) -> Result<Self, PepperError> {
        Ok(Self::of(key_material::check(bytes)?))
    }

    /// Reads a pepper in base64, of either alphabet, padded or not, with white space around it.
    ///
    /// # Errors
    ///
    /// [`PepperError::NotBase64`], and those of [`new`](Self::new).
    pub fn parse(base64: &str) -> Result<Self, PepperError> {
        Ok(Self::of(key_material::parse(base64)?))
    }

    /// Makes hashes without a pepper, the default.
    ///
    /// [`with_previous`](Self::with_previous) one, hashes of that one stay good: to remove it, or
    /// to let every instance know it before the first one uses it.
    #[must_use]
    pub const fn none() -> Self {
        Self { current: None, previous: Vec::new() }
    }

    /// Adds a pepper that was replaced or is yet to be used, together with its own previous ones.
    ///
    /// Passwords are compared with the hashes that were made with it; none is made any more.
    #[must_use]
    pub fn with_previous(mut self, previous: Self) -> Self {
        self.previous.extend(previous.current);
        self.previous.extend(previous.previous);
        self
    }

    fn of(secret: Zeroizing<Vec<u8>>) -> Self {
        Self { current: Some(PepperKey::new(secret)), previous: Vec::new() }
    }

    /// Returns what hashes are made with now.
    pub(super) const fn current(&self) -> Option<&PepperKey> {
        self.current.as_ref()
    }

    pub(super) fn find(&self, id: &str) -> Option<&PepperKey> {
        self.current.iter().chain(&self.previous).find(|key| key.id == id)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper([redacted])")
    }
}

/// One pepper, and the id that names it in hashes without telling anything about it.
pub(crate) struct PepperKey {
    id: String,
    secret: Zeroizing<Vec<u8>>,
}

impl PepperKey {
    fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        let mut id = [0; ID_BYTES];
        Hkdf::<Sha256>::new(None, &secret)
            .expand(ID_LABEL, &mut id)
            .expect("six bytes are fewer than HKDF-SHA256 can give");
        Self { id: STANDARD_NO_PAD.encode(id), secret }
    }

    /// Returns the value of the parameter `keyid`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

/// Says why a [`Pepper`] was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PepperError {
    /// The text is not base64.
    NotBase64,
    /// The bytes repeat too much to be random.
    TooPredictable,
    /// There are fewer than 32 bytes.
    TooShort,
}

impl fmt::Display for PepperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unfit = match self {
            Self::NotBase64 => Unfit::NotBase64,
            Self::TooPredictable => Unfit::TooPredictable,
            Self::TooShort => Unfit::TooShort,
        };
        write!(f, "the pepper {unfit}")
    }
}

impl StdError for PepperError {}

impl From<Unfit> for PepperError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::NotBase64 => Self::NotBase64,
            Unfit::TooPredictable => Self::TooPredictable,
            Unfit::TooShort => Self::TooShort,
        }
    }
}

/// Changing it makes every hash with a pepper unusable.
const ID_LABEL: &[u8] = b"auth/pepper/key-id/v1";
/// At most 8 (PHC string format, "Argon2 Encoding"), and enough that no two peppers share an id.
const ID_BYTES: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_a_pepper_and_nothing_is_printed() {
        let pepper = Pepper::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
        assert_eq!(pepper.current().map(PepperKey::id), Some("2nx7q+Ys"));
        assert_eq!(format!("{pepper:?}"), "Pepper([redacted])");
    }

    #[test]
    fn a_weak_pepper_is_refused() {
        let refusal = |text: &str| Pepper::parse(text).err();
        assert_eq!(refusal("salt and pepper"), Some(PepperError::NotBase64));
        assert_eq!(refusal("c2hvcnQ="), Some(PepperError::TooShort));
        assert_eq!(refusal(&"QUJD".repeat(16)), Some(PepperError::TooPredictable));
        let text = PepperError::TooShort.to_string();
        assert!(text.starts_with("the pepper is shorter"), "{text}");
    }
}
