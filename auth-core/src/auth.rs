use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use crate::builder::Builder;
use crate::crypto::access_token::{AccessTokenError, Claims, Expected, verify};
use crate::crypto::hashing_pool::HashingPool;
use crate::crypto::keyring::Keyring;
use crate::crypto::password::PasswordHash;
use crate::crypto::seal::{MasterSecret, Sealer};
use crate::http::client_address::client_address;
use crate::http::input::bearer;
use crate::outbox::Courier;
use crate::revocations::Revocations;
use crate::store::{Authenticated, Connection};
use crate::templates::Templates;
use crate::{
    AccessToken, Client, Clock, Config, Error, Identity, Mailbox, Mailer, Message, Outbox, Peer,
    Random, Rejection, Request, Result, SessionId, Store, Timestamp, Tx, User,
};

/// The authentication service: one per application, cheap to clone.
///
/// Adapters mount it; the flows are also its methods, for hosts that call them from code.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
    /// The development mailbox, if the mailer is one.
    pub(crate) mailbox: Option<Mailbox>,
    pub(crate) templates: Arc<Templates>,
    pub(crate) hashing: HashingPool,
    /// What the attempts on unknown users are verified against.
    pub(crate) dummy_hash: Arc<PasswordHash>,
    pub(crate) keyring: Keyring,
    pub(crate) revocations: Revocations,
}

/// A live session and its user, as the database knows them: what operations on an account take.
#[derive(Debug)]
pub struct CurrentSession(pub(crate) Authenticated);

impl CurrentSession {
    /// Returns the user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.0.account.user
    }

    /// Returns the user, without the session.
    #[must_use]
    pub fn into_user(self) -> User {
        self.0.account.user
    }

    /// Returns the session's id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.0.session_id
    }
}

impl Auth {
    /// Starts to build the service: what it needs are arguments, the rest has defaults.
    pub fn builder(config: Config, store: Store, secret: MasterSecret) -> Builder {
        Builder::new(config, store, secret)
    }

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
    /// [`Config::recent_sign_in`].
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] without a good token of a live session,
    /// [`Error::ReauthenticationRequired`] if the sign-in was too long ago.
    pub async fn authenticate_recent(&self, headers: &HeaderMap) -> Result<User> {
        Ok(self.recent_session(headers).await?.into_user())
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
        let authenticated = found
            .filter(|found| uuid::Uuid::from(found.account.user.id) == claims.sub)
            .ok_or(Error::Unauthenticated)?;
        Ok(CurrentSession(authenticated))
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
            expires_at: Timestamp::from_secs(claims.exp),
        })
    }

    /// Returns how many bytes of a request's body an adapter reads at most.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.0.config.body_limit
    }

    /// Turns an error into an answer, and logs what the answer does not say.
    #[must_use]
    pub fn reject(&self, error: Error) -> Rejection {
        let code = error.code();
        if code.status().is_server_error() {
            let source = std::error::Error::source(&error);
            let cause = source.and_then(std::error::Error::source).or(source);
            tracing::error!(code = code.as_str(), cause = cause.map(ToString::to_string), "failed");
        } else {
            tracing::debug!(code = code.as_str(), "refused");
        }
        Rejection::new(error, &self.0.config.mount)
    }

    /// Delivers what is due in the outbox, and returns when nothing is left that is due.
    ///
    /// [`start`](Self::start) does it in the background; this is for tests and for jobs.
    ///
    /// # Errors
    ///
    /// If the outbox fails. A mail that fails is tried again later and is no error.
    pub async fn deliver(&self) -> Result<()> {
        if let Some(courier) = self.courier() {
            while courier.deliver_due().await? > 0 {}
        }
        Ok(())
    }

    pub(crate) async fn current_session(&self, headers: &HeaderMap) -> Result<CurrentSession> {
        self.session(&bearer(headers)?).await
    }

    pub(crate) async fn recent_session(&self, headers: &HeaderMap) -> Result<CurrentSession> {
        let session = self.current_session(headers).await?;
        // By the server's own record: a claim says what was true when the token was signed.
        let age = self.now().since(session.0.authenticated_at);
        if age > self.0.config.recent_sign_in {
            return Err(Error::ReauthenticationRequired);
        }
        Ok(session)
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

    /// Who is at the other end of `request`.
    pub(crate) fn client(&self, request: &Request) -> Client {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        let address = client_address(peer, request.headers(), &self.0.config.trusted_proxies);
        let user_agent = request.headers().get(http::header::USER_AGENT);
        Client::new(address, user_agent.and_then(|value| value.to_str().ok()))
    }

    pub(crate) fn courier(&self) -> Option<Courier> {
        let Inner { outbox, mailer, templates, config, clock, random, .. } = &*self.0;
        Some(Courier {
            outbox: Arc::clone(outbox),
            mailer: Arc::clone(mailer.as_ref()?),
            templates: Arc::clone(templates),
            config: Arc::clone(config),
            clock: Arc::clone(clock),
            random: Arc::clone(random),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) async fn begin(&self) -> Result<Unit<'_>> {
        let tx = self.0.store.begin().await?;
        Ok(Unit { auth: self, tx, messages: Vec::new(), revoked: Vec::new() })
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// One flow's unit of work: what it writes, sends and revokes happens together or not at all.
pub(crate) struct Unit<'a> {
    auth: &'a Auth,
    tx: Tx,
    messages: Vec<Message>,
    revoked: Vec<SessionId>,
}

impl Unit<'_> {
    /// The transaction, to run statements in.
    pub(crate) fn tx(&mut self) -> &mut Connection {
        self.tx.connection()
    }

    /// Sends `message` if this unit commits.
    pub(crate) fn send(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Lets this instance refuse the sessions' access tokens as soon as this unit has committed.
    pub(crate) fn revoked(&mut self, sessions: impl IntoIterator<Item = SessionId>) {
        self.revoked.extend(sessions);
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        let Inner { outbox, revocations, .. } = &*self.auth.0;
        outbox.stage(&mut self.tx, &self.messages).await?;
        self.tx.commit().await?;
        revocations.insert(self.revoked, self.auth.now());
        outbox.publish(&self.messages).await?;
        Ok(())
    }
}

/// How far the clocks of two instances may differ.
const LEEWAY_SECS: i64 = 5;
