use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::auth::Inner;
use crate::crypto::access_token::RESERVED;
use crate::crypto::hashing_pool::HashingPool;
use crate::crypto::keyring::Keyring;
use crate::crypto::password::{HashMemory, PasswordHasher, Pepper, computes_the_known_hash};
use crate::crypto::seal::{MasterSecret, Sealer};
use crate::crypto::verified_tokens::VerifiedTokens;
use crate::error::BuildError;
use crate::hooks::{Claims, Hooks, RegistrationPolicy, SignUpHook};
use crate::limits::Limiter;
#[cfg(feature = "redis")]
use crate::outbox::RedisOutbox;
#[cfg(feature = "redis")]
use crate::redis_server::{Redis, RedisServer};
use crate::revocations::Revocations;
use crate::shared_look::SharedLook;
use crate::signals::Signals;
use crate::templates::Templates;
use crate::{
    Auth, Clock, Config, ConfigError, Error, EventListener, Mailbox, Mailer, Outbox, Random, Store,
    StoreOutbox, SystemClock, SystemRandom, telemetry,
};

/// Builds an [`Auth`]; made by [`Auth::builder`].
#[must_use]
pub struct Builder {
    config: Config,
    store: Store,
    secret: MasterSecret,
    pepper: Pepper,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    outbox: Option<Arc<dyn Outbox>>,
    mailer: Option<Arc<dyn Mailer>>,
    mailbox: Option<Mailbox>,
    templates: Option<PathBuf>,
    hooks: Hooks,
    #[cfg(feature = "redis")]
    redis: Option<Redis>,
}

impl Auth {
    /// Starts to build the service: what it needs are arguments, the rest has defaults.
    pub fn builder(config: Config, store: Store, secret: MasterSecret) -> Builder {
        Builder {
            config,
            store,
            secret,
            pepper: Pepper::none(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            outbox: None,
            mailer: None,
            mailbox: None,
            templates: None,
            hooks: Hooks::default(),
            #[cfg(feature = "redis")]
            redis: None,
        }
    }
}

impl Builder {
    /// Sets who sends e-mails; without one they wait in the outbox for a courier elsewhere.
    ///
    /// The pages of a development [`Mailbox`] take [`mailbox`](Self::mailbox) instead.
    pub fn mailer(mut self, mailer: impl Mailer) -> Self {
        self.mailer = Some(Arc::new(mailer));
        self
    }

    /// Sends e-mails to a development mailbox, and shows it at the development paths.
    ///
    /// A [`mailer`](Self::mailer) that is set later sends them instead, and may fill the mailbox too.
    ///
    /// # Security
    ///
    /// Whoever reaches those paths reads every mailed token: for development only.
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.mailer = Some(Arc::new(mailbox.clone()));
        self.mailbox = Some(mailbox);
        self
    }

    /// Sets where messages wait, by default in the store, from where a [`redis`](Self::redis) hands
    /// them out.
    pub fn outbox(mut self, outbox: impl Outbox) -> Self {
        self.outbox = Some(Arc::new(outbox));
        self
    }

    /// Sets a folder whose templates replace the built-in ones of the same name, such as
    /// `email/activation.txt`.
    pub fn templates(mut self, folder: impl Into<PathBuf>) -> Self {
        self.templates = Some(folder.into());
        self
    }

    /// Adds the host's own claims to access tokens.
    pub fn claims(mut self, claims: impl Claims) -> Self {
        self.hooks.claims = Some(Arc::new(claims));
        self
    }

    /// Adds a listener to events.
    pub fn listener(mut self, listener: impl EventListener) -> Self {
        self.hooks.listeners.push(Arc::new(listener));
        self
    }

    /// Sets what is acceptable as a user's metadata, by default any object of at most 16 KiB.
    ///
    /// `check` returns what is wrong, for whoever tries to write it.
    pub fn metadata(
        mut self,
        check: impl Fn(&Map<String, Value>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.metadata = Arc::new(check);
        self
    }

    /// Sets who may sign up, by default everybody.
    pub fn registration(mut self, policy: impl RegistrationPolicy) -> Self {
        self.hooks.registration = Arc::new(policy);
        self
    }

    /// Sets what the host does in the transaction that creates a user.
    pub fn on_sign_up(mut self, hook: impl SignUpHook) -> Self {
        self.hooks.sign_up = Some(Arc::new(hook));
        self
    }

    /// Sets the pepper of password hashes, by default [none](Pepper::none).
    pub fn pepper(mut self, pepper: Pepper) -> Self {
        self.pepper = pepper;
        self
    }

    /// Sets the Redis that instances share, by default none.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, redis: Redis) -> Self {
        self.redis = Some(redis);
        self
    }

    /// Sets the clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of randomness, for tests.
    pub fn random(mut self, random: impl Random) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Whether mails go anywhere, or it is for whoever set the outbox to see that they do.
    #[cfg(feature = "settings")]
    pub(crate) fn delivers(&self) -> bool {
        self.mailer.is_some() || self.outbox.is_some()
    }

    /// Checks everything and makes the service ready, with signing keys at hand.
    ///
    /// # Errors
    ///
    /// If a value of the configuration is not safe, if a template is broken, if the master secret
    /// does not open what the database holds, or if the database fails.
    pub async fn build(self) -> Result<Auth, BuildError> {
        let auth = self.assemble().await?;
        auth.signing_key(auth.now()).await.map_err(not_opened)?;
        Ok(auth)
    }

    /// The same without a key where the database has none: nothing is written.
    #[cfg(feature = "settings")]
    pub(crate) async fn build_as_found(self) -> Result<Auth, BuildError> {
        let auth = self.assemble().await?;
        auth.reload_keys().await.map_err(not_opened)?;
        Ok(auth)
    }

    async fn assemble(self) -> Result<Auth, BuildError> {
        let Self {
            config,
            store,
            secret,
            pepper,
            clock,
            random,
            outbox,
            mailer,
            mailbox,
            templates,
            hooks,
            #[cfg(feature = "redis")]
            redis,
        } = self;
        config.validate()?;
        check_claims(&hooks)?;
        check_disabled(&config)?;
        let templates = Arc::new(Templates::new(templates.as_deref())?);
        let sealer = Arc::new(Sealer::new(&secret));
        let signals = Arc::new(Signals::default());
        #[cfg(feature = "redis")]
        let redis = match &redis {
            Some(redis) => Some(Arc::new(RedisServer::new(redis, &namespace(&config, &sealer))?)),
            None => None,
        };
        let outbox = outbox.unwrap_or_else(|| {
            let (sealer, random) = (Arc::clone(&sealer), Arc::clone(&random));
            let outbox =
                StoreOutbox::new(store.clone(), sealer, Arc::clone(&random), Arc::clone(&signals));
            #[cfg(feature = "redis")]
            if let Some(redis) = &redis {
                return Arc::new(RedisOutbox::new(outbox, Arc::clone(redis), &*random));
            }
            Arc::new(outbox)
        });
        let (params, backend) = (config.hash_params, config.hash_backend);
        let hashing = HashingPool::for_this_machine(|| HashMemory::new(params, backend));
        if !hashing.run(computes_the_known_hash).await.unwrap_or_default() {
            let problem = format!("`{backend}` does not compute what it should on this machine");
            return Err(ConfigError::new("password.backend", problem).into());
        }
        let hasher = {
            let random = Arc::clone(&random);
            let new = move |memory: &mut HashMemory| {
                PasswordHasher::new(params, pepper, &*random, memory)
            };
            hashing.run(new).await
        };
        let hasher = hasher
            .map_err(|_| ConfigError::new("password.hash", "is more than this machine can hash"))?;
        let outlives = config.access_token_lifetime + MARGIN;
        let auth = Auth(Arc::new(Inner {
            keyring: Keyring::new(config.signing_key_lifetime, outlives),
            key_looks: SharedLook::default(),
            verified: VerifiedTokens::default(),
            revocations: Revocations::new(outlives + STEP),
            signals,
            config: Arc::new(config),
            clock,
            random,
            outbox,
            mailer,
            mailbox,
            templates,
            limiter: Limiter::new(
                store.clone(),
                Arc::clone(&sealer),
                #[cfg(feature = "redis")]
                redis.clone(),
            ),
            store,
            sealer,
            hashing,
            hasher: Arc::new(hasher),
            hooks,
            draining: AtomicBool::new(false),
            peer_is_missing: Once::new(),
            last_event: Mutex::default(),
            #[cfg(feature = "redis")]
            redis,
        }));
        telemetry::describe();
        Ok(auth)
    }
}

fn not_opened(error: Error) -> BuildError {
    match error {
        Error::Store(error) => BuildError::Store(error),
        _ => {
            let problem = "does not open the keys of this database, sealed with another";
            ConfigError::new("secret", problem).into()
        }
    }
}

/// What distinguishes this service from others on the same Redis, in development too, where all of
/// them have one public URL.
#[cfg(feature = "redis")]
fn namespace(config: &Config, sealer: &Sealer) -> String {
    let digest = sealer.subject(format!("redis:{}", config.issuer()).as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_disabled(config: &Config) -> Result<(), ConfigError> {
    let unknown = |text: &&String| {
        !Auth::endpoints().any(|endpoint| endpoint.is_named(text))
            && !DOCUMENTATION.contains(&text.as_str())
    };
    match config.disabled_endpoints.iter().find(unknown) {
        Some(text) => {
            let problem = format!("has {text:?}, which is no endpoint");
            Err(ConfigError::new("disabled_endpoints", problem))
        }
        None => Ok(()),
    }
}

fn check_claims(hooks: &Hooks) -> Result<(), ConfigError> {
    let names = hooks.claims.as_ref().map_or(&[][..], |claims| claims.names());
    for name in names {
        if RESERVED.contains(name) {
            return Err(ConfigError::new("claims", format!("must leave {name:?} alone")));
        }
        if name.is_empty() || name.len() > 64 {
            return Err(ConfigError::new("claims", "must have names of 1 to 64 bytes"));
        }
    }
    Ok(())
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What the feature `openapi` adds, and what is off without it.
const DOCUMENTATION: [&str; 5] = [
    "/openapi.json",
    "/docs",
    "/docs/init.js",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
];
/// What clocks may differ by, and then some.
const MARGIN: Duration = Duration::from_secs(60);
/// What a clock may step by, forward and back again: what is forgotten meanwhile stays so, while a key
/// is looked up again.
const STEP: Duration = Duration::from_secs(5 * 60);
