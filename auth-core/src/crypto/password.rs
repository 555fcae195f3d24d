use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{Password, Random};

mod hash_params;

pub use hash_params::{HashParams, HashParamsError};

/// A password as it rests in the store: an Argon2id hash in the PHC string format.
pub(crate) struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Hashes a password nobody knows.
    ///
    /// Made once, it is what an unknown user's attempts are verified against, so that they cost
    /// what a known user's cost and the time does not tell which it was.
    pub(crate) fn dummy(params: HashParams, random: &dyn Random) -> Self {
        let secret = Zeroizing::new(random.bytes::<32>());
        hash(params, &Password::new(URL_SAFE_NO_PAD.encode(secret.as_slice())), random)
    }

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
    Match,
    Mismatch,
    /// The stored hash is of another kind or beyond all bounds. Nothing was computed: verify a
    /// [dummy](PasswordHash::dummy) instead, or the time tells.
    Unusable,
}

/// Hashes a password with a new salt of 128 bits into 256 bits.
pub(crate) fn hash(params: HashParams, password: &Password, random: &dyn Random) -> PasswordHash {
    let salt = random.bytes::<SALT_BYTES>();
    let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
    derive(params, password, &salt, output.as_mut_slice())
        .expect("the parameters are within Argon2's bounds and there is memory for them");
    let salt = STANDARD_NO_PAD.encode(salt);
    let output = Zeroizing::new(STANDARD_NO_PAD.encode(output.as_slice()));
    PasswordHash(Zeroizing::new(format!("$argon2id$v=19${params}${salt}${}", *output)))
}

/// Compares a password with a stored hash in constant time.
///
/// The parameters are the stored hash's own, and are checked before any memory is taken for them.
pub(crate) fn verify(stored: &str, password: &Password) -> Verdict {
    let Some(stored) = Stored::parse(stored) else {
        return Verdict::Unusable;
    };
    let expected = stored.output.as_bytes();
    let mut output = Zeroizing::new([0; phc::Output::MAX_LENGTH]);
    let output = &mut output[..expected.len()];
    if derive(stored.params, password, &stored.salt, output).is_none() {
        return Verdict::Unusable;
    }
    if bool::from(output.ct_eq(expected)) { Verdict::Match } else { Verdict::Mismatch }
}

/// Tells whether a stored hash is not what [`hash`] would make now, so that a password that
/// matches it had better be hashed again.
pub(crate) fn outdated(stored: &str, params: HashParams) -> bool {
    Stored::parse(stored).is_none_or(|stored| {
        stored.params != params
            || stored.salt.len() < SALT_BYTES
            || stored.output.len() != OUTPUT_BYTES
    })
}

/// Returns the password in NFC, the one transformation it undergoes (NIST SP 800-63B-4 §3.1.1.2):
/// keyboards differ in how they compose a letter. Nothing is trimmed, folded or cut.
pub(crate) fn normalize(password: &Password) -> Zeroizing<String> {
    // With room for the longest result, so that no copy is left behind by growing.
    let mut normal = Zeroizing::new(String::with_capacity(NFC_GROWTH * password.expose().len()));
    normal.extend(password.expose().nfc());
    normal
}

fn derive(params: HashParams, password: &Password, salt: &[u8], output: &mut [u8]) -> Option<()> {
    let params = Params::new(params.memory_kib, params.passes, params.lanes, Some(output.len()));
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok()?);
    argon2.hash_password_into(normalize(password).as_bytes(), salt, output).ok()
}

struct Stored {
    params: HashParams,
    salt: phc::Salt,
    output: phc::Output,
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        let hash = phc::PasswordHash::new(text).ok()?;
        if hash.algorithm.as_str() != "argon2id" || hash.version != Some(19) {
            return None;
        }
        let names = ["m", "t", "p"];
        if !hash.params.iter().map(|(name, _)| name).eq(names.map(phc::Ident::new_unwrap)) {
            return None;
        }
        let [memory_kib, passes, lanes] = names.map(|name| hash.params.get_decimal(name));
        // Weaker parameters than `HashParams::new` allows are those of an imported hash, which is
        // replaced once its password is known.
        let params = HashParams { memory_kib: memory_kib?, passes: passes?, lanes: lanes? };
        let (salt, output) = (hash.salt?, hash.hash?);
        let bounded = params.is_bounded() && output.len() >= MIN_OUTPUT_BYTES;
        bounded.then_some(Self { params, salt, output })
    }
}

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// Below 128 bits, passwords begin to match by chance.
const MIN_OUTPUT_BYTES: usize = 16;
/// The most that NFC makes a UTF-8 text grow (UAX #15 §14).
const NFC_GROWTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    const CHEAP: HashParams = HashParams { memory_kib: 64, passes: 1, lanes: 1 };

    fn hashed(password: &str) -> PasswordHash {
        hash(CHEAP, &password.into(), &SeededRandom::new(1))
    }

    #[test]
    fn a_vector_of_the_reference_implementation_matches() {
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$\
                      CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(verify(stored, &"password".into()), Verdict::Match);
        assert_eq!(verify(stored, &"passwore".into()), Verdict::Mismatch);
    }

    #[test]
    fn a_hash_is_of_the_default_kind_and_has_its_own_salt() {
        let random = SeededRandom::new(1);
        let [one, two] = [(); 2].map(|()| hash(HashParams::default(), &"same".into(), &random));
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
        assert_ne!(one.as_str(), two.as_str());
        assert!(!outdated(one.as_str(), HashParams::default()));
        assert_eq!(format!("{one:?}"), "PasswordHash([redacted])");
    }

    #[test]
    fn the_whole_password_counts_and_only_nfc_is_applied() {
        let long = "a".repeat(1_000);
        for (set, given, verdict) in [
            ("caf\u{e9}", "cafe\u{301}", Verdict::Match),
            ("cafe\u{301}", "caf\u{e9}", Verdict::Match),
            ("secret", "secret ", Verdict::Mismatch),
            ("secret", "Secret", Verdict::Mismatch),
            ("\u{fb01}re", "fire", Verdict::Mismatch),
            (&format!("{long}x"), &format!("{long}y"), Verdict::Mismatch),
            ("nul\0one", "nul\0two", Verdict::Mismatch),
        ] {
            assert_eq!(verify(hashed(set).as_str(), &given.into()), verdict, "{set:?} {given:?}");
        }
        // The text that grows the most, of which no copy may be left behind.
        let text = "\u{1d160}".repeat(8);
        let normal = normalize(&text.as_str().into());
        assert_eq!((normal.len(), normal.capacity()), (96, 96));
    }

    #[test]
    fn a_hostile_hash_is_unusable_and_costs_nothing() {
        let salt_and_output = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for head in [
            "$argon2id$v=19$m=4294967295,t=1,p=1",
            "$argon2id$v=19$m=262145,t=1,p=1",
            "$argon2id$v=19$m=64,t=4294967295,p=1",
            "$argon2id$v=19$m=64,t=17,p=1",
            "$argon2id$v=19$m=262144,t=1,p=17",
            "$argon2id$v=19$m=64,t=0,p=1",
            "$argon2id$v=19$m=64,t=1,p=0",
            "$argon2id$v=19$m=8,t=1,p=16",
            "$argon2id$v=19$m=0,t=1,p=1",
            "$argon2id$v=19$m=64,t=1",
            "$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA",
            "$argon2id$v=19$m=64,m=64,t=1,p=1",
            "$argon2id$v=19$m=-1,t=1,p=1",
            "$argon2id$v=16$m=64,t=1,p=1",
            "$argon2id$m=64,t=1,p=1",
            "$argon2i$v=19$m=64,t=1,p=1",
            "$argon2d$v=19$m=64,t=1,p=1",
            "$scrypt$v=19$m=64,t=1,p=1",
        ] {
            let stored = format!("{head}${salt_and_output}");
            assert_eq!(verify(&stored, &"password".into()), Verdict::Unusable, "{head}");
            assert!(outdated(&stored, HashParams::default()), "{head}");
        }
        for stored in [
            "",
            "$",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMa",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "password",
        ] {
            assert_eq!(verify(stored, &"password".into()), Verdict::Unusable, "{stored}");
        }
        let huge = format!("$argon2id${}", "9".repeat(1 << 20));
        assert_eq!(verify(&huge, &"password".into()), Verdict::Unusable);
    }

    #[test]
    fn a_hash_of_other_parameters_is_outdated() {
        let stored = hashed("secret");
        assert!(outdated(stored.as_str(), HashParams::default()));
        assert!(!outdated(stored.as_str(), CHEAP));
        let imported = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$\
                        CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(outdated(imported, CHEAP));
    }

    #[test]
    fn a_dummy_costs_what_a_hash_costs_and_is_unknown() {
        let dummy = PasswordHash::dummy(CHEAP, &SeededRandom::new(1));
        assert!(!outdated(dummy.as_str(), CHEAP));
        assert_eq!(verify(dummy.as_str(), &"".into()), Verdict::Mismatch);
    }
}
