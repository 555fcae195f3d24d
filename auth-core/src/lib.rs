//! Authentication that a server embeds.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod authentication;
mod background;
mod builder;
mod clock;
mod config;
mod crypto;
mod email_address;
mod error;
mod flows;
mod http;
mod mailer;
mod message;
mod model;
mod outbox;
mod policy;
mod random;
mod revocations;
mod secret;
mod service;
#[cfg(feature = "settings")]
pub mod settings;
mod signing;
mod store;
mod templates;
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
pub use crate::crypto::password::{HashParams, HashParamsError};
pub use crate::crypto::seal::{MasterSecret, MasterSecretError};
pub use crate::email_address::{EmailAddress, EmailAddressError};
pub use crate::error::{BuildError, Error, FieldError, Result};
pub use crate::flows::{
    Activate, Challenge, Enrolment, Reauthenticate, ResetPassword, SecondFactor, SignIn, SignUp,
    SignedIn, Tokens,
};
pub use crate::http::endpoint::{Access, Endpoint};
pub use crate::http::problem::{ProblemCode, Rejection};
pub use crate::http::{Peer, Request, Response};
#[cfg(feature = "smtp")]
pub use crate::mailer::SmtpMailer;
pub use crate::mailer::{Email, Mailbox, Mailer, MailerError};
pub use crate::message::{Message, MessageKind};
pub use crate::model::{Client, Identity, MessageId, Session, SessionId, User, UserId};
pub use crate::outbox::{Delivery, MemoryOutbox, Outbox, OutboxError, StoreOutbox};
pub use crate::policy::password::{PasswordPolicy, PasswordPolicyError, PasswordRejection};
pub use crate::random::{Random, SeededRandom, SystemRandom};
pub use crate::secret::{
    AccessToken, ChallengeToken, Code, OneTimeToken, Password, RecoveryCode, RefreshToken,
    TotpSecret,
};
pub use crate::store::{Store, StoreError, Tx};
pub use crate::timestamp::Timestamp;
pub use crate::username::{Username, UsernameError};
