//! Authentication that a Rust server embeds.
//!
//! This crate keeps users in SQLite or Postgres, proves their e-mail addresses, signs them in with a
//! password and, if they like, a second factor, and tells the host who is calling. Its endpoints are
//! one function from request to response, which an adapter mounts in the host's web framework; its
//! flows are methods, for hosts that would rather call them.
//!
//! * sign-up with activation by mail, sign-in, password reset; answers that do not tell who has an account
//! * sessions with rotating refresh tokens, reuse detection, and signed access tokens that end when their
//!   session does; as bearer tokens, or as cookies that no foreign page can use
//! * TOTP with recovery codes
//! * mails that commit with what caused them, and are sent by a courier that survives restarts
//!
//! # What it does not do
//!
//! It opens no socket and terminates no TLS: that is the framework's part. It says who somebody is,
//! and not what they may do: roles are kept and shown, and what they allow is the host's to say. It is
//! neither an OAuth authorization server nor an OpenID provider. It has no front end but the account
//! page and the three pages that mailed links lead to, and it speaks to nobody but its database and its
//! mail server.
//! [What else is missing](manual::security#known-limits), and [what is the host's
//! job](manual::security#the-hosts-job), is in the manual.
//!
//! # How it fits together
//!
//! ```text
//!    axum app            actix app            poem app            your code
//!       │                    │                    │                   │
//!   auth-axum            auth-actix           auth-poem               │
//!       └────────────────────┼────────────────────┘                   │
//!                            │ Request            bytes in,           │
//!                            ▼ Response           bytes out           │
//!                    ┌───────────────┐                                │
//!                    │ Auth::respond │  never fails: an error is      │
//!                    └───────┬───────┘  a problem document            │
//!                    ┌───────▼────────────────────────────────────────▼───┐
//!                    │ flows: sign_up · activate · sign_in · refresh · …  │
//!                    └───────┬────────────────────────────────────────────┘
//!                            │ one transaction: users, sessions, messages
//!                    ┌───────▼───────┐   claim    ┌─────────┐    ┌────────┐
//!                    │     Store     │ ◄───────── │ courier │ ──►│ Mailer │
//!                    └───────────────┘   settle   └─────────┘    └────────┘
//!
//!    replaceable: Clock · Random · Outbox · Mailer
//! ```
//!
//! # Getting started
//!
//! On a web framework, start with the adapter, which re-exports this crate and shows how to mount it:
//! `auth-axum`, `auth-actix` or `auth-poem`. Without one, the flows are methods of [`Auth`]:
//!
//! ```
//! use auth_core::{Activate, Auth, Client, Config, Mailbox, MasterSecret};
//! use auth_core::{SignIn, SignUp, SignedIn, Store, SystemRandom};
//!
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::sqlite("sqlite::memory:").await?;
//! let secret = MasterSecret::generate(&SystemRandom); // outside of examples, keep it
//! let mailbox = Mailbox::new();
//! let config = Config::new("http://localhost:8000")?
//! #     .front_end_url("http://localhost:8000")?
//!     .product_name("Example");
//! let auth = Auth::builder(config, store, secret).mailer(mailbox.clone()).build().await?;
//!
//! let (email, password) = ("ada@example.com", "nine apples under a tin roof");
//! let client = Client::default(); // in a server: who asks, and from where
//! auth.sign_up(SignUp::new(email, password), &client).await?;
//!
//! auth.deliver().await?; // a server calls `auth.start()` once instead
//! let mails = mailbox.mails();
//! let link = mails[0].link.as_deref().ok_or("this mail has a link")?;
//! let (_, token) = link.split_once("#token=").ok_or("the link has a token")?;
//! auth.activate(Activate { token: token.into(), password: None }, &client).await?;
//!
//! let SignedIn::Session(tokens) = auth.sign_in(SignIn::new(email, password), &client).await? else {
//!     return Err("this user has no second factor".into());
//! };
//! assert_eq!(auth.session(&tokens.access_token).await?.user().email, email);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! A feature adds to the interface and changes nothing that is there. One database is required.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `argon2-simd` | | `HashBackend::Simd`: hashing in less than half the time |
//! | `cli` | | the command `auth`, and the module `cli`: users, mails, keys and events by hand |
//! | `metrics` | | counters and gauges through the `metrics` facade |
//! | `openapi` | | `GET /openapi.json`, made from the endpoint table, and `GET /docs`, which needs no network |
//! | `pages` | yes | the account page, and the pages that mailed links lead to; without it, [`Config::front_end_url`] is required |
//! | `postgres` | | `Store::postgres` and `Store::from_postgres` |
//! | `redis` | | `Redis`: shared limits, a mail stream, a revocation feed |
//! | `settings` | | the module `settings`: a server configured by a file and the environment |
//! | `smtp` | | `SmtpMailer` |
//! | `sqlite` | yes | `Store::sqlite`, with SQLite built in |
//!
//! # Errors
//!
//! Flows return [`Error`], whose variants say what a caller can act on. Each has one [`ProblemCode`], under
//! which HTTP clients know it ([the table](manual::defaults#problems)). [`Auth::respond`] and the adapters'
//! extractors make it a problem document (RFC 9457) that says why in that code, and log the cause of a 5xx,
//! which the answer leaves out. Configuration that is not safe is a [`ConfigError`] when [`Auth`] is built.
//!
//! # The manual
//!
//! * [Flows](manual::flows): what each takes, does, mails and guarantees, and what ends what
//! * [Security](manual::security): the threats, the promises, the known limits
//! * [Requirements](manual::requirements): what is required, what controls it, which test fails without
//! * [Defaults](manual::defaults): every value with its bounds and its reason; the problem codes
//! * [Operations](manual::operations): databases, mail, secrets, keys, logs, backups

#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod authentication;
mod background;
mod builder;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod config;
mod crypto;
mod deadline;
mod device;
mod doctor;
mod email_address;
mod error;
mod event;
mod flows;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod hooks;
mod http;
mod language;
mod last_resort;
mod limits;
mod mailer;
pub mod manual;
mod message;
mod model;
mod observation;
mod operators;
mod outbox;
mod policy;
mod purge;
mod random;
#[cfg(feature = "redis")]
mod redis_feed;
#[cfg(feature = "redis")]
mod redis_server;
mod request_id;
mod revocations;
mod role;
mod sealed;
mod secret;
mod service;
#[cfg(feature = "settings")]
pub mod settings;
mod shared_look;
mod signals;
mod signing;
mod store;
mod telemetry;
mod templates;
mod throttling;
mod timestamp;
mod username;

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("auth-core needs a database: enable the feature \"sqlite\" or \"postgres\"");

// The public interface is:
pub use crate::auth::{Auth, CurrentSession};
pub use crate::background::Background;
pub use crate::builder::Builder;
pub use crate::clock::{Clock, ManualClock, SystemClock};
pub use crate::config::{Config, ConfigError, Usernames};
pub use crate::crypto::password::{
    HashBackend, HashBackendError, HashParams, HashParamsError, Pepper, PepperError,
};
pub use crate::crypto::seal::{MasterSecret, MasterSecretError};
pub use crate::doctor::{Finding, Severity};
pub use crate::email_address::{EmailAddress, EmailAddressError};
pub use crate::error::{BuildError, Error, FieldError, Result};
pub use crate::event::{Actor, Event, EventKind, EventListener};
pub use crate::flows::{
    Activate, Challenge, ChangePassword, Enrolment, Reauthenticate, ResetPassword, SecondFactor,
    SignIn, SignUp, SignedIn, Tokens,
};
pub use crate::hooks::{
    AllowedDomains, Claims, HookError, InvitedOnly, OpenRegistration, Registration,
    RegistrationPolicy, SignUpHook,
};
pub use crate::http::endpoint::{Access, Endpoint};
pub use crate::http::problem::{ProblemCode, Rejection};
pub use crate::http::{Peer, Request, Response};
pub use crate::language::{Language, LanguageError};
pub use crate::limits::Limit;
#[cfg(feature = "smtp")]
pub use crate::mailer::SmtpMailer;
pub use crate::mailer::{Email, Mailbox, Mailer, MailerError};
pub use crate::message::{Message, MessageKind};
pub use crate::model::{
    Client, EventId, Identity, MessageId, Session, SessionId, User, UserDetails, UserId, UserState,
};
pub use crate::operators::{
    EventQuery, ImportOptions, ImportProblem, ImportReport, ImportedUser, MessageDetails,
    MessageQuery, MessageState, NewAccount, Operator, Retry, SigningKeyInfo, SigningKeyState,
    UserExport, UserQuery,
};
pub use crate::outbox::{Delivery, MemoryOutbox, Outbox, OutboxError, StoreOutbox};
pub use crate::policy::password::{PasswordPolicy, PasswordPolicyError, PasswordRejection};
pub use crate::purge::Purged;
pub use crate::random::{Random, SeededRandom, SystemRandom};
#[cfg(feature = "redis")]
pub use crate::redis_server::Redis;
pub use crate::role::Role;
pub use crate::sealed::{SealedCount, SealedCounts};
pub use crate::secret::{
    AccessToken, ChallengeToken, Code, OneTimeToken, Password, RecoveryCode, RefreshToken,
    TotpSecret,
};
pub use crate::store::{Store, StoreError, Tx};
pub use crate::timestamp::Timestamp;
pub use crate::username::{Username, UsernameError};
