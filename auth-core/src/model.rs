//! Plain data: what the flows work with and what clients see.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::request_id::RequestId;
use crate::{Clock, Language, Random, Timestamp};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, sqlx::Type)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub(crate) fn generate(clock: &dyn Clock, random: &dyn Random) -> Self {
                Self(new_uuid(clock.now(), random))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+ };
}

id! {
    /// Identifies an event; later ones are greater.
    EventId,
    /// Identifies a message of the outbox for as long as it exists, and its e-mail for ever.
    MessageId,
    /// Identifies a session; the `sid` claim of its access tokens.
    SessionId,
    /// Identifies a user for ever; the `sub` claim of access tokens.
    UserId,
}

impl EventId {
    /// Makes an id that is greater than the `last` one, though both are of one millisecond
    /// (RFC 9562 §6.2, method 2).
    pub(crate) fn after(last: Option<Self>, clock: &dyn Clock, random: &dyn Random) -> Self {
        let (new, last) = (Self::generate(clock, random), last.map_or(0, |last| last.0.as_u128()));
        let millis = |id: u128| id >> 80;
        if last < new.0.as_u128() || millis(last) != millis(new.0.as_u128()) {
            return new;
        }
        Self(Uuid::from_u128(last.wrapping_add(1)))
    }
}

/// A UUIDv7 (RFC 9562 §5.7): sorted by time, so that indices stay compact.
pub(crate) fn new_uuid(now: Timestamp, random: &dyn Random) -> Uuid {
    let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}

/// A person with credentials, as clients see them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, sqlx::FromRow)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct User {
    /// Never changes and is never reused.
    pub id: UserId,
    /// The address as it was entered.
    pub email: String,
    /// The public name, where usernames are in use.
    pub username: Option<String>,
    /// When control of the address was proven; nobody signs in before that.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub activated_at: Option<Timestamp>,
    /// Whether signing in takes a second factor.
    pub two_factor_enabled: bool,
    /// What the host lets this user do; this crate only keeps it.
    #[sqlx(json)]
    pub roles: Vec<String>,
    /// When the user signed up.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// A user as operators see them.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
#[non_exhaustive]
pub struct UserDetails {
    /// As the user is seen everywhere.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub user: User,
    /// Since when the user is disabled.
    pub disabled_at: Option<Timestamp>,
    /// When the latest of the sessions began that are still on record.
    pub last_sign_in_at: Option<Timestamp>,
    /// The tag of the language that the user chose.
    pub language: Option<String>,
    /// What the host keeps with the user.
    #[sqlx(json)]
    pub metadata: Map<String, Value>,
}

impl UserDetails {
    /// Returns what the user may do.
    #[must_use]
    pub fn state(&self) -> UserState {
        match (self.disabled_at, self.user.activated_at) {
            (Some(_), _) => UserState::Disabled,
            (None, None) => UserState::Unproven,
            (None, Some(_)) => UserState::Active,
        }
    }
}

/// What a user may do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum UserState {
    /// Sign in.
    Active,
    /// Nothing: an operator disabled the user.
    Disabled,
    /// Prove the address, and nothing before.
    Unproven,
}

impl UserState {
    /// Returns the stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Unproven => "unproven",
        }
    }
}

/// A user with what only the flows may see.
#[derive(sqlx::FromRow)]
pub(crate) struct Account {
    #[sqlx(flatten)]
    pub(crate) user: User,
    pub(crate) email_canonical: String,
    /// `None`: no password signs this user in.
    pub(crate) password_hash: Option<String>,
    /// Counts the changes of the password, so that what was issued under an old one is void.
    pub(crate) password_epoch: i64,
    /// Counts the changes of the second factor, so that no sign-in that is under way misses one.
    pub(crate) factor_epoch: i64,
    pub(crate) disabled_at: Option<Timestamp>,
    /// The tag of the language that the user chose.
    pub(crate) language: Option<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.user.id).finish_non_exhaustive()
    }
}

/// One signed-in client: a family of refresh tokens, of which one is good at a time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, sqlx::FromRow)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = SessionDetails))]
#[non_exhaustive]
pub struct Session {
    /// The public name of the session; no secret, and good for nothing but to revoke it.
    pub id: SessionId,
    /// When the user signed in.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When the session last issued tokens.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub last_used_at: Timestamp,
    /// When the session ends unless it is used before.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
    /// The address that the client signed in from, where the host knows it.
    pub ip: Option<String>,
    /// The client's own description of itself, at most 256 characters.
    pub user_agent: Option<String>,
    /// What that says to people, such as `Firefox on Linux`, if it is well known.
    #[sqlx(skip)]
    pub device: Option<String>,
}

/// Who is at the other end of a request, as the host says and the client claims.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Client {
    /// The client's address, behind trusted proxies too.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header, without control characters and cut to 256 characters.
    pub user_agent: Option<String>,
    /// The language that the client asks for, such as by `Accept-Language`.
    pub language: Option<Language>,
    /// The id of the request, as logs have it.
    pub request_id: Option<String>,
}

impl Client {
    /// Describes a client by what is known of it.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent
            .map(|text| text.chars().filter(|char| !char.is_control()).take(256).collect());
        Self { address, user_agent, language: None, request_id: None }
    }

    /// Says which language the client asks for.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// Says which request this is, for [`Event`](crate::Event)s: 1 to 64 letters, digits, dots, dashes
    /// and underscores. What is anything else is left out.
    #[must_use]
    pub fn in_request(mut self, id: &str) -> Self {
        self.request_id = RequestId::parse(id).map(RequestId::into_string);
        self
    }
}

/// What an access token asserts, once it is verified (RFC 7519 §4).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// The `sub` claim.
    pub user_id: UserId,
    /// The `sid` claim.
    pub session_id: SessionId,
    /// The `auth_time` claim: when the session last proved all of its factors.
    pub authenticated_at: Timestamp,
    /// The `amr` claim: how it did (RFC 8176).
    pub methods: Vec<String>,
    /// The `exp` claim.
    pub expires_at: Timestamp,
    /// The host's own [`Claims`](crate::Claims).
    pub claims: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, SeededRandom};

    #[test]
    fn a_later_event_has_a_greater_id() {
        let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
        let random = SeededRandom::new(1);
        let mut last = EventId::after(None, &clock, &random);
        for number in 0..1_000 {
            if number % 100 == 0 {
                clock.advance(std::time::Duration::from_millis(1));
            }
            let next = EventId::after(Some(last), &clock, &random);
            assert!(next > last, "{next} {last}");
            last = next;
        }
        assert_eq!(last.0.get_version_num(), 7);
    }
}
