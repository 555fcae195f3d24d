//! The signing keys of access tokens, between the database and the keyring.

use std::sync::Arc;

use crate::crypto::access_token::SigningKey;
use crate::crypto::keyring::Key;
use crate::crypto::seal::Purpose;
use crate::event::Origin;
use crate::store::KeyRow;
use crate::{Auth, Error, EventKind, Result, Timestamp};

impl Auth {
    /// The key that signs at `now`; makes the next one first if it is due.
    pub(crate) async fn signing_key(&self, now: Timestamp) -> Result<Arc<SigningKey>> {
        let rotated = self.rotate_keys(now).await;
        match (self.0.keyring.signing(now), rotated) {
            (Some(key), Ok(())) => Ok(key),
            (Some(key), Err(error)) => {
                // A key that signs somewhat longer keeps everybody signed in.
                tracing::warn!(error = &error as &dyn std::error::Error, "no new signing key");
                Ok(key)
            }
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::internal("there is no signing key")),
        }
    }

    /// Makes the next key if it is due. Of several instances that do at once, one is first and the
    /// others take its key.
    pub(crate) async fn rotate_keys(&self, now: Timestamp) -> Result<()> {
        let Some((generation, active_from)) = self.0.keyring.due(now) else { return Ok(()) };
        // Another instance may have made it already.
        self.reload_keys().await?;
        if self.0.keyring.due(now).is_none() {
            return Ok(());
        }
        self.make_signing_key(generation, active_from, Origin::system()).await
    }

    /// Makes a key, unless another instance was first with that generation.
    pub(crate) async fn make_signing_key(
        &self,
        generation: i64,
        active_from: Timestamp,
        origin: impl Into<Origin>,
    ) -> Result<()> {
        let (key, row) = self.new_signing_key(generation, active_from);
        let mut unit = self.begin(origin).await?;
        if unit.tx().insert_signing_key(&row).await? {
            unit.record(EventKind::SigningKeyCreated).detail("kid", key.kid());
            tracing::info!(generation, kid = key.kid(), "a signing key was made");
        }
        unit.commit().await?;
        self.reload_keys().await
    }

    /// A key, and what rests of it.
    pub(crate) fn new_signing_key(
        &self,
        generation: i64,
        active_from: Timestamp,
    ) -> (SigningKey, KeyRow) {
        let random = &*self.0.random;
        let key = SigningKey::generate(random);
        let public_key = key.verifying_key().public().to_vec();
        let seed = self.0.sealer.seal(random, Purpose::SigningKey, &public_key, key.seed());
        (key, KeyRow { generation, public_key, seed, active_from })
    }

    /// Takes the keys that the database has now.
    pub(crate) async fn reload_keys(&self) -> Result<()> {
        let now = self.now();
        let mut rows = self.0.store.read().await?.signing_keys().await?;
        // Those whose tokens have all expired may be sealed with a secret that is gone.
        let successors: Vec<_> = rows.iter().skip(1).map(|row| Some(row.active_from)).collect();
        let mut successors = successors.into_iter().chain([None]);
        rows.retain(|_| !self.0.keyring.retired(successors.next().flatten(), now));
        let keys = rows.into_iter().map(|row| {
            let seed = self.0.sealer.open(Purpose::SigningKey, &row.public_key, &row.seed)?;
            let seed =
                seed.as_slice().try_into().map_err(|_| Error::internal("a key is broken"))?;
            let signing = Arc::new(SigningKey::from_seed(seed));
            Ok(Key { generation: row.generation, signing, active_from: row.active_from })
        });
        self.0.keyring.set(keys.collect::<Result<_>>()?);
        Ok(())
    }

    /// Takes the keys that the database has now, for a token of an unknown one: any number of such
    /// tokens share a look at it.
    pub(crate) async fn look_for_key(&self) -> Result<()> {
        self.0.key_looks.share(self.reload_keys()).await
    }

    /// Takes the keys that the database has now if another instance has made or revoked some.
    pub(crate) async fn sync_keys(&self) -> Result<()> {
        let newest = self.0.store.read().await?.newest_signing_key().await?;
        if newest == self.0.keyring.newest() {
            return Ok(());
        }
        self.reload_keys().await
    }
}
