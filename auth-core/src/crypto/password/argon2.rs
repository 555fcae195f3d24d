use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::hash_params::HashParams;
use super::unusable::Unusable;
use crate::Random;

/// A stored hash of any variant of Argon2, in the PHC string format.
pub(crate) struct Argon2Hash {
    variant: Variant,
    params: HashParams,
    salt: phc::Salt,
    output: phc::Output,
}

impl Argon2Hash {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let hash = phc::PasswordHash::new(text).map_err(|_| Unusable::Malformed)?;
        let variant = Variant::of(&hash).ok_or(Unusable::UnknownKind)?;
        let names = ["m", "t", "p"];
        if !hash.params.iter().map(|(name, _)| name).eq(names.map(phc::Ident::new_unwrap)) {
            return Err(Unusable::Malformed);
        }
        let [Some(memory_kib), Some(passes), Some(lanes)] =
            names.map(|name| hash.params.get_decimal(name))
        else {
            return Err(Unusable::Malformed);
        };
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(Unusable::Malformed);
        };
        // Weaker parameters than `HashParams::new` allows are those of an imported hash, which is
        // replaced once its password is known.
        let params = HashParams { memory_kib, passes, lanes };
        if !params.is_bounded() {
            return Err(Unusable::TooExpensive);
        }
        if output.len() < MIN_OUTPUT_BYTES {
            return Err(Unusable::TooWeak);
        }
        context(variant, params, output.len()).ok_or(Unusable::Malformed)?;
        Ok(Self { variant, params, salt, output })
    }

    /// Compares in constant time. Nothing matches if there is no memory to compute with.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let expected = self.output.as_bytes();
        let mut output = Zeroizing::new([0; phc::Output::MAX_LENGTH]);
        let output = &mut output[..expected.len()];
        let derived = derive(self.variant, self.params, password, &self.salt, output);
        derived.is_some() && bool::from(output.ct_eq(expected))
    }

    /// Tells whether this is not what [`hash`] would make now.
    pub(super) fn is_outdated(&self, params: HashParams) -> bool {
        self.variant != CURRENT
            || self.params != params
            || self.salt.len() < SALT_BYTES
            || self.output.len() != OUTPUT_BYTES
    }
}

/// Hashes with Argon2id and a new salt of 128 bits into 256 bits.
pub(super) fn hash(params: HashParams, password: &[u8], random: &dyn Random) -> Zeroizing<String> {
    let salt = random.bytes::<SALT_BYTES>();
    let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
    derive(CURRENT, params, password, &salt, output.as_mut_slice())
        .expect("the parameters are within Argon2's bounds and there is memory for them");
    let salt = STANDARD_NO_PAD.encode(salt);
    let output = Zeroizing::new(STANDARD_NO_PAD.encode(output.as_slice()));
    Zeroizing::new(format!("$argon2id$v=19${params}${salt}${}", *output))
}

#[derive(Clone, Copy, Eq, PartialEq)]
struct Variant {
    algorithm: Algorithm,
    version: Version,
}

impl Variant {
    fn of(hash: &phc::PasswordHash) -> Option<Self> {
        let algorithm = match hash.algorithm.as_str() {
            "argon2d" => Algorithm::Argon2d,
            "argon2i" => Algorithm::Argon2i,
            "argon2id" => Algorithm::Argon2id,
            _ => return None,
        };
        let version = match hash.version {
            // Strings were without a version until there were two.
            None | Some(16) => Version::V0x10,
            Some(19) => Version::V0x13,
            Some(_) => return None,
        };
        Some(Self { algorithm, version })
    }
}

fn derive(
    variant: Variant,
    params: HashParams,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
) -> Option<()> {
    context(variant, params, output.len())?.hash_password_into(password, salt, output).ok()
}

fn context(
    Variant { algorithm, version }: Variant,
    params: HashParams,
    output: usize,
) -> Option<Argon2<'static>> {
    let params = Params::new(params.memory_kib, params.passes, params.lanes, Some(output));
    Some(Argon2::new(algorithm, version, params.ok()?))
}

const CURRENT: Variant = Variant { algorithm: Algorithm::Argon2id, version: Version::V0x13 };
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// Below 128 bits, passwords begin to match by chance.
const MIN_OUTPUT_BYTES: usize = 16;
