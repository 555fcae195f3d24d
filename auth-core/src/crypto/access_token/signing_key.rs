use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Random;

/// The private half of an Ed25519 key pair (RFC 8032); wiped when dropped.
pub(crate) struct SigningKey {
    key: ed25519_dalek::SigningKey,
    kid: String,
}

impl SigningKey {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self::from_seed(&Zeroizing::new(random.bytes()))
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let kid = thumbprint(key.verifying_key().as_bytes());
        Self { key, kid }
    }

    /// Returns the 32 bytes that the pair follows from: what is sealed and stored.
    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey { key: self.key.verifying_key(), kid: self.kid.clone() }
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.kid)
    }
}

/// The public half of an Ed25519 key pair.
#[derive(Clone, Debug)]
pub(crate) struct VerifyingKey {
    key: ed25519_dalek::VerifyingKey,
    kid: String,
}

impl VerifyingKey {
    pub(crate) fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Returns the JWK thumbprint (RFC 7638) in base64url, 43 characters.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the key as a JWK (RFC 8037 §2): public members only, by construction.
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": URL_SAFE_NO_PAD.encode(self.public()),
            "kid": self.kid,
            "alg": "EdDSA",
            "use": "sig",
        })
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // The strict form also refuses the malleable signatures that RFC 8032 leaves open.
        self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// Returns the JWK thumbprint of a public key (RFC 7638) in base64url.
pub(crate) fn thumbprint(public: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    // RFC 7638 §3: the required members only, in this order, without white space.
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    /// RFC 8037, appendix A.
    #[test]
    fn the_example_key_of_the_standard_has_its_thumbprint() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap());
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key.verifying_key().jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }

    #[test]
    fn a_jwk_has_public_members_only() {
        let jwk = SigningKey::generate(&SeededRandom::new(1)).verifying_key().jwk();
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }

    /// C2SP Wycheproof: garbage, truncation, other encodings and malleable forms among them.
    #[test]
    fn only_valid_signatures_of_the_published_vectors_verify() {
        use wycheproof::TestResult;
        use wycheproof::eddsa::{TestName, TestSet};

        let set = TestSet::load(TestName::Ed25519).unwrap();
        for group in &set.test_groups {
            let public = group.key.pk.as_slice().try_into().unwrap();
            let key = ed25519_dalek::VerifyingKey::from_bytes(public).unwrap();
            let key = VerifyingKey { key, kid: thumbprint(public) };
            for test in &group.tests {
                let signature = test.sig.as_slice().try_into();
                let verified = signature.is_ok_and(|bytes| key.verifies(&test.msg, bytes));
                let valid = test.result == TestResult::Valid;
                assert_eq!(verified, valid, "{}: {}", test.tc_id, test.comment);
            }
        }
        assert_eq!(set.number_of_tests, 151);
    }

    #[test]
    fn a_seed_is_not_printed() {
        let key = SigningKey::from_seed(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("SigningKey({}, [redacted])", key.kid()));
    }
}
