//! Who is calling: from the headers of a request to a user.

use http::HeaderMap;
use uuid::Uuid;

use crate::auth::{CurrentSession, Inner};
use crate::crypto::access_token::{AccessTokenError, Claims, Expected, verify};
use crate::http::input::bearer;
use crate::{
    AccessToken, Auth, Client, Error, Identity, Request, Result, SessionId, Timestamp, User,
};

impl Auth {
    /// Returns the user whose access token `headers` carry, as the database knows them now.
    ///
    /// It costs one read. Where the claims are enough, [`identify`](Self::identify) costs none.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a live session.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<User> {
        Ok(self.session(&bearer(headers)?).await?.into_user())
    }

    /// Returns the user of `headers` if they signed in within the last minutes, by
    /// [`Config::recent_sign_in`](crate::Config::recent_sign_in).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a live session,
    /// [`Error::ReauthenticationRequired`] if the sign-in was too long ago.
    pub async fn authenticate_recent(&self, headers: &HeaderMap) -> Result<User> {
        let session = self.session(&bearer(headers)?).await?;
        self.require_recent(&session)?;
        Ok(session.into_user())
    }

    /// Returns the live session that an access token belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a live session.
    pub async fn session(&self, token: &AccessToken) -> Result<CurrentSession> {
        let now = self.now();
        let claims = self.verify(token, now).await?;
        let found = self.0.store.read().await?.authenticated(claims.sid.into(), now).await?;
        let mut authenticated = found
            .filter(|found| Uuid::from(found.account.user.id) == claims.sub)
            .ok_or(Error::Unauthenticated)?;
        // A token from before a re-authentication may be stolen, and has proven nothing since.
        let proven = Timestamp::from_secs(claims.auth_time);
        authenticated.authenticated_at = authenticated.authenticated_at.min(proven);
        Ok(CurrentSession { authenticated, client: Client::default() })
    }

    /// Returns what the access token of `headers` asserts, without asking the database.
    ///
    /// Signature, claims and revocation are checked. Revocations reach this instance by a feed; only
    /// while that is behind by more than a second, the database is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a session that is not revoked.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Identity> {
        let now = self.now();
        let claims = self.verify(&bearer(headers)?, now).await?;
        let session_id = SessionId::from(claims.sid);
        let revoked = match self.0.revocations.contains(session_id, now) {
            Some(revoked) => revoked,
            None => !self.0.store.read().await?.session_is_live(session_id, now).await?,
        };
        if revoked {
            return Err(Error::Unauthenticated);
        }
        Ok(Identity {
            user_id: claims.sub.into(),
            session_id,
            authenticated_at: Timestamp::from_secs(claims.auth_time),
            methods: claims.amr,
            claims: claims.extra,
            expires_at: Timestamp::from_secs(claims.exp),
        })
    }

    pub(crate) async fn current_session(&self, request: &Request) -> Result<CurrentSession> {
        let session = self.session(&bearer(request.headers())?).await?;
        Ok(session.asked_by(self.client(request)))
    }

    pub(crate) async fn recent_session(&self, request: &Request) -> Result<CurrentSession> {
        let session = self.current_session(request).await?;
        self.require_recent(&session)?;
        Ok(session)
    }

    /// Refuses a session whose factors were not all proven within the last minutes.
    pub(crate) fn require_recent(&self, session: &CurrentSession) -> Result<()> {
        let age = self.now().since(session.authenticated.authenticated_at);
        if age > self.0.config.recent_sign_in {
            return Err(Error::ReauthenticationRequired);
        }
        Ok(())
    }

    pub(crate) async fn verify(&self, token: &AccessToken, now: Timestamp) -> Result<Claims> {
        let Inner { config, keyring, .. } = &*self.0;
        let issuer = config.issuer();
        let expected =
            Expected { issuer: &issuer, audience: &config.audience, leeway_secs: LEEWAY_SECS };
        let check = || verify(token.expose(), &expected, now, |kid| keyring.verifying(kid, now));
        let mut result = check();
        if result == Err(AccessTokenError::UnknownKey) && self.reload_keys_once(now).await? {
            result = check();
        }
        result.map_err(|reason| {
            tracing::debug!(?reason, "an access token was refused");
            Error::Unauthenticated
        })
    }
}

/// How far the clocks of two instances may differ.
const LEEWAY_SECS: i64 = 5;
