use super::Operator;
use crate::crypto::access_token::thumbprint;
use crate::{Auth, Error, EventKind, Result, Timestamp};

/// A signing key of access tokens, without its private half; returned by [`Auth::signing_keys`].
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct SigningKeyInfo {
    /// The `kid` of its tokens: its JWK thumbprint (RFC 7638).
    pub kid: String,
    /// Counts the keys, from one.
    pub generation: i64,
    /// When it begins to sign.
    pub active_from: Timestamp,
    /// What it does now.
    pub state: SigningKeyState,
}

/// What a signing key does now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SigningKeyState {
    /// It is published and signs later.
    Next,
    /// Nothing that it signed is good any more.
    Retired,
    /// It signs.
    Sign,
    /// It has been replaced, and what it signed is good until it expires.
    Verify,
}

impl Auth {
    /// Returns the signing keys that the database has, the oldest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyInfo>> {
        let now = self.now();
        let rows = self.0.store.read().await?.signing_keys().await?;
        let successors = rows.iter().skip(1).map(|row| Some(row.active_from)).chain([None]);
        let keys = rows.iter().zip(successors).map(|(row, successor)| {
            let state = match successor {
                _ if row.active_from > now && row.generation != rows[0].generation => {
                    SigningKeyState::Next
                }
                Some(from) if self.0.keyring.retired(Some(from), now) => SigningKeyState::Retired,
                Some(from) if from <= now => SigningKeyState::Verify,
                _ => SigningKeyState::Sign,
            };
            let public = row.public_key.as_slice().try_into();
            let public = public.map_err(|_| Error::internal("a key is broken"))?;
            let (generation, active_from) = (row.generation, row.active_from);
            Ok(SigningKeyInfo { kid: thumbprint(public), generation, active_from, state })
        });
        keys.collect()
    }
}

impl Operator<'_> {
    /// Lets the next signing key take over soon, and returns it.
    ///
    /// It is published at once and signs after five minutes, when every instance has it, and so has
    /// everybody who keeps a copy of the published keys for as long as they may; tokens of the key
    /// before it stay good. While one waits to take over, that one is returned and none is made.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn rotate_signing_keys(&self) -> Result<SigningKeyInfo> {
        let auth = self.auth;
        auth.reload_keys().await?;
        if let Some((generation, active_from)) = auth.0.keyring.next(auth.now()) {
            auth.make_signing_key(generation, active_from, self).await?;
        }
        let mut keys = auth.signing_keys().await?;
        keys.pop().ok_or_else(|| Error::internal("there is no signing key"))
    }

    /// Makes every access token void, and a new key sign at once: for when a key has leaked.
    ///
    /// Sessions go on, and their clients refresh. An instance whose
    /// [background tasks](Auth::start) run learns of it within a second; until then it accepts what
    /// the old keys signed, and what it signs itself the others refuse. If the master secret has
    /// leaked with the keys, replace it first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn revoke_signing_keys(&self) -> Result<SigningKeyInfo> {
        let auth = self.auth;
        for _ in 0..TRIES {
            let mut unit = auth.begin(self).await?;
            let newest = unit.tx().delete_signing_keys().await?;
            let (key, row) = auth.new_signing_key(newest.unwrap_or(0) + 1, auth.now());
            if !unit.tx().insert_signing_key(&row).await? {
                // Another instance has just made one: that one has to go too.
                continue;
            }
            unit.record(EventKind::SigningKeysRevoked).detail("successor", key.kid());
            unit.commit().await?;
            auth.reload_keys().await?;
            let mut keys = auth.signing_keys().await?;
            return keys.pop().ok_or_else(|| Error::internal("there is no signing key"));
        }
        Err(Error::internal("others make signing keys all the time"))
    }
}

const TRIES: usize = 5;
