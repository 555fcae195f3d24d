use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::backend::HashBackend;
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
        portable(variant, params, pepper, output.len()).ok_or(Unusable::Malformed)?;
        Ok(Self { pepper, variant, params, salt, output })
    }

    /// Compares in constant time.
    ///
    /// # Panics
    ///
    /// If there is no memory to compute with: what was not compared is not wrong.
    pub(super) fn matches(&self, password: &[u8], memory: &mut HashMemory) -> bool {
        let expected = self.output.as_bytes();
        let mut output = Zeroizing::new([0; phc::Output::MAX_LENGTH]);
        let output = &mut output[..expected.len()];
        let derivation =
            Derivation { variant: self.variant, params: self.params, pepper: self.pepper };
        derivation
            .derive(password, &self.salt, output, memory)
            .expect("the bounds were checked, and there is memory within them");
        output.ct_eq(expected).into()
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
    Derivation { variant: CURRENT, params, pepper }
        .derive(password, &salt, output.as_mut_slice(), memory)
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

/// Whether the backend of `memory` computes what Argon2id is known to.
pub(crate) fn computes_the_known_hash(memory: &mut HashMemory) -> bool {
    computes(&KNOWN, memory)
}

fn computes(known: &[u8; OUTPUT_BYTES], memory: &mut HashMemory) -> bool {
    let params = HashParams { memory_kib: 64, passes: 2, lanes: 1 };
    let mut output = [0; OUTPUT_BYTES];
    let derivation = Derivation { variant: CURRENT, params, pepper: None };
    let derived = derivation.derive(b"password", b"somesaltsomesalt", &mut output, memory);
    derived.is_some() && output == *known
}

/// What an output follows from, beside password and salt.
struct Derivation<'a> {
    variant: Variant,
    params: HashParams,
    pepper: Option<&'a PepperKey>,
}

impl Derivation<'_> {
    /// Fails if there is no memory to compute with.
    fn derive(
        &self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
        memory: &mut HashMemory,
    ) -> Option<()> {
        match memory.backend() {
            HashBackend::Portable => {
                let argon2 = portable(self.variant, self.params, self.pepper, output.len())?;
                let blocks = memory.lend(argon2.params().block_count())?;
                argon2.hash_password_into_with_memory(password, salt, output, blocks).ok()
            }
            #[cfg(feature = "argon2-simd")]
            HashBackend::Simd => {
                let argon2 = simd(self.variant, self.params, output.len())?;
                let secret = self.pepper.map_or(&[][..], PepperKey::secret);
                memory.with_simd(argon2, |hasher| {
                    hasher.hash_into_with_ad(password, salt, secret, &[], output).ok()
                })
            }
        }
    }
}

fn portable(
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

#[cfg(feature = "argon2-simd")]
fn simd(variant: Variant, params: HashParams, output: usize) -> Option<argon2_rust::Argon2> {
    use argon2_rust::params::{Memory, TagLen};

    let algorithm = match variant.algorithm {
        Algorithm::Argon2d => argon2_rust::Algorithm::Argon2d,
        Algorithm::Argon2i => argon2_rust::Algorithm::Argon2i,
        Algorithm::Argon2id => argon2_rust::Algorithm::Argon2id,
    };
    let version = match variant.version {
        Version::V0x10 => argon2_rust::Version::V0x10,
        Version::V0x13 => argon2_rust::Version::V0x13,
    };
    let params = argon2_rust::Params::builder()
        .memory(Memory::kib(params.memory_kib.into()))
        .passes(params.passes)
        .lanes(params.lanes)
        // As many passwords are hashed at once as there are cores: a second thread for one of them
        // would take a core from another.
        .threads(1)
        .tag_len(TagLen::bytes(output.try_into().ok()?))
        .build()
        .ok()?;
    Some(argon2_rust::Argon2::new(algorithm, version, params))
}

const CURRENT: Variant = Variant { algorithm: Algorithm::Argon2id, version: Version::V0x13 };
/// Of `password` with the salt `somesaltsomesalt`, 64 KiB, two passes and one lane, on which
/// implementations that know nothing of each other agree.
const KNOWN: [u8; OUTPUT_BYTES] = [
    0x1a, 0x98, 0xfb, 0xa8, 0xe6, 0x39, 0x44, 0x25, 0xc9, 0xbd, 0xc3, 0x33, 0xa9, 0xc7, 0x50, 0xaa,
    0xf8, 0x11, 0xdf, 0x07, 0x0f, 0x5f, 0xb4, 0xa5, 0x78, 0x8e, 0x1c, 0xf4, 0xdb, 0x57, 0x93, 0xa1,
];
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// Below 128 bits, passwords begin to match by chance.
const MIN_OUTPUT_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use argon2::ParamsBuilder;

    use super::*;

    fn memory(backend: HashBackend) -> HashMemory {
        HashMemory::new(HashParams { memory_kib: 64, passes: 1, lanes: 1 }, backend)
    }

    #[test]
    fn the_default_computes_the_known_hash_and_no_other() {
        let mut memory = memory(HashBackend::default());
        assert!(computes_the_known_hash(&mut memory));
        assert!(!computes(&KNOWN.map(|byte| !byte), &mut memory));
    }

    /// All kinds, with a pepper and without, one after the other in the same memory.
    #[cfg(feature = "argon2-simd")]
    #[test]
    fn both_backends_compute_the_same() {
        let [mut portable, mut simd] = [HashBackend::Portable, HashBackend::Simd].map(memory);
        assert!(computes_the_known_hash(&mut simd) && simd.is_held());
        let pepper: Pepper = Pepper::new((0..32).collect()).unwrap();
        for algorithm in [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id] {
            for version in [Version::V0x10, Version::V0x13] {
                for (memory_kib, passes, lanes) in [(256, 3, 4), (32, 3, 4), (8, 1, 1), (100, 2, 3)]
                {
                    for pepper in [None, pepper.current()] {
                        let variant = Variant { algorithm, version };
                        let params = HashParams { memory_kib, passes, lanes };
                        let derivation = Derivation { variant, params, pepper };
                        let [mut one, mut other] = [[0; 48]; 2];
                        let salt = b"eight or more";
                        derivation.derive(b"password", salt, &mut one, &mut portable).unwrap();
                        derivation.derive(b"password", salt, &mut other, &mut simd).unwrap();
                        assert_eq!(one, other, "{algorithm} {version:?} {params}");
                    }
                }
            }
        }
        let costly = HashParams { memory_kib: 128, passes: 1, lanes: 1 };
        let derivation = Derivation { variant: CURRENT, params: costly, pepper: None };
        derivation.derive(b"password", b"somesalt", &mut [0; 32], &mut simd).unwrap();
        assert!(!simd.is_held(), "more than hashes of now need is not kept");
        assert!(computes_the_known_hash(&mut simd) && simd.is_held());
        simd.give_back();
        assert!(!simd.is_held(), "nor is what nobody needs");
    }

    /// RFC 9106 §5, all three in one memory, which other work has used before.
    #[test]
    fn the_vectors_of_rfc_9106_match() {
        let params = HashParams { memory_kib: 64, passes: 1, lanes: 1 };
        let mut memory = memory(HashBackend::Portable);
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
            let blocks = memory.lend(argon2.params().block_count()).unwrap();
            argon2.hash_password_into_with_memory(&[1; 32], &[2; 16], &mut output, blocks).unwrap();
            let output: String = output.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(output, tag, "{algorithm}");
        }
    }
}
