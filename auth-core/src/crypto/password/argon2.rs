use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::hash_params::HashParams;
use super::memory::HashMemory;
use super::pepper::{Pepper, PepperKey};
use super::unusable::Unusable;
use crate::Random;

/// A stored hash of any variant of Argon2, in the PHC string format, in which the parameter `keyid`
/// names the pepper.
pub(crate) struct Argon2Hash<'a> {
    pepper: Option<&'a PepperKey>,
    variant: Variant,
    params: HashParams,
    salt: phc::Salt,
    output: phc::Output,
}

impl<'a> Argon2Hash<'a> {
    pub(super) fn parse(text: &str, pepper: &'a Pepper) -> Result<Self, Unusable> {
        let hash = phc::PasswordHash::new(text).map_err(|_| Unusable::Malformed)?;
        let variant = Variant::of(&hash).ok_or(Unusable::UnknownKind)?;
        let names = ["m", "t", "p"];
        let key_id = hash.params.get_str("keyid");
        let expected = names.into_iter().chain(key_id.map(|_| "keyid"));
        if !hash.params.iter().map(|(name, _)| name).eq(expected.map(phc::Ident::new_unwrap)) {
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
        let pepper = key_id.map(|id| pepper.find(id).ok_or(Unusable::UnknownPepper)).transpose()?;
        context(variant, params, pepper, output.len()).ok_or(Unusable::Malformed)?;
        Ok(Self { pepper, variant, params, salt, output })
    }

    /// Compares in constant time. Nothing matches if there is no memory to compute with.
    pub(super) fn matches(&self, password: &[u8], memory: &mut HashMemory) -> bool {
        let expected = self.output.as_bytes();
        let mut output = Zeroizing::new([0; phc::Output::MAX_LENGTH]);
        let output = &mut output[..expected.len()];
        let derived = context(self.variant, self.params, self.pepper, output.len())
            .and_then(|argon2| derive(&argon2, password, &self.salt, output, memory));
        derived.is_some() && bool::from(output.ct_eq(expected))
    }

    /// Tells whether this is not what [`hash`] would make now.
    pub(super) fn is_outdated(&self, params: HashParams, pepper: &Pepper) -> bool {
        self.variant != CURRENT
            || self.pepper.map(PepperKey::id) != pepper.current().map(PepperKey::id)
            || self.params != params
            || self.salt.len() < SALT_BYTES
            || self.output.len() != OUTPUT_BYTES
    }
}

/// Hashes with Argon2id and a new salt of 128 bits into 256 bits.
pub(super) fn hash(
    params: HashParams,
    pepper: &Pepper,
    password: &[u8],
    random: &dyn Random,
    memory: &mut HashMemory,
) -> Zeroizing<String> {
    let salt = random.bytes::<SALT_BYTES>();
    let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
    let pepper = pepper.current();
    context(CURRENT, params, pepper, OUTPUT_BYTES)
        .and_then(|argon2| derive(&argon2, password, &salt, output.as_mut_slice(), memory))
        .expect("the parameters are within Argon2's bounds and there is memory for them");
    let salt = STANDARD_NO_PAD.encode(salt);
    let output = Zeroizing::new(STANDARD_NO_PAD.encode(output.as_slice()));
    let key_id = pepper.map_or_else(String::new, |key| format!(",keyid={}", key.id()));
    Zeroizing::new(format!("$argon2id$v=19${params}{key_id}${salt}${}", *output))
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

fn context(
    Variant { algorithm, version }: Variant,
    params: HashParams,
    pepper: Option<&PepperKey>,
    output: usize,
) -> Option<Argon2<'_>> {
    let HashParams { memory_kib, passes, lanes } = params;
    let params = Params::new(memory_kib, passes, lanes, Some(output)).ok()?;
    match pepper {
        Some(key) => Argon2::new_with_secret(key.secret(), algorithm, version, params).ok(),
        None => Some(Argon2::new(algorithm, version, params)),
    }
}

/// Fails if there is no memory to compute with.
fn derive(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    memory: &mut HashMemory,
) -> Option<()> {
    let blocks = memory.lend(argon2.params().block_count())?;
    argon2.hash_password_into_with_memory(password, salt, output, blocks).ok()
}

const CURRENT: Variant = Variant { algorithm: Algorithm::Argon2id, version: Version::V0x13 };
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// Below 128 bits, passwords begin to match by chance.
const MIN_OUTPUT_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use argon2::ParamsBuilder;

    use super::*;

    /// RFC 9106 §5, all three in one memory, which other work has used before.
    #[test]
    fn the_vectors_of_rfc_9106_match() {
        let params = HashParams { memory_kib: 64, passes: 1, lanes: 1 };
        let mut memory = HashMemory::new(params);
        hash(params, &Pepper::none(), b"other work", &crate::SeededRandom::new(1), &mut memory);
        for (algorithm, tag) in [
            (
                Algorithm::Argon2d,
                "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb",
            ),
            (
                Algorithm::Argon2i,
                "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
            ),
            (
                Algorithm::Argon2id,
                "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
            ),
        ] {
            let data = argon2::AssociatedData::new(&[4; 12]).unwrap();
            let params =
                ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(data).build().unwrap();
            let argon2 =
                Argon2::new_with_secret(&[3; 8], algorithm, Version::V0x13, params).unwrap();
            let mut output = [0; 32];
            derive(&argon2, &[1; 32], &[2; 16], &mut output, &mut memory).unwrap();
            let output: String = output.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(output, tag, "{algorithm}");
        }
    }
}
