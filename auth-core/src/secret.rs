//! Types for what must not leak.
//!
//! None of them has a `Display`, a `Serialize` or a derived `Debug`; all are wiped when dropped.
//! What is presented by a client is one of these; what rests in a database is a
//! [`Digest`](crate::crypto::digest::Digest) of it, a password hash, or sealed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::Random;

macro_rules! secret {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$doc])*
        #[derive(Default)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Wraps a secret that came from elsewhere.
            #[must_use]
            pub fn new(secret: String) -> Self {
                Self(Zeroizing::new(secret))
            }

            /// Returns the secret itself.
            ///
            /// # Security
            ///
            /// Every call is a place to review: the result can be printed, logged and stored.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl From<&str> for $name {
            fn from(secret: &str) -> Self {
                Self::new(secret.to_owned())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    )+ };
}

secret! {
    /// A signed token that authenticates requests for some minutes (RFC 6749 §1.4).
    AccessToken,
    /// The opaque token of a sign-in that still awaits its second factor.
    ChallengeToken,
    /// A code as the user typed it: of the authenticator app, or a recovery code.
    Code,
    /// A token sent by e-mail and good for one use.
    OneTimeToken,
    /// A password as the user typed it.
    Password,
    /// A single-use substitute for the second factor.
    RecoveryCode,
    /// An opaque token that is exchanged for the next pair of tokens, once (RFC 6749 §1.5).
    RefreshToken,
    /// The base32 spelling of the secret that an authenticator app shares with the server.
    TotpSecret,
}

/// 256 random bits in base64url, 43 characters.
fn token(random: &dyn Random) -> String {
    let bytes = Zeroizing::new(random.bytes::<32>());
    URL_SAFE_NO_PAD.encode(bytes.as_slice())
}

impl ChallengeToken {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self::new(token(random))
    }
}

/// A message is cloned by outboxes that keep it in memory until it is settled.
impl Clone for OneTimeToken {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl OneTimeToken {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self::new(token(random))
    }
}

impl RecoveryCode {
    /// Makes a code of 120 bits, six groups of four letters and digits.
    pub(crate) fn generate(random: &dyn Random) -> Self {
        let bytes = Zeroizing::new(random.bytes::<24>());
        let groups: Vec<String> = bytes
            .chunks(4)
            .map(|group| {
                group.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
            })
            .collect();
        Self::new(groups.join("-"))
    }
}

/// Crockford's base32, in which no two characters look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_thousand_tokens_are_unique_and_of_one_shape() {
        let tokens: HashSet<_> =
            (0..1_000).map(|_| OneTimeToken::generate(&SystemRandom).expose().to_owned()).collect();
        assert_eq!(tokens.len(), 1_000);
        assert!(tokens.iter().all(|token| token.len() == 43));
    }

    #[test]
    fn a_recovery_code_is_readable() {
        let code = RecoveryCode::generate(&SystemRandom);
        assert_eq!(code.expose().len(), 29);
        assert!(code.expose().split('-').all(|group| group.len() == 4));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Password::from("hunter2")), "Password([redacted])");
    }
}
