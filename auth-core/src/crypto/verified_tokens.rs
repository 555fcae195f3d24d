use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex};

use super::access_token::Claims;
use super::digest::Digest;

/// The access tokens whose signatures were verified lately, by their digests.
///
/// A verification takes tens of microseconds, about as long as all the rest of answering a request,
/// and a client sends the same token again and again. A refusal is never kept: whoever sends garbage
/// fills nothing. What a token asserts about time, whether its key is retired and its session revoked,
/// is for the caller to check each time.
pub(crate) struct VerifiedTokens {
    /// Each digest has its place in one of them, so that threads rarely wait for each other.
    shards: [Mutex<Shard>; SHARDS],
}

/// A token that was verified.
#[derive(Clone)]
pub(crate) struct VerifiedToken {
    pub(crate) claims: Arc<Claims>,
    /// The key that its signature was verified with.
    pub(crate) kid: Arc<str>,
}

/// Two generations: what was not asked for since the older one was full is forgotten with it.
#[derive(Default)]
struct Shard {
    young: HashMap<[u8; 32], VerifiedToken>,
    old: HashMap<[u8; 32], VerifiedToken>,
}

impl VerifiedTokens {
    pub(crate) fn get(&self, token: &Digest) -> Option<VerifiedToken> {
        let mut shard = self.shard(token).lock().expect("no panic while held");
        if let Some(found) = shard.young.get(&token.to_bytes()) {
            return Some(found.clone());
        }
        let found = shard.old.remove(&token.to_bytes())?;
        shard.insert(token, found.clone());
        Some(found)
    }

    /// Keeps a token of `bytes` length that was verified, unless it is a long one: so many of them
    /// would take much memory.
    pub(crate) fn insert(&self, token: &Digest, bytes: usize, verified: VerifiedToken) {
        if bytes <= MAX_BYTES {
            let mut shard = self.shard(token).lock().expect("no panic while held");
            shard.insert(token, verified);
        }
    }

    /// Forgets a token that [`get`](Self::get) has found and that is no longer good.
    pub(crate) fn remove(&self, token: &Digest) {
        let mut shard = self.shard(token).lock().expect("no panic while held");
        shard.young.remove(&token.to_bytes());
    }

    fn shard(&self, token: &Digest) -> &Mutex<Shard> {
        &self.shards[usize::from(token.as_bytes()[0]) % SHARDS]
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Shard {
    fn insert(&mut self, token: &Digest, verified: VerifiedToken) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(token.to_bytes(), verified);
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").finish_non_exhaustive()
    }
}

const SHARDS: usize = 16;
/// Tokens in each half of a shard: 8,192 in all, at most, of one to a few KiB each.
const GENERATION: usize = 256;
/// As long as the tokens of hosts that add some claims of their own.
const MAX_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;

    fn token(number: u128) -> (Digest, VerifiedToken) {
        let claims = Claims {
            iss: String::new(),
            aud: String::new(),
            sub: Uuid::from_u128(number),
            sid: Uuid::nil(),
            jti: Uuid::nil(),
            iat: 0,
            nbf: 0,
            exp: 0,
            auth_time: 0,
            amr: Vec::new(),
            extra: Map::new(),
        };
        let verified = VerifiedToken { claims: Arc::new(claims), kid: "key".into() };
        (Digest::of(&number.to_be_bytes()), verified)
    }

    fn held(tokens: &VerifiedTokens) -> usize {
        let shards = tokens.shards.iter().map(|shard| shard.lock().unwrap());
        shards.map(|shard| shard.young.len() + shard.old.len()).sum()
    }

    #[test]
    fn what_is_asked_for_stays_while_so_many_others_come() {
        let tokens = VerifiedTokens::default();
        let (kept, verified) = token(0);
        tokens.insert(&kept, 500, verified);
        for number in 1..40_000 {
            let (digest, verified) = token(number);
            tokens.insert(&digest, 500, verified);
            if number % 100 == 0 {
                assert_eq!(tokens.get(&kept).unwrap().claims.sub, Uuid::nil());
            }
        }
        assert!(held(&tokens) <= 2 * SHARDS * GENERATION, "{}", held(&tokens));
        assert!(tokens.get(&token(1).0).is_none(), "nobody has asked for it");
    }

    #[test]
    fn one_that_is_long_or_no_longer_good_is_not_kept() {
        let tokens = VerifiedTokens::default();
        let (digest, verified) = token(1);
        tokens.insert(&digest, MAX_BYTES + 1, verified.clone());
        assert!(tokens.get(&digest).is_none());
        tokens.insert(&digest, MAX_BYTES, verified);
        assert!(tokens.get(&digest).is_some());
        tokens.remove(&digest);
        assert!(tokens.get(&digest).is_none());
    }
}
