use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::Instrument;

use crate::crypto::hashing_pool::HashingPool;
use crate::crypto::keyring::Keyring;
use crate::crypto::password::PasswordHasher;
use crate::crypto::seal::Sealer;
use crate::crypto::verified_tokens::VerifiedTokens;
use crate::event::Origin;
use crate::hooks::Hooks;
use crate::http::client_address::client_address;
use crate::http::input::language;
use crate::last_resort::without_panic;
use crate::limits::Limiter;
use crate::model::{Account, EventId};
use crate::observation::note_user;
use crate::outbox::Courier;
#[cfg(feature = "redis")]
use crate::redis_feed;
#[cfg(feature = "redis")]
use crate::redis_server::RedisServer;
use crate::request_id::RequestId;
use crate::revocations::Revocations;
use crate::shared_look::SharedLook;
use crate::signals::Signals;
use crate::store::{Authenticated, Connection};
use crate::templates::Templates;
use crate::{
    Client, Clock, Config, Error, Event, EventKind, Mailbox, Mailer, Message, Outbox, Peer, Random,
    Rejection, Request, Result, SessionId, Store, Timestamp, Tx, User, UserId, telemetry,
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
    /// The development mailbox, if there is one to show.
    pub(crate) mailbox: Option<Mailbox>,
    pub(crate) templates: Arc<Templates>,
    pub(crate) limiter: Limiter,
    pub(crate) hashing: HashingPool,
    pub(crate) hasher: Arc<PasswordHasher>,
    pub(crate) keyring: Keyring,
    pub(crate) key_looks: SharedLook,
    pub(crate) verified: VerifiedTokens,
    pub(crate) revocations: Revocations,
    pub(crate) signals: Arc<Signals>,
    pub(crate) hooks: Hooks,
    /// Whether no new requests are to be sent here.
    pub(crate) draining: AtomicBool,
    /// That an adapter does not know the other ends of its connections is told once.
    pub(crate) peer_is_missing: Once,
    /// The id of the latest event of this instance.
    pub(crate) last_event: Mutex<Option<EventId>>,
    #[cfg(feature = "redis")]
    pub(crate) redis: Option<Arc<RedisServer>>,
}

/// A live session and its user, as the database knows them: what operations on an account take.
#[derive(Debug)]
pub struct CurrentSession {
    pub(crate) authenticated: Authenticated,
    pub(crate) client: Client,
}

impl CurrentSession {
    /// Says who asks now, for the events of what is done with the session; by default nobody knows.
    #[must_use]
    pub fn asked_by(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// Returns the user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.authenticated.account.user
    }

    /// Returns the user, without the session.
    #[must_use]
    pub fn into_user(self) -> User {
        self.authenticated.account.user
    }

    /// Returns the session's id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.authenticated.session_id
    }

    pub(crate) fn account(&self) -> &Account {
        &self.authenticated.account
    }
}

impl Auth {
    /// Returns how many bytes of a request's body an adapter reads at most.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.0.config.body_limit
    }

    /// Turns an error into an answer, and logs what the answer does not say.
    #[must_use]
    pub fn reject(&self, error: Error) -> Rejection {
        let code = error.code();
        // That it drains is no failure, and asked for every other second.
        if code.status().is_server_error() && !matches!(error, Error::Draining) {
            let source = std::error::Error::source(&error);
            let cause = source.and_then(std::error::Error::source).or(source);
            tracing::error!(code = code.as_str(), cause = cause.map(ToString::to_string), "failed");
        } else {
            tracing::debug!(code = code.as_str(), "refused");
        }
        Rejection::new(error, &self.0.config.mount)
    }

    /// Lets `GET /health` answer 503 from now on, so that load balancers send new requests elsewhere;
    /// everything else is answered as before.
    ///
    /// For before a server stops to listen: call it when the process is asked to end, and wait for as
    /// long as the load balancers take to notice.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.store.drain();
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

    /// Who is at the other end of `request`.
    pub(crate) fn client(&self, request: &Request) -> Client {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        if peer.is_none() {
            self.0.peer_is_missing.call_once(|| {
                tracing::warn!(
                    event = "peer_missing",
                    "the addresses of clients are unknown, and all share one budget of attempts: \
                     on axum, serve with `into_make_service_with_connect_info::<SocketAddr>()`"
                );
            });
        }
        let address = client_address(peer, request.headers(), &self.0.config.trusted_proxies);
        let user_agent = request.headers().get(http::header::USER_AGENT);
        let user_agent = user_agent.and_then(|value| value.to_str().ok());
        Client {
            language: language(request.headers()),
            request_id: request.extensions().get().cloned().map(RequestId::into_string),
            ..Client::new(address, user_agent)
        }
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

    /// Begins a unit of work on behalf of `origin`.
    pub(crate) async fn begin(&self, origin: impl Into<Origin>) -> Result<Unit<'_>> {
        Ok(self.unit(origin, self.0.store.begin().await?))
    }

    /// Begins one that nobody waits for: its statements may take a minute each.
    pub(crate) async fn begin_job(&self, origin: impl Into<Origin>) -> Result<Unit<'_>> {
        Ok(self.unit(origin, self.0.store.begin_job().await?))
    }

    fn unit(&self, origin: impl Into<Origin>, tx: Tx) -> Unit<'_> {
        let origin = origin.into();
        Unit {
            auth: self,
            origin,
            tx,
            messages: Vec::new(),
            revoked: Vec::new(),
            events: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    /// Writes down what happened without changing anything.
    pub(crate) async fn note(
        &self,
        origin: impl Into<Origin>,
        kind: EventKind,
        describe: impl FnOnce(&mut Event),
    ) -> Result<()> {
        let mut unit = self.begin(origin).await?;
        describe(unit.record(kind));
        unit.commit().await
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// One flow's unit of work: what it writes, sends, revokes and records happens together or not at
/// all.
pub(crate) struct Unit<'a> {
    auth: &'a Auth,
    origin: Origin,
    tx: Tx,
    messages: Vec<Message>,
    revoked: Vec<SessionId>,
    events: Vec<Event>,
    forgotten: Vec<String>,
}

impl Unit<'_> {
    /// The transaction, to run statements in.
    pub(crate) fn tx(&mut self) -> &mut Connection {
        self.tx.connection()
    }

    /// The same for the host, whose statements this crate does not know.
    pub(crate) fn transaction(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// Locks the user of `session` and returns them as they are now, and refuses if the session has
    /// ended since it was read: a reset or a revocation that came first wins.
    pub(crate) async fn lock(&mut self, session: &CurrentSession) -> Result<Account> {
        let now = self.auth.now();
        self.tx().lock_user(session.user().id).await?;
        let found = self.tx().authenticated(session.id(), now).await?;
        found.map(|found| found.account).ok_or(Error::Unauthenticated)
    }

    /// Sends `message` if this unit commits.
    pub(crate) fn send(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Forgets these subjects' attempts where the database does not, once this unit has committed.
    pub(crate) fn forgets(&mut self, subjects: Vec<String>) {
        self.forgotten.extend(subjects);
    }

    /// Lets this instance refuse the sessions' access tokens as soon as this unit has committed.
    pub(crate) fn revoked(&mut self, sessions: impl IntoIterator<Item = SessionId>) {
        self.revoked.extend(sessions);
    }

    /// The same, with an event for each.
    pub(crate) fn end_sessions(
        &mut self,
        user_id: UserId,
        sessions: impl IntoIterator<Item = SessionId>,
        reason: &'static str,
    ) {
        for session in sessions {
            self.record(EventKind::SessionRevoked)
                .user(user_id)
                .session(session)
                .detail("reason", reason);
            self.revoked([session]);
        }
    }

    /// Records an event, which the caller goes on to describe.
    pub(crate) fn record(&mut self, kind: EventKind) -> &mut Event {
        let Inner { clock, random, last_event, .. } = &*self.auth.0;
        let Origin { actor, client } = &self.origin;
        let id = {
            // Where a host's clock or source of randomness panics, nothing is left half done.
            let mut last = last_event.lock().unwrap_or_else(PoisonError::into_inner);
            let next = EventId::after(*last, &**clock, &**random);
            *last.insert(next)
        };
        self.events.push(Event {
            id,
            kind,
            actor: actor.clone(),
            user_id: None,
            session_id: None,
            ip: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.clone(),
            detail: client.request_id.as_deref().map(request_id).into_iter().collect(),
            occurred_at: clock.now(),
        });
        self.events.last_mut().expect("it was just added")
    }

    pub(crate) async fn commit(self) -> Result<()> {
        let Self { auth, mut tx, messages, revoked, events, forgotten, .. } = self;
        auth.0.outbox.stage(&mut tx, &messages).await?;
        tx.connection().insert_events(&events).await?;
        if let Some(user) = events.iter().find_map(|event| event.user_id) {
            note_user(user, None);
        }
        let auth = auth.clone();
        // From here on a client that goes away stops nothing: what commits is revoked and published.
        let finish = async move {
            tx.commit().await?;
            #[cfg(feature = "redis")]
            if let Some(redis) = &auth.0.redis {
                redis_feed::tell_of_revocations(redis, &revoked);
            }
            auth.0.revocations.insert(revoked, auth.now());
            if !forgotten.is_empty() {
                auth.0.limiter.forget_shared(&forgotten).await;
            }
            match without_panic(auth.0.outbox.publish(&messages)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "mails were not published");
                }
                None => tracing::error!("mails were not published: the outbox panicked"),
            }
            events.iter().for_each(tell);
            auth.0.hooks.hear(events);
            Ok(())
        };
        let finished = tokio::spawn(finish.in_current_span()).await;
        finished.unwrap_or_else(|error| Err(Error::internal(error)))
    }
}

/// Tells of an event in the log and in the metrics, without who it was and from where.
fn tell(event: &Event) {
    let kind = event.kind.as_str();
    telemetry::event(kind);
    let user = event.user_id.map(tracing::field::display);
    let session = event.session_id.map(tracing::field::display);
    tracing::info!(event = kind, user, session, "written down");
}

/// How an event names the request that it is of.
fn request_id(id: &str) -> (String, serde_json::Value) {
    ("request_id".to_owned(), id.into())
}
