use std::fmt;
use std::time::Duration;

use crate::crypto::hashing_pool::Saturated;
use crate::crypto::seal::SealError;
use crate::outbox::OutboxError;
use crate::store::StoreError;
use crate::{ConfigError, UsernameError};

/// What this crate's fallible calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a flow did not do what it was asked.
///
/// Each variant has one [`ProblemCode`](crate::ProblemCode), under which clients know it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The password was right, but the address is not proven yet.
    AccountNotActivated,
    /// A page of another origin made the browser send the request.
    CrossSiteRequest,
    /// The service is about to stop, and new requests belong elsewhere.
    Draining,
    /// The user lacks the role.
    Forbidden,
    /// A bug, or data that cannot be: the source says more, the client learns nothing.
    Internal(Box<dyn std::error::Error + Send + Sync>),
    /// The challenge is unknown, used, expired or out of tries.
    InvalidChallenge,
    /// The code is wrong, stale or used.
    InvalidCode,
    /// No user can sign in like this; nothing says why.
    InvalidCredentials,
    /// The refresh token is unknown, expired, revoked or was used before.
    InvalidRefreshToken,
    /// The mailed token is unknown, used, expired or for another purpose; nothing says which.
    InvalidToken,
    /// The request could not be read.
    Malformed(String),
    /// The endpoint has other methods.
    MethodNotAllowed {
        /// The methods it has, as the `Allow` header lists them.
        allow: String,
    },
    /// No enrolment of this session awaits its first code.
    NoPendingEnrolment,
    /// There is nothing here.
    NotFound,
    /// An extractor ran in an application that no [`Auth`](crate::Auth) was mounted in.
    NotMounted,
    /// The outbox failed.
    Outbox(OutboxError),
    /// The request's body is larger than the limit.
    PayloadTooLarge,
    /// The operation needs a recent sign-in.
    ReauthenticationRequired,
    /// More passwords wait to be hashed than can be soon.
    Saturated,
    /// The database failed or could not be reached.
    Store(StoreError),
    /// It took longer than [`Config::request_timeout`](crate::Config::request_timeout); what it was to
    /// do may have happened.
    TimedOut,
    /// A limit is reached.
    TooManyRequests {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// A second factor is on already.
    TwoFactorAlreadyEnabled,
    /// There is no second factor.
    TwoFactorNotEnabled,
    /// The access token is missing, malformed, expired or revoked; nothing says which.
    Unauthenticated,
    /// The request's body broke off.
    UnreadableBody,
    /// The request's body is not plain JSON.
    UnsupportedMediaType,
    /// The username is taken, or held for a sign-up.
    UsernameTaken,
    /// The input is well-formed but not acceptable.
    Validation(Vec<FieldError>),
}

/// What is not acceptable about one field.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldError {
    /// Where the field is in the request, as a JSON pointer in a fragment (RFC 6901 §6).
    pub pointer: &'static str,
    /// The stable reason.
    pub code: &'static str,
    /// The same for people.
    pub detail: String,
}

impl FieldError {
    pub(crate) fn new(
        pointer: &'static str,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { pointer, code, detail: detail.into() }
    }

    pub(crate) fn required(pointer: &'static str) -> Self {
        Self::new(pointer, "required", "This field is required.")
    }
}

impl Error {
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    pub(crate) fn field(error: FieldError) -> Self {
        Self::Validation(vec![error])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccountNotActivated => "The address of this account is not confirmed yet.",
            Self::CrossSiteRequest => {
                "Pages of another origin may not send this request; a program that uses cookies \
                 sends the service's own origin as `Origin`."
            }
            Self::Draining => "The service is about to stop.",
            Self::Forbidden => "This takes a role that you do not have.",
            Self::Internal(_) | Self::NotMounted => INTERNAL,
            Self::Store(error) if !error.is_temporary() => INTERNAL,
            Self::InvalidChallenge => "This sign-in is no longer valid. Start again.",
            Self::InvalidCode => "The code is wrong or was used before.",
            Self::InvalidCredentials => "The credentials are not valid.",
            Self::InvalidRefreshToken => "The refresh token is not valid. Sign in again.",
            Self::InvalidToken => "The token is not valid or no longer valid.",
            Self::Malformed(why) => return write!(f, "The request could not be read: {why}."),
            Self::MethodNotAllowed { allow } => {
                return write!(f, "The methods of this endpoint are {allow}.");
            }
            Self::NoPendingEnrolment => "No enrolment of this session awaits its first code.",
            Self::NotFound => "There is nothing here.",
            // One text, or it might tell how far a request came, and so for whom.
            Self::Outbox(_) | Self::Saturated | Self::Store(_) | Self::TimedOut => {
                "The service is busy. Try again in a moment."
            }
            Self::PayloadTooLarge => "The request body is too large.",
            Self::ReauthenticationRequired => "This takes a recent sign-in. Authenticate again.",
            Self::TooManyRequests { .. } => "Too many attempts. Try again later.",
            Self::TwoFactorAlreadyEnabled => "Two-factor authentication is on already.",
            Self::TwoFactorNotEnabled => "Two-factor authentication is not on.",
            Self::Unauthenticated => "A valid access token is required.",
            Self::UnreadableBody => "The request could not be read: its body broke off.",
            Self::UnsupportedMediaType => "Send the body as application/json, without encoding.",
            Self::UsernameTaken => "This username is taken.",
            Self::Validation(_) => "Some fields are not acceptable.",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Internal(source) => Some(&**source),
            Self::Outbox(source) => Some(source),
            Self::Store(source) => Some(source),
            _ => None,
        }
    }
}

impl From<OutboxError> for Error {
    fn from(error: OutboxError) -> Self {
        Self::Outbox(error)
    }
}

impl From<Saturated> for Error {
    fn from(_: Saturated) -> Self {
        Self::Saturated
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::internal(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<UsernameError> for Error {
    fn from(error: UsernameError) -> Self {
        Self::field(FieldError::new("#/username", error.code(), error.to_string()))
    }
}

const INTERNAL: &str = "Something went wrong on the server.";

/// Why [`Auth`](crate::Auth) could not be built.
///
/// Its `Debug` is its `Display`, so that it reads well as the error of `main`.
#[non_exhaustive]
pub enum BuildError {
    /// A value of the configuration is not safe.
    Config(ConfigError),
    /// The database failed or could not be reached.
    Store(StoreError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StoreError> for BuildError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
