use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{Password, Random};

mod argon2;
mod backend;
mod bcrypt;
mod hash_params;
mod memory;
mod pbkdf2;
mod pepper;
mod scrypt;
mod stored;
#[cfg(test)]
mod tests;
mod unusable;

pub(crate) use argon2::computes_the_known_hash;
pub use backend::{HashBackend, HashBackendError};
pub use hash_params::{HashParams, HashParamsError};
pub(crate) use memory::HashMemory;
pub use pepper::{Pepper, PepperError};
use stored::Stored;
pub(crate) use unusable::Unusable;

/// Hashes passwords with Argon2id, and compares them with what rests in the store.
pub(crate) struct PasswordHasher {
    params: HashParams,
    pepper: Pepper,
    /// The hash of a password nobody knows.
    dummy: PasswordHash,
}

impl PasswordHasher {
    /// Hashes once, and so takes as long as a hash does.
    pub(crate) fn new(
        params: HashParams,
        pepper: Pepper,
        random: &dyn Random,
        memory: &mut HashMemory,
    ) -> Self {
        let secret = Zeroizing::new(random.bytes::<32>());
        let secret = Password::new(URL_SAFE_NO_PAD.encode(secret.as_slice()));
        let dummy = hash(params, &pepper, &secret, random, memory);
        Self { params, pepper, dummy }
    }

    /// Hashes a password with a new salt of 128 bits into 256 bits.
    pub(crate) fn hash(
        &self,
        password: &Password,
        random: &dyn Random,
        memory: &mut HashMemory,
    ) -> PasswordHash {
        hash(self.params, &self.pepper, password, random, memory)
    }

    /// Compares a password with a stored hash in constant time.
    ///
    /// If there is none, or none that can be used, it is compared with the hash of a password that
    /// nobody knows: that costs what a hash of now costs, so the time does not tell.
    pub(crate) fn verify(
        &self,
        stored: Option<&str>,
        password: &Password,
        memory: &mut HashMemory,
    ) -> Verdict {
        let recognized = stored.map(|stored| self.recognize(stored)).transpose();
        if let Ok(Some(stored)) = recognized {
            return self.compare(&stored, password, memory);
        }
        if let Ok(dummy) = self.recognize(self.dummy.as_str()) {
            self.compare(&dummy, password, memory);
        }
        recognized.map_or_else(Verdict::Unusable, |_| Verdict::Mismatch)
    }

    /// Says whether passwords can be compared with a stored hash: one of [`hash`](Self::hash), or
    /// one of another system, which an import may bring.
    ///
    /// Those are all variants of Argon2, bcrypt, and scrypt and PBKDF2 with HMAC-SHA-256 as PHC
    /// strings or in Django's and passlib's spelling. What they ask for is checked before any
    /// memory is taken for it.
    pub(crate) fn recognize(&self, stored: &str) -> Result<Stored<'_>, Unusable> {
        Stored::parse(stored, &self.pepper)
    }

    fn compare(
        &self,
        stored: &Stored<'_>,
        password: &Password,
        memory: &mut HashMemory,
    ) -> Verdict {
        let normal = normalize(password);
        if stored.matches(normal.as_bytes(), memory) {
            let outdated = stored.is_outdated(self.params, &self.pepper);
            return Verdict::Match { outdated };
        }
        // Other systems hashed what was typed. No kind of hash is left out, or the time would tell
        // which one it is.
        let raw = password.expose();
        if raw != normal.as_str() && stored.matches(raw.as_bytes(), memory) {
            return Verdict::Match { outdated: true };
        }
        Verdict::Mismatch
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("params", &self.params).finish_non_exhaustive()
    }
}

/// A password as it rests in the store: an Argon2id hash in the PHC string format.
pub(crate) struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

/// What came of comparing a password with a stored hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It had better be hashed again if the hash is `outdated`: not what would be made of it now.
    Match {
        outdated: bool,
    },
    Mismatch,
    Unusable(Unusable),
}

/// Returns the password in NFC, the one transformation it undergoes (NIST SP 800-63B-4 §3.1.1.2):
/// keyboards differ in how they compose a letter. Nothing is trimmed, folded or cut.
pub(crate) fn normalize(password: &Password) -> Zeroizing<String> {
    // With room for the longest result, so that no copy is left behind by growing.
    let mut normal = Zeroizing::new(String::with_capacity(NFC_GROWTH * password.expose().len()));
    normal.extend(password.expose().nfc());
    normal
}

fn hash(
    params: HashParams,
    pepper: &Pepper,
    password: &Password,
    random: &dyn Random,
    memory: &mut HashMemory,
) -> PasswordHash {
    PasswordHash(argon2::hash(params, pepper, normalize(password).as_bytes(), random, memory))
}

/// The most that NFC makes a UTF-8 text grow (UAX #15 §14).
const NFC_GROWTH: usize = 3;
