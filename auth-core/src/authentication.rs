//! Who is calling: from the headers of a request to a user.

use std::sync::Arc;

use http::{HeaderMap, Method};
use uuid::Uuid;

use crate::auth::{CurrentSession, Inner};
use crate::crypto::access_token::{AccessTokenError, Claims, Expected, MAX_BYTES, verify};
use crate::crypto::digest::Digest;
use crate::crypto::verified_tokens::VerifiedToken;
use crate::http::credentials::{self, Delivery};
use crate::observation::note_user;
use crate::store::Caller;
use crate::{
    AccessToken, Auth, Client, Error, Identity, Request, Result, SessionId, Timestamp, User, UserId,
};

impl Auth {
    /// Returns the user whose access token a request carries, as the database knows them now.
    ///
    /// The token is a bearer's, or a browser's cookie. It costs one read. Where the claims are enough,
    /// [`identify`](Self::identify) costs none.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a live session;
    /// [`Error::CrossSiteRequest`] if the token is a cookie, `method` is not safe, and a foreign page
    /// may have sent the request; [`Error::Malformed`] for two credentials that differ.
    pub async fn authenticate(&self, method: &Method, headers: &HeaderMap) -> Result<User> {
        Ok(self.caller(method, headers).await?.user)
    }

    /// Returns the user of a request if they signed in within the last minutes, by
    /// [`Config::recent_sign_in`](crate::Config::recent_sign_in).
    ///
    /// # Errors
    ///
    /// Those of [`authenticate`](Self::authenticate), and [`Error::ReauthenticationRequired`] if the
    /// sign-in was too long ago.
    pub async fn authenticate_recent(&self, method: &Method, headers: &HeaderMap) -> Result<User> {
        let caller = self.caller(method, headers).await?;
        self.require_recent_proof(caller.authenticated_at)?;
        Ok(caller.user)
    }

    /// Returns the user of a request if they have the role of this name now.
    ///
    /// It costs one read. The name is compared exactly.
    ///
    /// # Errors
    ///
    /// Those of [`authenticate`](Self::authenticate), and [`Error::Forbidden`] without the role.
    pub async fn authenticate_role(
        &self,
        method: &Method,
        headers: &HeaderMap,
        role: &str,
    ) -> Result<User> {
        let user = self.authenticate(method, headers).await?;
        if user.roles.iter().any(|has| has == role) { Ok(user) } else { Err(Error::Forbidden) }
    }

    /// Returns the live session that an access token belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a live session.
    pub async fn session(&self, token: &AccessToken) -> Result<CurrentSession> {
        self.in_time(self.live_session(token.expose())).await
    }

    /// Returns what the access token of a request asserts, without asking the database.
    ///
    /// Signature, claims and revocation are checked. Revocations reach this instance by a feed; only
    /// while that is behind by more than a second, the database is asked.
    ///
    /// # Errors
    ///
    /// Those of [`authenticate`](Self::authenticate).
    pub async fn identify(&self, method: &Method, headers: &HeaderMap) -> Result<Identity> {
        let (token, _) = self.presented(method, headers)?;
        let now = self.now();
        // Nearly always, nothing has to be waited for.
        match self.check(token, now) {
            Ok(claims) => match self.0.revocations.contains(claims.sid.into(), now) {
                Some(false) => Ok(Identity::of(&claims)),
                Some(true) => Err(Error::Unauthenticated),
                None => self.in_time(self.identity(token, now)).await,
            },
            Err(AccessTokenError::UnknownKey) => self.in_time(self.identity(token, now)).await,
            Err(reason) => Err(refused(reason)),
        }
    }

    async fn caller(&self, method: &Method, headers: &HeaderMap) -> Result<Caller> {
        let (token, _) = self.presented(method, headers)?;
        self.in_time(self.live_caller(token)).await
    }

    async fn live_caller(&self, token: &str) -> Result<Caller> {
        let now = self.now();
        let claims = self.verify(token, now).await?;
        let found = self.0.store.read().await?.caller(claims.sid.into(), now).await?;
        let mut caller = found.ok_or(Error::Unauthenticated)?;
        caller.authenticated_at = vouched(&claims, caller.user.id, caller.authenticated_at)?;
        note_user(caller.user.id, Some(claims.sid.into()));
        Ok(caller)
    }

    async fn live_session(&self, token: &str) -> Result<CurrentSession> {
        let now = self.now();
        let claims = self.verify(token, now).await?;
        let found = self.0.store.read().await?.authenticated(claims.sid.into(), now).await?;
        let mut found = found.ok_or(Error::Unauthenticated)?;
        let user_id = found.account.user.id;
        found.authenticated_at = vouched(&claims, user_id, found.authenticated_at)?;
        note_user(user_id, Some(found.session_id));
        Ok(CurrentSession { authenticated: found, client: Client::default() })
    }

    async fn identity(&self, token: &str, now: Timestamp) -> Result<Identity> {
        let claims = self.verify(token, now).await?;
        let session_id = SessionId::from(claims.sid);
        let revoked = match self.0.revocations.contains(session_id, now) {
            Some(revoked) => revoked,
            None => !self.0.store.read().await?.session_is_live(session_id, now).await?,
        };
        if revoked { Err(Error::Unauthenticated) } else { Ok(Identity::of(&claims)) }
    }

    pub(crate) async fn current_session(&self, request: &Request) -> Result<CurrentSession> {
        let (method, headers) = (request.method(), request.headers());
        let (token, _) = self.presented(method, headers)?;
        let session = self.in_time(self.live_session(token)).await?;
        Ok(session.asked_by(self.client(request)))
    }

    pub(crate) async fn recent_session(&self, request: &Request) -> Result<CurrentSession> {
        let session = self.current_session(request).await?;
        self.require_recent(&session)?;
        Ok(session)
    }

    /// Refuses a session whose factors were not all proven within the last minutes.
    pub(crate) fn require_recent(&self, session: &CurrentSession) -> Result<()> {
        self.require_recent_proof(session.authenticated.authenticated_at)
    }

    fn require_recent_proof(&self, proven: Timestamp) -> Result<()> {
        let age = self.now().since(proven);
        if age > self.0.config.recent_sign_in {
            return Err(Error::ReauthenticationRequired);
        }
        Ok(())
    }

    /// How the access token of `request` came, and new ones travel.
    pub(crate) fn delivery(&self, request: &Request) -> Result<Delivery> {
        let (method, headers) = (request.method(), request.headers());
        Ok(self.presented(method, headers)?.1)
    }

    fn presented<'a>(
        &self,
        method: &Method,
        headers: &'a HeaderMap,
    ) -> Result<(&'a str, Delivery)> {
        credentials::access_token(method, headers, &self.0.config)?.ok_or(Error::Unauthenticated)
    }

    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Claims>> {
        let mut result = self.check(token, now);
        if result.as_ref().is_err_and(|error| *error == AccessTokenError::UnknownKey) {
            self.look_for_key().await?;
            result = self.check(token, now);
        }
        result.map_err(refused)
    }

    /// Verifies a token's signature, unless it was verified before, and checks everything else.
    fn check(&self, token: &str, now: Timestamp) -> Result<Arc<Claims>, AccessTokenError> {
        let Inner { config, keyring, verified, .. } = &*self.0;
        if token.len() > MAX_BYTES {
            // Whoever sends what is no token has not even its digest made.
            return Err(AccessTokenError::Shape);
        }
        let digest = Digest::of(token.as_bytes());
        if let Some(known) = verified.get(&digest) {
            if keyring.verifies(&known.kid, now) {
                known.claims.hold_at(now, LEEWAY_SECS)?;
                return Ok(known.claims);
            }
            verified.remove(&digest);
        }
        let issuer = config.issuer();
        let expected =
            Expected { issuer: &issuer, audience: &config.audience, leeway_secs: LEEWAY_SECS };
        let mut signed_by = None;
        let claims = verify(token, &expected, now, |kid| {
            signed_by = Some(Arc::from(kid));
            keyring.verifying(kid, now)
        })?;
        let claims = Arc::new(claims);
        if let Some(kid) = signed_by {
            let known = VerifiedToken { claims: Arc::clone(&claims), kid };
            verified.insert(&digest, token.len(), known);
        }
        Ok(claims)
    }
}

/// When the user of a session has proven their factors, for the bearer of a token with these claims.
fn vouched(claims: &Claims, user_id: UserId, authenticated_at: Timestamp) -> Result<Timestamp> {
    if Uuid::from(user_id) != claims.sub {
        return Err(Error::Unauthenticated);
    }
    // A token from before a re-authentication may be stolen, and has proven nothing since.
    Ok(authenticated_at.min(Timestamp::from_secs(claims.auth_time)))
}

/// What a refused token is answered with, and how it is logged.
pub(crate) fn refused(reason: AccessTokenError) -> Error {
    // Each token comes to that end, most of them in the hands of an honest client.
    if reason == AccessTokenError::Expired {
        tracing::debug!(event = "token_expired", "an access token was refused");
    } else {
        tracing::info!(event = "token_invalid", ?reason, "an access token was refused");
    }
    Error::Unauthenticated
}

impl Identity {
    fn of(claims: &Claims) -> Self {
        Self {
            user_id: claims.sub.into(),
            session_id: claims.sid.into(),
            authenticated_at: Timestamp::from_secs(claims.auth_time),
            methods: claims.amr.clone(),
            claims: claims.extra.clone(),
            expires_at: Timestamp::from_secs(claims.exp),
        }
    }
}

/// How far the clocks of two instances may differ.
const LEEWAY_SECS: i64 = 5;

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::time::Duration;

    use serde_json::Map;
    use uuid::Uuid;

    use super::*;
    use crate::crypto::access_token::sign;
    use crate::{Config, ManualClock, MasterSecret, Store, SystemRandom};

    /// A token whose signature was verified is known by its digest, for as long as its key is.
    #[tokio::test]
    async fn a_token_is_verified_once_and_known_while_its_key_is() {
        let store = Store::sqlite("sqlite::memory:").await.unwrap();
        let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
        let config = Config::new("http://127.0.0.1:8000").unwrap();
        let builder = Auth::builder(config, store, MasterSecret::generate(&SystemRandom));
        let auth = builder.clock(clock.clone()).build().await.unwrap();
        let now = auth.now();
        let key = auth.signing_key(now).await.unwrap();
        let claims = Claims {
            iss: auth.0.config.issuer(),
            aud: auth.0.config.audience.clone(),
            sub: Uuid::from_u128(1),
            sid: Uuid::from_u128(2),
            jti: Uuid::from_u128(3),
            iat: now.secs(),
            nbf: now.secs(),
            exp: now.secs() + 60,
            auth_time: now.secs(),
            amr: vec!["pwd".to_owned()],
            extra: Map::new(),
        };
        let token = sign(&claims, &key);
        let token = token.expose();
        let digest = Digest::of(token.as_bytes());
        assert!(auth.0.verified.get(&digest).is_none());
        assert_eq!(*auth.check(token, now).unwrap(), claims);
        let known = auth.0.verified.get(&digest).expect("it was verified");
        assert_eq!(&*known.kid, key.kid());

        // What else is known by its digest has no signature that could be looked at.
        let know = |name: &str, kid: &str| {
            let known = VerifiedToken { claims: Arc::clone(&known.claims), kid: Arc::from(kid) };
            auth.0.verified.insert(&Digest::of(name.as_bytes()), name.len(), known);
        };
        know("known", key.kid());
        assert_eq!(*auth.check("known", now).unwrap(), claims);
        know("of a key that is gone", "gone");
        for _ in 0..2 {
            assert!(auth.check("of a key that is gone", now).is_err());
            assert!(auth.0.verified.get(&Digest::of(b"of a key that is gone")).is_none());
        }
        let later = now.plus(Duration::from_secs(120));
        assert_eq!(auth.check(token, later).err(), Some(AccessTokenError::Expired));

        let long = "a".repeat(MAX_BYTES + 1);
        know(&long, key.kid());
        assert_eq!(auth.check(&long, now).err(), Some(AccessTokenError::Shape));
    }
}
