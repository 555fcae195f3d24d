use std::error::Error as StdError;
use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Random;

mod master_secret;

pub use master_secret::{MasterSecret, MasterSecretError};

/// What a sealed value is; a value sealed as one thing cannot be opened as another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    Invitation,
    Message,
    SigningKey,
    TotpSecret,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Invitation, Self::Message, Self::SigningKey, Self::TotpSecret];

    /// Names the purpose in stored data: changing a name makes what was sealed unreadable.
    const fn label(self) -> &'static str {
        match self {
            Self::Invitation => "auth/invitation/v1",
            Self::Message => "auth/message/v1",
            Self::SigningKey => "auth/signing-key/v1",
            Self::TotpSecret => "auth/totp/v1",
        }
    }
}

/// Encrypts what has to rest in the database and be read again: XChaCha20-Poly1305 under a key
/// for each purpose, derived from the [`MasterSecret`] with HKDF-SHA256 (RFC 5869).
///
/// A sealed value is `version (1) | key id (4) | nonce (24) | ciphertext and tag`, and is bound to
/// its purpose and owner, so a row that is copied to another owner does not open (ASVS 11.3).
pub(crate) struct Sealer {
    current: Keys,
    previous: Vec<Keys>,
}

impl Sealer {
    pub(crate) fn new(secret: &MasterSecret) -> Self {
        Self {
            current: Keys::derive(&secret.current),
            previous: secret.previous.iter().map(|master| Keys::derive(master)).collect(),
        }
    }

    pub(crate) fn seal(
        &self,
        random: &dyn Random,
        purpose: Purpose,
        owner: &[u8],
        plain: &[u8],
    ) -> Vec<u8> {
        let nonce = random.bytes::<NONCE_BYTES>();
        let aad = aad(purpose, owner);
        let ciphertext = self
            .current
            .cipher(purpose)
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .expect("a value in memory is shorter than 256 GiB");

        let mut sealed = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.current.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        sealed
    }

    pub(crate) fn open(
        &self,
        purpose: Purpose,
        owner: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, rest) = key_id(sealed).ok_or(SealError::Malformed)?;
        let (nonce, ciphertext) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Malformed)?;
        let nonce = XNonce::from(*nonce);
        let aad = aad(purpose, owner);

        let mut error = SealError::UnknownKey;
        // Four bytes name a key but do not prove it: two secrets may share them.
        for keys in self.all().filter(|keys| keys.id == id) {
            match keys.cipher(purpose).decrypt(&nonce, Payload { msg: ciphertext, aad: &aad }) {
                Ok(plain) => return Ok(Zeroizing::new(plain)),
                Err(_) => error = SealError::Forged,
            }
        }
        Err(error)
    }

    /// Whether a value that opens was sealed with the current secret, so that a previous one may go.
    pub(crate) fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed).is_some_and(|(id, _)| id == self.current.id)
    }

    /// Derives a token's successor, as a keyed pseudo-random function of `input`.
    ///
    /// The first result is that of the current secret, the one to hand out; the others are those
    /// of previous secrets, to recognise what was handed out before the secret was replaced.
    pub(crate) fn successors(&self, input: &[u8]) -> impl Iterator<Item = [u8; 16]> {
        self.all().map(move |keys| keyed(&keys.refresh, input))
    }

    /// Names something by a digest that only who has the current secret can make.
    pub(crate) fn subject(&self, input: &[u8]) -> [u8; 16] {
        keyed(&self.current.subject, input)
    }

    fn all(&self) -> impl Iterator<Item = &Keys> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([redacted])")
    }
}

/// Why a sealed value did not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SealError {
    /// It was altered, or belongs to another purpose or owner.
    Forged,
    /// It is not a sealed value, or one of a version yet unknown.
    Malformed,
    /// It was sealed with a master secret that is not configured.
    UnknownKey,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "a sealed value was altered or belongs elsewhere",
            Self::Malformed => "a sealed value is malformed",
            Self::UnknownKey => "a value was sealed with a master secret that is not configured",
        })
    }
}

impl StdError for SealError {}

struct Keys {
    id: [u8; KEY_ID_BYTES],
    ciphers: [XChaCha20Poly1305; Purpose::ALL.len()],
    refresh: Zeroizing<[u8; 32]>,
    subject: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn derive(master: &[u8]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, master);
        let key = |label: &str| {
            let mut key = Zeroizing::new([0; 32]);
            hkdf.expand(label.as_bytes(), key.as_mut_slice())
                .expect("32 bytes are fewer than HKDF-SHA256 can give");
            key
        };
        let id = Sha256::digest(key("auth/key-id/v1").as_slice());
        Self {
            id: *id.first_chunk().expect("SHA-256 gives 32 bytes"),
            ciphers: Purpose::ALL
                .map(|purpose| XChaCha20Poly1305::new((&*key(purpose.label())).into())),
            refresh: key("auth/refresh/v1"),
            subject: key("auth/subject/v1"),
        }
    }

    const fn cipher(&self, purpose: Purpose) -> &XChaCha20Poly1305 {
        &self.ciphers[purpose as usize]
    }
}

fn keyed(key: &[u8; 32], input: &[u8]) -> [u8; 16] {
    let mac = Hmac::<Sha256>::new_from_slice(key)
        .expect("HMAC takes a key of any length")
        .chain_update(input)
        .finalize()
        .into_bytes();
    *mac.first_chunk().expect("SHA-256 gives 32 bytes")
}

fn aad(purpose: Purpose, owner: &[u8]) -> Vec<u8> {
    [purpose.label().as_bytes(), b":", owner].concat()
}

fn key_id(sealed: &[u8]) -> Option<([u8; KEY_ID_BYTES], &[u8])> {
    let (version, rest) = sealed.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    (*version == VERSION).then_some((*id, rest))
}

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    fn secret(seed: u64) -> MasterSecret {
        MasterSecret::generate(&SeededRandom::new(seed))
    }

    fn sealed(sealer: &Sealer) -> Vec<u8> {
        sealer.seal(&SeededRandom::new(0), Purpose::TotpSecret, b"ada", b"a secret of ada")
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_and_purpose_only() {
        let sealer = Sealer::new(&secret(1));
        let sealed = sealed(&sealer);
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        let open = |purpose, owner| {
            sealer.open(purpose, owner, &sealed).map(|plain| plain.as_slice().to_owned())
        };
        assert_eq!(open(Purpose::TotpSecret, b"ada"), Ok(b"a secret of ada".to_vec()));
        assert_eq!(open(Purpose::TotpSecret, b"bob"), Err(SealError::Forged));
        assert_eq!(open(Purpose::Message, b"ada"), Err(SealError::Forged));
    }

    #[test]
    fn altered_or_cut_bytes_never_open() {
        let sealer = Sealer::new(&secret(1));
        let sealed = sealed(&sealer);
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open(Purpose::TotpSecret, b"ada", &altered).is_err(), "byte {at}");
            assert!(sealer.open(Purpose::TotpSecret, b"ada", &sealed[..at]).is_err(), "cut {at}");
        }
    }

    #[test]
    fn a_replaced_secret_still_opens_and_is_told_apart() {
        let old = Sealer::new(&secret(1));
        let rotated = Sealer::new(&secret(2).with_previous(secret(1)));
        let sealed = sealed(&old);
        assert!(rotated.open(Purpose::TotpSecret, b"ada", &sealed).is_ok());
        assert!(old.is_current(&sealed) && !rotated.is_current(&sealed));
        let twice = Sealer::new(&secret(3).with_previous(secret(2).with_previous(secret(1))));
        assert!(twice.open(Purpose::TotpSecret, b"ada", &sealed).is_ok());
        assert_eq!(
            Sealer::new(&secret(2)).open(Purpose::TotpSecret, b"ada", &sealed),
            Err(SealError::UnknownKey)
        );
    }

    #[test]
    fn successors_follow_from_the_input_and_the_secrets_current_first() {
        let old: Vec<_> = Sealer::new(&secret(1)).successors(b"token").collect();
        let new: Vec<_> = Sealer::new(&secret(2)).successors(b"token").collect();
        let rotated = Sealer::new(&secret(2).with_previous(secret(1)));
        assert_eq!(rotated.successors(b"token").collect::<Vec<_>>(), [new[0], old[0]]);
        assert_ne!(rotated.successors(b"other").next(), Some(new[0]));
    }
}
