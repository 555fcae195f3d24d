use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::Response;
use super::reply::json;
use crate::{Error, FieldError};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// Why a request failed, under a name that stays the same.
        ///
        /// It is the `code` of a problem document (RFC 9457) and the end of its `type`.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// Returns the HTTP status that the problem is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// Returns the summary, which is the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    /// The password was right, the address is not proven yet.
    AccountNotActivated = "account_not_activated", FORBIDDEN, "Account not activated";
    /// A page of another origin made the browser send the request, or a program with cookies sent no
    /// `Origin`.
    CrossSiteRequest = "cross_site_request", FORBIDDEN, "Cross-site request";
    /// The user lacks the role that a route of the host asks for.
    Forbidden = "forbidden", FORBIDDEN, "Forbidden";
    /// A bug; the log has the cause.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// The `mfa_token` is unknown, used, expired or out of tries.
    InvalidChallenge = "invalid_challenge", UNAUTHORIZED, "Invalid challenge";
    /// The code is wrong, stale or used.
    InvalidCode = "invalid_code", UNAUTHORIZED, "Invalid code";
    /// Wrong password, unknown user, user without password or disabled user.
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "Invalid credentials";
    /// The refresh token is unknown, expired, revoked or replayed.
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED, "Invalid refresh token";
    /// The mailed token is unknown, used, expired or of another purpose.
    InvalidToken = "invalid_token", BAD_REQUEST, "Invalid token";
    /// Not JSON, a wrong type, an unknown or duplicate field, or two credentials.
    MalformedRequest = "malformed_request", BAD_REQUEST, "Malformed request";
    /// The endpoint has other methods.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// No enrolment of this session awaits its first code.
    NoPendingEnrolment = "no_pending_enrolment", CONFLICT, "No pending enrolment";
    /// There is nothing here.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The body is larger than the limit.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "Payload too large";
    /// The operation needs a recent sign-in.
    ReauthenticationRequired = "reauthentication_required", FORBIDDEN, "Reauthentication required";
    /// A limit is reached.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
    /// A second factor is on already.
    TwoFactorAlreadyEnabled = "two_factor_already_enabled", CONFLICT, "Two-factor authentication already enabled";
    /// There is no second factor.
    TwoFactorNotEnabled = "two_factor_not_enabled", CONFLICT, "Two-factor authentication not enabled";
    /// The access token is missing, malformed, expired or revoked.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Unauthenticated";
    /// The database is away, password hashing is saturated, the request took too long, or the service
    /// is about to stop.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Unavailable";
    /// The body is not plain JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// The username is taken.
    UsernameTaken = "username_taken", CONFLICT, "Username taken";
    /// Well-formed but not acceptable; `errors` says which field and why.
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "Validation failed";
}

impl Error {
    /// Returns the code that clients know this error by.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        // Exhaustive on purpose: a new variant must choose its code here.
        match self {
            Self::AccountNotActivated => ProblemCode::AccountNotActivated,
            Self::CrossSiteRequest => ProblemCode::CrossSiteRequest,
            Self::Forbidden => ProblemCode::Forbidden,
            Self::Internal(_) | Self::NotMounted => ProblemCode::Internal,
            Self::InvalidChallenge => ProblemCode::InvalidChallenge,
            Self::InvalidCode => ProblemCode::InvalidCode,
            Self::InvalidCredentials => ProblemCode::InvalidCredentials,
            Self::InvalidRefreshToken => ProblemCode::InvalidRefreshToken,
            Self::InvalidToken => ProblemCode::InvalidToken,
            Self::Malformed(_) | Self::UnreadableBody => ProblemCode::MalformedRequest,
            Self::MethodNotAllowed { .. } => ProblemCode::MethodNotAllowed,
            Self::NoPendingEnrolment => ProblemCode::NoPendingEnrolment,
            Self::NotFound => ProblemCode::NotFound,
            Self::Draining | Self::Outbox(_) | Self::Saturated | Self::TimedOut => {
                ProblemCode::Unavailable
            }
            Self::PayloadTooLarge => ProblemCode::PayloadTooLarge,
            Self::ReauthenticationRequired => ProblemCode::ReauthenticationRequired,
            Self::Store(error) if error.is_temporary() => ProblemCode::Unavailable,
            Self::Store(_) => ProblemCode::Internal,
            Self::TooManyRequests { .. } => ProblemCode::TooManyRequests,
            Self::TwoFactorAlreadyEnabled => ProblemCode::TwoFactorAlreadyEnabled,
            Self::TwoFactorNotEnabled => ProblemCode::TwoFactorNotEnabled,
            Self::Unauthenticated => ProblemCode::Unauthenticated,
            Self::UnsupportedMediaType => ProblemCode::UnsupportedMediaType,
            Self::UsernameTaken => ProblemCode::UsernameTaken,
            Self::Validation(_) => ProblemCode::ValidationFailed,
        }
    }

    /// How long to wait before another try, where waiting helps.
    fn retry_after(&self) -> Option<Duration> {
        match self.code() {
            ProblemCode::TooManyRequests | ProblemCode::Unavailable => Some(match self {
                Self::TooManyRequests { retry_after } => *retry_after,
                _ => Duration::from_secs(2),
            }),
            _ => None,
        }
    }
}

/// An [`Error`] on its way out as a problem document (RFC 9457).
#[derive(Debug)]
pub struct Rejection {
    error: Error,
    mount: String,
}

impl Rejection {
    pub(crate) fn new(error: Error, mount: &str) -> Self {
        Self { error, mount: mount.to_owned() }
    }

    /// Rejects a request to an application in which no [`Auth`](crate::Auth) was mounted.
    #[must_use]
    pub fn not_mounted() -> Self {
        tracing::error!("an extractor needs an `Auth`: mount it in this application");
        Self::new(Error::NotMounted, "")
    }

    /// Returns why the request is rejected.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.error.code().status()
    }

    /// Returns the answer: a problem document that has the stable code, and says nothing else.
    #[must_use]
    pub fn response(&self) -> Response {
        let Self { error, mount } = self;
        let code = error.code();
        let retry_after =
            error.retry_after().map(|delay| delay.as_secs_f64().ceil().max(1.0) as u64);
        let problem = Problem {
            r#type: format!("{mount}/problems/{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: error.to_string(),
            code: code.as_str(),
            errors: if let Error::Validation(errors) = error { errors } else { &[] },
            retry_after,
        };
        let mut response = json(code.status(), &problem);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Error::MethodNotAllowed { allow } = error {
            let allow = HeaderValue::from_str(allow).expect("methods are header text");
            headers.insert(header::ALLOW, allow);
        }
        if code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// What a failure looks like on the wire.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Problem<'a> {
    /// A relative reference that ends in the code.
    r#type: String,
    /// The same for every occurrence of the code.
    title: &'static str,
    status: u16,
    /// For people.
    detail: String,
    /// The stable reason.
    code: &'static str,
    /// Which fields are not acceptable, for `validation_failed`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// After how many seconds another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}
