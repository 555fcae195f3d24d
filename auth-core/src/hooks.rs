//! The host's say in what the flows do.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::last_resort::without_panic;
use crate::{EmailAddress, Error, Event, EventListener, FieldError, Result, Tx, User};

/// What the host's own code may fail with; it is logged, and no client sees it.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// The host's own claims in access tokens.
///
/// They are asked for whenever a token is issued, so they are as old as the token at most.
/// [`Identity::claims`](crate::Identity::claims) has them again.
///
/// # Security
///
/// A token is signed and not encrypted: its bearer reads it. Names that this crate has a meaning
/// for are refused when [`Auth`](crate::Auth) is built, what is not among
/// [`names`](Self::names) is left out, and all of them together are at most 1 KiB.
///
/// ```
/// use async_trait::async_trait;
/// use auth_core::{Claims, HookError, User};
/// use serde_json::{Map, Value, json};
///
/// struct Plan;
///
/// #[async_trait]
/// impl Claims for Plan {
///     fn names(&self) -> &'static [&'static str] {
///         &["plan"]
///     }
///
///     async fn claims(&self, user: &User) -> Result<Map<String, Value>, HookError> {
///         let plan = if user.roles.iter().any(|role| role == "customer") { "paid" } else { "free" };
///         Ok(Map::from_iter([("plan".to_owned(), json!(plan))]))
///     }
/// }
/// ```
#[async_trait]
pub trait Claims: Send + Sync + 'static {
    /// Returns the names of the claims that there may be.
    fn names(&self) -> &'static [&'static str];

    /// Returns the claims of a user who is about to get an access token.
    ///
    /// # Errors
    ///
    /// If they cannot be told; no token is issued then.
    async fn claims(&self, user: &User) -> Result<Map<String, Value>, HookError>;
}

/// Who may sign up.
///
/// # Security
///
/// Whether somebody may does not show: a sign-up that is refused is answered as any other, and
/// nothing is mailed. An [event](crate::EventKind::UserRefused) tells of it.
///
/// ```
/// use async_trait::async_trait;
/// use auth_core::{HookError, Registration, RegistrationPolicy};
///
/// /// Keeps out addresses with a label, such as `ada+1@example.com`.
/// struct NoLabels;
///
/// #[async_trait]
/// impl RegistrationPolicy for NoLabels {
///     async fn allows(&self, registration: &Registration<'_>) -> Result<bool, HookError> {
///         Ok(!registration.email.canonical().contains('+'))
///     }
/// }
/// ```
#[async_trait]
pub trait RegistrationPolicy: Send + Sync + 'static {
    /// Says whether this sign-up may go on.
    ///
    /// # Errors
    ///
    /// If it cannot be told; nobody signs up then, and the answer is 500.
    async fn allows(&self, registration: &Registration<'_>) -> Result<bool, HookError>;
}

/// A sign-up that a [`RegistrationPolicy`] judges.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Registration<'a> {
    /// The address that signs up, which nobody has proven yet.
    pub email: &'a EmailAddress,
    /// The username asked for.
    pub username: Option<&'a str>,
    /// Whether an operator has [invited](crate::Operator::invite) this address, and the sign-up
    /// brought the proof of it.
    pub invited: bool,
}

/// Everybody may sign up; the default.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct OpenRegistration;

/// Nobody may sign up but who was invited.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct InvitedOnly;

/// Addresses of these domains may sign up, and who was invited.
///
/// A domain allows itself and not what is below it.
#[derive(Clone, Debug)]
pub struct AllowedDomains(Vec<String>);

impl AllowedDomains {
    /// Allows `domains`, such as `example.com`, in whatever case and script; what is no domain
    /// allows nobody.
    #[must_use]
    pub fn new<T: AsRef<str>>(domains: impl IntoIterator<Item = T>) -> Self {
        let ascii = |domain: T| idna::domain_to_ascii(domain.as_ref()).ok();
        Self(domains.into_iter().filter_map(ascii).collect())
    }
}

#[async_trait]
impl RegistrationPolicy for OpenRegistration {
    async fn allows(&self, _: &Registration<'_>) -> Result<bool, HookError> {
        Ok(true)
    }
}

#[async_trait]
impl RegistrationPolicy for InvitedOnly {
    async fn allows(&self, registration: &Registration<'_>) -> Result<bool, HookError> {
        Ok(registration.invited)
    }
}

#[async_trait]
impl RegistrationPolicy for AllowedDomains {
    async fn allows(&self, registration: &Registration<'_>) -> Result<bool, HookError> {
        let domain = registration.email.canonical().rsplit_once('@').map(|(_, domain)| domain);
        let allowed = domain.is_some_and(|domain| self.0.iter().any(|allowed| allowed == domain));
        Ok(allowed || registration.invited)
    }
}

/// What the host does when a user is created.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # mod example {
/// use async_trait::async_trait;
/// use auth_core::{HookError, SignUpHook, Tx, User};
///
/// /// Keeps a profile for each user, in the host's own table beside `auth_users`.
/// struct Profiles;
///
/// #[async_trait]
/// impl SignUpHook for Profiles {
///     async fn signed_up(&self, tx: &mut Tx, user: &User) -> Result<(), HookError> {
///         let connection = tx.sqlite().ok_or("the store is SQLite")?; // or `tx.postgres()`
///         sqlx::query("INSERT INTO profiles (user_id, greeting) VALUES ($1, 'Hello')")
///             .bind(user.id)
///             .execute(connection)
///             .await?;
///         Ok(())
///     }
/// }
/// # }
/// ```
///
/// For that a host depends on `async-trait = "0.1"`, and on `sqlx = "0.9"` with the feature of its
/// store, `sqlite` or `postgres`. Its tables may be in the same database, SQLite's file too, over a
/// pool of its own. They are made once [`Store`](crate::Store) has made those that they reference, and
/// before anybody signs up:
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("profiles-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let url = &format!("sqlite://{}", folder.join("app.db").display());
/// let store = auth_core::Store::sqlite(url).await?;
/// let pool = sqlx::SqlitePool::connect(url).await?;
/// sqlx::query( // or `sqlx::migrate!().run(&pool)`; on Postgres the id is a `UUID`
///     "CREATE TABLE IF NOT EXISTS profiles (
///          user_id  BLOB PRIMARY KEY NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
///          greeting TEXT NOT NULL
///      ) STRICT",
/// )
/// .execute(&pool)
/// .await?;
/// // Auth::builder(config, store, secret).on_sign_up(Profiles)
/// # pool.close().await;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
#[async_trait]
pub trait SignUpHook: Send + Sync + 'static {
    /// Runs in the transaction that creates `user`, with its connection: what the host writes
    /// commits with the user or not at all.
    ///
    /// It runs once for each user, whether by sign-up, by an operator or by an import, and before
    /// the address is proven.
    ///
    /// # Errors
    ///
    /// If the user must not be: nothing is created, and the answer is 500.
    ///
    /// # Security
    ///
    /// A sign-up with a taken address creates nobody, so a hook that fails or takes long tells free
    /// addresses from taken ones. Use a [`RegistrationPolicy`] to refuse.
    async fn signed_up(&self, tx: &mut Tx, user: &User) -> Result<(), HookError>;
}

/// Says what is wrong with a user's metadata, if anything is.
pub(crate) type MetadataCheck =
    Arc<dyn Fn(&Map<String, Value>) -> Result<(), String> + Send + Sync>;

/// What the host has hooked in.
#[derive(Clone)]
pub(crate) struct Hooks {
    pub(crate) claims: Option<Arc<dyn Claims>>,
    pub(crate) listeners: Vec<Arc<dyn EventListener>>,
    pub(crate) metadata: MetadataCheck,
    pub(crate) registration: Arc<dyn RegistrationPolicy>,
    pub(crate) sign_up: Option<Arc<dyn SignUpHook>>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            claims: None,
            listeners: Vec::new(),
            metadata: Arc::new(|_| Ok(())),
            registration: Arc::new(OpenRegistration),
            sign_up: None,
        }
    }
}

impl Hooks {
    /// The host's claims of a user.
    pub(crate) async fn claims(&self, user: &User) -> Result<Map<String, Value>> {
        let Some(source) = &self.claims else { return Ok(Map::new()) };
        let mut claims = call(source.claims(user)).await?;
        claims.retain(|name, _| {
            let known = source.names().contains(&name.as_str());
            if !known {
                tracing::error!("a claim is left out: its name was not declared");
            }
            known
        });
        let size = serde_json::to_vec(&claims).map_or(usize::MAX, |json| json.len());
        if size > MAX_CLAIMS {
            return Err(Error::internal("the host's claims are larger than 1 KiB"));
        }
        Ok(claims)
    }

    pub(crate) async fn allow(&self, registration: &Registration<'_>) -> Result<bool> {
        call(self.registration.allows(registration)).await
    }

    pub(crate) fn check_metadata(&self, metadata: &Map<String, Value>) -> Result<()> {
        const POINTER: &str = "#/metadata";
        let size = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
        if size > MAX_METADATA {
            let detail = "Metadata are at most 16 KiB of JSON.";
            return Err(Error::field(FieldError::new(POINTER, "too_large", detail)));
        }
        if metadata.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) {
            let detail = "Metadata have no character U+0000.";
            return Err(Error::field(FieldError::new(POINTER, "invalid", detail)));
        }
        (self.metadata)(metadata)
            .map_err(|wrong| Error::field(FieldError::new(POINTER, "invalid", wrong)))
    }

    pub(crate) async fn signed_up(&self, tx: &mut Tx, user: &User) -> Result<()> {
        match &self.sign_up {
            Some(hook) => call(hook.signed_up(tx, user)).await,
            None => Ok(()),
        }
    }

    /// Tells the listeners what happened; nobody waits for them.
    pub(crate) fn hear(&self, events: Vec<Event>) {
        if events.is_empty() || self.listeners.is_empty() {
            return;
        }
        let listeners = self.listeners.clone();
        tokio::spawn(async move {
            for listener in listeners {
                if without_panic(listener.heard(&events)).await.is_none() {
                    tracing::error!("a listener to events panicked");
                }
            }
        });
    }
}

async fn call<T>(hook: impl Future<Output = Result<T, HookError>> + Send) -> Result<T> {
    match without_panic(hook).await {
        Some(result) => result.map_err(Error::internal),
        None => Err(Error::internal("a hook of the host panicked")),
    }
}

/// Postgres keeps no U+0000.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(values) => {
            values.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        Value::String(text) => text.contains('\0'),
        Value::Bool(_) | Value::Null | Value::Number(_) => false,
    }
}

const MAX_CLAIMS: usize = 1024;

const MAX_METADATA: usize = 16 * 1024;
