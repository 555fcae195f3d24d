use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use bcrypt::bcrypt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::unusable::Unusable;

/// A stored bcrypt hash of 60 characters.
///
/// The three prefixes are of one function and tell which implementation's flaws are fixed. `$2x$`
/// marks hashes that have such a flaw, and is not among them.
pub(crate) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

impl BcryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let rest = PREFIXES
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .ok_or(Unusable::UnknownKind)?;
        let (cost, rest) = rest.split_once('$').ok_or(Unusable::Malformed)?;
        let (salt, output) = rest.split_at_checked(SALT_CHARS).ok_or(Unusable::Malformed)?;
        let cost = match cost.parse() {
            Ok(cost) if cost < MIN_COST => return Err(Unusable::Malformed),
            Ok(cost) if cost > MAX_COST => return Err(Unusable::TooExpensive),
            Ok(cost) => cost,
            Err(_) => return Err(Unusable::Malformed),
        };
        Ok(Self { cost, salt: decode(salt)?, output: decode(output)? })
    }

    /// Compares in constant time.
    ///
    /// bcrypt hashed the first 72 bytes and no more, so a longer password matches by them alone.
    /// Implementations differ in what they make of a NUL: a password that has one never matches.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; MAX_KEY_BYTES]);
        let taken = password.len().min(MAX_KEY_BYTES);
        key[..taken].copy_from_slice(&password[..taken]);
        let with_nul = MAX_KEY_BYTES.min(taken + 1);
        let output = Zeroizing::new(bcrypt(self.cost, self.salt, &key[..with_nul]));
        !password.contains(&0) && bool::from(output[..self.output.len()].ct_eq(&self.output))
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], Unusable> {
    let bytes = BASE64.decode(text).map_err(|_| Unusable::Malformed)?;
    bytes.try_into().map_err(|_| Unusable::Malformed)
}

const PREFIXES: [&str; 3] = ["$2a$", "$2b$", "$2y$"];
const SALT_CHARS: usize = 22;
const MAX_KEY_BYTES: usize = 72;
const MIN_COST: u32 = 4;
/// Some two seconds of one core.
const MAX_COST: u32 = 15;
/// Some implementations leave bits behind the last byte of a salt.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));
