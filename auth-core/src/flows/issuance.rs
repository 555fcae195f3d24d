//! The one way to a session.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::auth::Unit;
use crate::crypto::access_token::{Claims, sign};
use crate::crypto::refresh_token::RefreshSecret;
use crate::model::{Account, new_uuid};
use crate::observation::note_user;
use crate::store::{NewSession, Renewal, Rotated};
use crate::{
    AccessToken, Auth, Client, Error, EventKind, RefreshToken, Result, SessionId, Timestamp, User,
};

/// What a signed-in client holds.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Tokens {
    /// Authenticates requests.
    pub access_token: AccessToken,
    /// For how long it does.
    pub expires_in: Duration,
    /// Is exchanged for the next pair, once.
    pub refresh_token: RefreshToken,
    /// For how long it can be, unless it is used before.
    pub refresh_expires_in: Duration,
    /// Whether a browser keeps them when it is closed.
    pub remembered: bool,
    /// Who signed in.
    pub user: User,
}

/// Which factors of `account` were proven, and under which state of it.
///
/// The statement that inserts a session checks it against the user's row: a proof that has become
/// stale, or that lacks a factor the user has, begins none.
pub(super) struct Proof<'a> {
    account: &'a Account,
    password_epoch: i64,
    second_factor: bool,
    amr: Amr,
}

/// How a session was authenticated (RFC 8176).
#[derive(Clone, Copy)]
pub(super) enum Amr {
    Password,
    PasswordAndRecoveryCode,
    PasswordAndTotp,
}

impl Amr {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::PasswordAndRecoveryCode => "pwd mfa",
            Self::PasswordAndTotp => "pwd otp mfa",
        }
    }
}

impl<'a> Proof<'a> {
    pub(super) fn password(account: &'a Account) -> Self {
        let password_epoch = account.password_epoch;
        Self { account, password_epoch, second_factor: false, amr: Amr::Password }
    }

    /// `password_epoch` is the one that the password was proven under.
    pub(super) fn both_factors(account: &'a Account, password_epoch: i64, amr: Amr) -> Self {
        Self { account, password_epoch, second_factor: true, amr }
    }
}

impl Auth {
    /// Begins a session, and ends the oldest if the user has more than enough; `None` if the proof no
    /// longer holds.
    pub(super) async fn begin_session(
        &self,
        unit: &mut Unit<'_>,
        proof: &Proof<'_>,
        remembered: bool,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Issued>> {
        let config = &self.0.config;
        let lifetime = if remembered {
            config.session_lifetime
        } else {
            config.session_lifetime.min(config.short_session_lifetime)
        };
        let refresh = RefreshSecret::generate(&*self.0.random);
        let renewal = self.renewal(&refresh, now);
        let session = NewSession {
            id: SessionId::generate(&*self.0.clock, &*self.0.random),
            user_id: proof.account.user.id,
            password_epoch: proof.password_epoch,
            second_factor: proof.second_factor,
            factor_epoch: proof.account.factor_epoch,
            amr: proof.amr.as_str(),
            remembered,
            client,
            expires_at: now.plus(lifetime),
            renewal,
        };
        if !unit.tx().insert_session(&session).await? {
            return Ok(None);
        }
        unit.record(EventKind::AuthnLoginSuccess)
            .user(session.user_id)
            .session(session.id)
            .detail("amr", session.amr);
        let keep = i64::from(config.sessions_per_user);
        if self.welcome(unit, proof.account, client, now).await? > keep {
            let evicted = unit.tx().evict_sessions(session.user_id, keep, now).await?;
            unit.end_sessions(session.user_id, evicted, "too_many");
        }
        let session = Rotated {
            id: session.id,
            user_id: session.user_id,
            authenticated_at: now,
            amr: session.amr.to_owned(),
            idle_expires_at: session.renewal.idle_expires_at,
            expires_at: session.expires_at,
            remembered,
            user_agent: client.user_agent.clone(),
        };
        Ok(Some(Issued { session, refresh }))
    }

    /// The first refresh token of a family, as it is stored.
    pub(super) fn renewal(&self, refresh: &RefreshSecret, now: Timestamp) -> Renewal {
        let idle_expires_at = now.plus(self.0.config.session_idle);
        Renewal { family: refresh.family(), refresh: refresh.digest(), now, idle_expires_at }
    }

    /// Signs the access token of a session. It expires with the session at the latest.
    pub(super) async fn tokens(
        &self,
        issued: Issued,
        user: User,
        now: Timestamp,
    ) -> Result<Tokens> {
        let extra = self.0.hooks.claims(&user).await?;
        self.tokens_with(issued, user, extra, now).await
    }

    /// The same with claims that the host told before the session began: if it cannot tell them,
    /// there is no session that nobody holds the tokens of.
    pub(super) async fn tokens_with(
        &self,
        issued: Issued,
        user: User,
        extra: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Tokens> {
        let Issued { session, refresh } = issued;
        note_user(session.user_id, Some(session.id));
        let config = &self.0.config;
        let expires_at = now.plus(config.access_token_lifetime).min(session.expires_at);
        let expires_at = expires_at.min(session.idle_expires_at);
        let claims = Claims {
            iss: config.issuer(),
            aud: config.audience.clone(),
            sub: session.user_id.into(),
            sid: session.id.into(),
            jti: new_uuid(now, &*self.0.random),
            iat: now.secs(),
            nbf: now.secs(),
            exp: expires_at.secs(),
            auth_time: session.authenticated_at.secs(),
            amr: session.amr.split(' ').map(str::to_owned).collect(),
            extra,
        };
        let key = self.signing_key(now).await?;
        Ok(Tokens {
            access_token: sign(&claims, &key),
            expires_in: expires_at.since(now),
            refresh_token: refresh.token(),
            refresh_expires_in: session.idle_expires_at.min(session.expires_at).since(now),
            remembered: session.remembered,
            user,
        })
    }
}

/// A session and the refresh token that is good for it now.
pub(super) struct Issued {
    pub(super) session: Rotated,
    pub(super) refresh: RefreshSecret,
}

/// The proof was good when it was given, and no longer is.
pub(super) const STALE: Error = Error::InvalidCredentials;
