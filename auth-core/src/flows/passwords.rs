//! What the flows do with passwords: judge, hash, check.

use std::sync::Arc;

use crate::auth::CurrentSession;
use crate::crypto::password::{HashMemory, PasswordHash, Verdict};
use crate::model::Account;
use crate::{Auth, Config, Error, EventKind, FieldError, Password, Result};

/// Where a password stands in a request, and whose it is to be.
pub(crate) struct PasswordOwner {
    pub(crate) pointer: &'static str,
    pub(crate) email: String,
    pub(crate) username: Option<String>,
}

impl PasswordOwner {
    pub(super) fn of(account: &Account, pointer: &'static str) -> Self {
        let email = account.email_canonical.clone();
        Self { pointer, email, username: account.user.username.clone() }
    }
}

impl Auth {
    /// Hashes a password that the policy accepts for this user.
    pub(crate) async fn hash_password(
        &self,
        password: Password,
        whose: PasswordOwner,
    ) -> Result<PasswordHash> {
        let (hasher, random) = (Arc::clone(&self.0.hasher), Arc::clone(&self.0.random));
        let config = Arc::clone(&self.0.config);
        // Judging is work too, for some passwords more than hashing: it has no place on the runtime.
        let hashed = self.0.hashing.run(move |memory| {
            judge(&config, &password, &whose)?;
            Ok(hasher.hash(&password, &*random, memory))
        });
        hashed.await?.map_err(Error::field)
    }

    /// Says what the policy has against a password, without hashing it.
    pub(super) async fn judge_password(
        &self,
        password: Password,
        whose: PasswordOwner,
    ) -> Result<()> {
        let config = Arc::clone(&self.0.config);
        let judged = self.0.hashing.run(move |_| judge(&config, &password, &whose));
        judged.await?.map_err(Error::field)
    }

    /// Checks the password of `account`, at the same cost if there is none, or none with a usable
    /// hash. A hash that is not what would be made now is replaced.
    pub(super) async fn check_password(
        &self,
        account: Option<&Account>,
        password: Password,
    ) -> Result<()> {
        let stored = account.and_then(|account| account.password_hash.clone());
        let (hasher, random) = (Arc::clone(&self.0.hasher), Arc::clone(&self.0.random));
        let checked = move |memory: &mut HashMemory| {
            let verdict = hasher.verify(stored.as_deref(), &password, memory);
            let outdated = verdict == Verdict::Match { outdated: true };
            let new = outdated.then(|| hasher.hash(&password, &*random, memory));
            (verdict, stored.zip(new))
        };
        let (verdict, rehashed) = self.0.hashing.run(checked).await?;
        match (verdict, account) {
            (Verdict::Match { .. }, _) => {}
            (Verdict::Unusable(reason), Some(account)) => {
                let user = account.user.id;
                tracing::warn!(%user, %reason, "a stored password hash cannot be used");
                return Err(Error::InvalidCredentials);
            }
            (Verdict::Mismatch | Verdict::Unusable(_), _) => return Err(Error::InvalidCredentials),
        }
        if let (Some((old, new)), Some(account)) = (rehashed, account) {
            let mut connection = self.0.store.write().await?;
            connection.rehash_password(account.user.id, &old, new.as_str()).await?;
        }
        Ok(())
    }

    /// Checks the password of who is signed in already; a wrong one is recorded as `failure`.
    pub(super) async fn check_own_password(
        &self,
        session: &CurrentSession,
        password: Password,
        failure: EventKind,
    ) -> Result<()> {
        let _turn = self.count_own_password(session).await?;
        match self.check_password(Some(session.account()), password).await {
            Ok(()) => self.forget_own_passwords(session).await,
            Err(Error::InvalidCredentials) => {
                self.note(&session.client, failure, |event| {
                    event
                        .user(session.user().id)
                        .session(session.id())
                        .detail("reason", "password");
                })
                .await?;
                Err(Error::InvalidCredentials)
            }
            Err(error) => Err(error),
        }
    }
}

fn judge(config: &Config, password: &Password, whose: &PasswordOwner) -> Result<(), FieldError> {
    let pointer = whose.pointer;
    if password.expose().is_empty() {
        return Err(FieldError::required(pointer));
    }
    let username = whose.username.as_deref().unwrap_or_default();
    let context = [whose.email.as_str(), username, &config.product_name];
    config
        .password_policy
        .check(password, &context)
        .map_err(|rejection| FieldError::new(pointer, rejection.code(), rejection.detail()))
}
