//! What is written down of everything that matters for security.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::EventId;
use crate::{Client, SessionId, Timestamp, UserId};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// What happened, under a name that stays the same.
        ///
        /// Names that begin with `authn_`, `authz_`, `session_`, `user_` or `excess_` are those of
        /// the OWASP logging vocabulary, where it has one.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

kinds! {
    /// A sign-in or a proof for a dangerous operation failed; `reason` says where.
    AuthnLoginFail = "authn_login_fail";
    /// A session began; `amr` says how.
    AuthnLoginSuccess = "authn_login_success";
    /// The password was set; `by` says how.
    AuthnPasswordChange = "authn_password_change";
    /// The current password that a change of it asks for was wrong.
    AuthnPasswordChangeFail = "authn_password_change_fail";
    /// A link was asked for; without a user nothing was mailed. `purpose` says which.
    AuthnTokenCreated = "authn_token_created";
    /// A used refresh token was presented.
    AuthnTokenReuse = "authn_token_reuse";
    /// Roles were set.
    AuthzChange = "authz_change";
    /// A limit was reached; `limit` says which.
    ExcessRateLimitExceeded = "excess_rate_limit_exceeded";
    /// Dead letters were queued again; `count` says how many, `message` which, if it was one.
    MessageRetried = "message_retried";
    /// A second factor was switched off.
    MfaDisabled = "mfa_disabled";
    /// A second factor was switched on.
    MfaEnabled = "mfa_enabled";
    /// A kind that this version does not know, written by a newer one.
    Other = "other";
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code_used";
    /// All recovery codes were replaced.
    RecoveryCodesReplaced = "recovery_codes_replaced";
    /// What a previous master secret sealed was sealed anew.
    SecretsResealed = "secrets_resealed";
    /// Another program went on with a session: its user agent changed; `from` says what it was.
    SessionClientChanged = "session_client_changed";
    /// A session proved its factors again.
    SessionRenewed = "session_renewed";
    /// A session was ended; `reason` says why.
    SessionRevoked = "session_revoked";
    /// A signing key was made.
    SigningKeyCreated = "signing_key_created";
    /// Every signing key was withdrawn for a new one, and with them every access token.
    SigningKeysRevoked = "signing_keys_revoked";
    /// An address was proven for the first time.
    UserActivated = "user_activated";
    /// A user was created; `by` says how.
    UserCreated = "user_created";
    /// A user was deleted.
    UserDeleted = "user_deleted";
    /// A user was disabled.
    UserDisabled = "user_disabled";
    /// A user was enabled again.
    UserEnabled = "user_enabled";
    /// The data of a user was exported.
    UserExported = "user_exported";
    /// A sign-up was refused by the host's policy.
    UserRefused = "user_refused";
    /// A user changed; `what` says what of them.
    UserUpdated = "user_updated";
}

impl EventKind {
    /// Returns the kind of that stable name, [`Other`](Self::Other) for one that is unknown.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name).unwrap_or(Self::Other)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<String> for EventKind {
    fn from(name: String) -> Self {
        Self::from_name(&name)
    }
}

/// Who made something happen.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Actor {
    /// Somebody who runs the service, under the name that the host gave.
    Operator(String),
    /// The service itself, such as a rotation that was due.
    System,
    /// Whoever sent the request.
    User,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(name) => write!(f, "{OPERATOR}{name}"),
            Self::System => f.write_str("system"),
            Self::User => f.write_str("user"),
        }
    }
}

impl From<String> for Actor {
    fn from(text: String) -> Self {
        match text.strip_prefix(OPERATOR) {
            Some(name) => Self::Operator(name.to_owned()),
            None if text == "user" => Self::User,
            None => Self::System,
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

const OPERATOR: &str = "operator:";

/// One thing that happened, as it is kept for good.
///
/// It holds ids and reasons, never an e-mail address, a password, a token or a code.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
#[non_exhaustive]
pub struct Event {
    /// Sorts by time.
    pub id: EventId,
    /// What happened.
    #[sqlx(try_from = "String")]
    pub kind: EventKind,
    /// Who made it happen.
    #[sqlx(try_from = "String")]
    pub actor: Actor,
    /// To whom, where that is known.
    pub user_id: Option<UserId>,
    /// The session that it is about.
    pub session_id: Option<SessionId>,
    /// The client's address, where the host knows it.
    pub ip: Option<String>,
    /// The client's own description of itself, at most 256 characters.
    pub user_agent: Option<String>,
    /// What else there is to say, by stable names.
    #[sqlx(json)]
    pub detail: Map<String, Value>,
    /// When it happened.
    pub occurred_at: Timestamp,
}

impl Event {
    pub(crate) fn user(&mut self, user_id: UserId) -> &mut Self {
        self.user_id = Some(user_id);
        self
    }

    pub(crate) fn session(&mut self, session_id: SessionId) -> &mut Self {
        self.session_id = Some(session_id);
        self
    }

    pub(crate) fn detail(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

/// The host's ear for [`Event`]s.
///
/// The events of one change are written in its transaction, and handed over once that has committed:
/// never what did not happen, and once at most. [`Auth::events`](crate::Auth::events) has all of them.
///
/// # Security
///
/// Nothing waits for a listener, and a panic in it changes nothing.
///
/// ```
/// use async_trait::async_trait;
/// use auth_core::{Event, EventKind, EventListener};
///
/// struct Alarm;
///
/// #[async_trait]
/// impl EventListener for Alarm {
///     async fn heard(&self, events: &[Event]) {
///         for event in events.iter().filter(|event| event.kind == EventKind::AuthnTokenReuse) {
///             eprintln!("a token of {:?} was stolen", event.user_id);
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait EventListener: Send + Sync + 'static {
    /// Hears of the events of one change, in their order.
    async fn heard(&self, events: &[Event]);
}

/// On whose behalf a unit of work runs, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) actor: Actor,
    pub(crate) client: Client,
}

impl Origin {
    pub(crate) fn system() -> Self {
        Self { actor: Actor::System, client: Client::default() }
    }
}

impl From<&Client> for Origin {
    fn from(client: &Client) -> Self {
        Self { actor: Actor::User, client: client.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.as_str()), *kind);
        }
        assert_eq!(EventKind::from_name("of the future"), EventKind::Other);
        for actor in [Actor::Operator("ada".to_owned()), Actor::System, Actor::User] {
            assert_eq!(Actor::from(actor.to_string()), actor);
        }
    }
}
