use super::argon2::Argon2Hash;
use super::bcrypt::BcryptHash;
use super::hash_params::HashParams;
use super::memory::HashMemory;
use super::pbkdf2::Pbkdf2Hash;
use super::pepper::Pepper;
use super::scrypt::ScryptHash;
use super::unusable::Unusable;

/// A stored hash that is understood, and takes no more memory or time than it may.
pub(crate) enum Stored<'a> {
    Argon2(Argon2Hash<'a>),
    Bcrypt(BcryptHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
}

impl<'a> Stored<'a> {
    /// Reads a stored hash, without any work or memory for what it asks for.
    pub(super) fn parse(text: &str, pepper: &'a Pepper) -> Result<Self, Unusable> {
        if text.len() > MAX_BYTES {
            return Err(Unusable::Malformed);
        }
        // Django puts a name of its own in front of what is a string of its kind already.
        let text = match text.split_once('$') {
            Some(("argon2", _)) => &text["argon2".len()..],
            Some(("bcrypt", hash)) => hash,
            _ => text,
        };
        let mut fields = text.split('$');
        match (fields.next(), fields.next()) {
            (Some(""), Some("argon2d" | "argon2i" | "argon2id")) => {
                Argon2Hash::parse(text, pepper).map(Self::Argon2)
            }
            (Some(""), Some("2a" | "2b" | "2y")) => BcryptHash::parse(text).map(Self::Bcrypt),
            (Some(""), Some("pbkdf2-sha256")) | (Some("pbkdf2_sha256"), _) => {
                Pbkdf2Hash::parse(text).map(Self::Pbkdf2)
            }
            (Some(""), Some("scrypt")) | (Some("scrypt"), _) => {
                ScryptHash::parse(text).map(Self::Scrypt)
            }
            _ => Err(Unusable::UnknownKind),
        }
    }

    pub(super) fn matches(&self, password: &[u8], memory: &mut HashMemory) -> bool {
        match self {
            Self::Argon2(hash) => hash.matches(password, memory),
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => hash.matches(password),
            Self::Scrypt(hash) => hash.matches(password),
        }
    }

    /// Tells whether this is not what would be made now, so that a password that matches it had
    /// better be hashed again.
    pub(super) fn is_outdated(&self, params: HashParams, pepper: &Pepper) -> bool {
        match self {
            Self::Argon2(hash) => hash.is_outdated(params, pepper),
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Scrypt(_) => true,
        }
    }
}

/// Four times the longest honest one.
const MAX_BYTES: usize = 1024;
