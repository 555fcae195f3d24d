use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::digest::Digest;
use super::seal::Sealer;
use crate::{Random, RefreshToken};

/// The 256 bits of a refresh token: half of them name its family, half are new in each generation.
///
/// By the first half, a token that was used is recognised however long ago that was, while storage
/// stays one row a session (RFC 9700 §4.14.2). A successor is derived from the token it replaces
/// under a key that the database does not hold: so the same answer can be given twice without being
/// stored, and neither a copy of the database nor a used token is enough to make the next.
pub(crate) struct RefreshSecret(Zeroizing<[u8; 32]>);

impl RefreshSecret {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random.bytes()))
    }

    /// Reads a token; `None` if it cannot be one of ours.
    pub(crate) fn parse(token: &RefreshToken) -> Option<Self> {
        let text = token.expose().strip_prefix(PREFIX)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// The tokens that may succeed this one: the first does, the others did under earlier secrets.
    pub(crate) fn successors<'a>(&'a self, sealer: &'a Sealer) -> impl Iterator<Item = Self> + 'a {
        sealer.successors(self.0.as_slice()).map(|generation| {
            let mut bytes = self.0.clone();
            bytes[FAMILY..].copy_from_slice(&generation);
            Self(bytes)
        })
    }

    pub(crate) fn family(&self) -> Digest {
        Digest::of(&self.0[..FAMILY])
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_slice())
    }

    pub(crate) fn token(&self) -> RefreshToken {
        RefreshToken::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0.as_slice())))
    }
}

/// Lets scanners for leaked secrets recognise a token.
const PREFIX: &str = "rt_";
const FAMILY: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::seal::MasterSecret;
    use crate::{SeededRandom, SystemRandom};

    #[test]
    fn a_successor_keeps_the_family_and_can_be_made_again() {
        let secret = MasterSecret::generate(&SystemRandom);
        let sealer = Sealer::new(&secret);
        let first = RefreshSecret::generate(&SeededRandom::new(1));
        let [once, again] = [0, 1].map(|_| first.successors(&sealer).next().unwrap());
        assert_eq!(once.token().expose(), again.token().expose());
        assert!(once.family() == first.family() && once.digest() != first.digest());
        let other = Sealer::new(&MasterSecret::generate(&SystemRandom));
        assert!(first.successors(&other).next().unwrap().digest() != once.digest());
    }

    #[test]
    fn what_is_not_a_token_is_none() {
        let token = RefreshSecret::generate(&SystemRandom).token();
        assert_eq!(token.expose().len(), 46);
        assert!(RefreshSecret::parse(&token).is_some());
        for text in ["", "rt_", &token.expose()[3..], &token.expose()[..45], "rt_%%%", "rt_\0"] {
            assert!(RefreshSecret::parse(&RefreshToken::from(text)).is_none(), "{text:?}");
        }
    }
}
