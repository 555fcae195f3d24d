//! What the flows do with passwords: judge, hash, check.

use std::sync::Arc;

use crate::crypto::password::{PasswordHash, Verdict, hash, outdated, verify};
use crate::model::Account;
use crate::{Auth, Error, FieldError, Password, Result};

impl Auth {
    /// Refuses a password that the policy does not accept for this user.
    pub(super) fn judge_password(
        &self,
        pointer: &'static str,
        password: &Password,
        email: &str,
        username: Option<&str>,
    ) -> Result<(), FieldError> {
        if password.expose().is_empty() {
            return Err(FieldError::required(pointer));
        }
        let config = &self.0.config;
        let context = [email, username.unwrap_or_default(), &config.product_name];
        config
            .password_policy
            .check(password, &context)
            .map_err(|rejection| FieldError::new(pointer, rejection.code(), rejection.detail()))
    }

    pub(super) async fn hash_password(&self, password: Password) -> Result<PasswordHash> {
        let (params, random) = (self.0.config.hash_params, Arc::clone(&self.0.random));
        Ok(self.0.hashing.run(move || hash(params, &password, &*random)).await?)
    }

    /// Checks the password of `account`, at the same cost if there is none, or none with a usable
    /// hash. A hash of another cost than the configured one is replaced.
    pub(super) async fn check_password(
        &self,
        account: Option<&Account>,
        password: Password,
    ) -> Result<()> {
        let stored = account.and_then(|account| account.password_hash.clone());
        let dummy = Arc::clone(&self.0.dummy_hash);
        let (params, random) = (self.0.config.hash_params, Arc::clone(&self.0.random));
        let checked = move || {
            let verdict =
                stored.as_deref().map_or(Verdict::Unusable, |hash| verify(hash, &password));
            match (verdict, stored) {
                (Verdict::Match, Some(old)) => {
                    let new = outdated(&old, params).then(|| hash(params, &password, &*random));
                    Ok(new.map(|new| (old, new)))
                }
                (Verdict::Match | Verdict::Mismatch, _) => Err(Error::InvalidCredentials),
                (Verdict::Unusable, _) => {
                    verify(dummy.as_str(), &password);
                    Err(Error::InvalidCredentials)
                }
            }
        };
        let rehashed = self.0.hashing.run(checked).await??;
        if let (Some((old, new)), Some(account)) = (rehashed, account) {
            let mut connection = self.0.store.write().await?;
            connection.rehash_password(account.user.id, &old, new.as_str()).await?;
        }
        Ok(())
    }
}
