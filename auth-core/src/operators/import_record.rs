//! One record of an import, and what makes it acceptable.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::attributes::checked_roles;
use crate::crypto::totp::secret_from_base32;
use crate::{Auth, EmailAddress, Error, Language, Timestamp, TotpSecret, Username, Usernames};

/// A user of another system, as [`Operator::import`](crate::Operator::import) takes them: one JSON
/// object each.
///
/// ```
/// let line = r#"{"email":"ada@example.com","activated":true,"roles":["editor"]}"#;
/// let user: auth_core::ImportedUser = serde_json::from_str(line)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ImportedUser {
    /// The address.
    pub email: String,
    /// The public name.
    pub username: Option<String>,
    /// What the other system kept of the password; without it a reset sets one.
    pub password_hash: Option<String>,
    /// Whether the other system has proven the address, if it does not know since when.
    #[serde(default)]
    pub activated: bool,
    /// When it has.
    pub activated_at: Option<Timestamp>,
    /// When the user signed up there, by default now.
    pub created_at: Option<Timestamp>,
    /// What the host lets the user do.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What else the host keeps.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The language of mails, as a tag.
    pub language: Option<String>,
    /// The secret of an authenticator app that makes six digits every 30 s with SHA-1, in base32.
    pub totp_secret: Option<TotpSecret>,
}

impl ImportedUser {
    /// Describes a user by the address alone.
    #[must_use]
    pub fn new(email: &str) -> Self {
        Self { email: email.to_owned(), ..Self::default() }
    }
}

impl fmt::Debug for ImportedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedUser").field("email", &self.email).finish_non_exhaustive()
    }
}

/// A record that is acceptable.
pub(super) struct Record {
    pub(super) email: EmailAddress,
    pub(super) username: Option<Username>,
    pub(super) password_hash: Option<Zeroizing<String>>,
    pub(super) roles: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) language: Option<Language>,
    pub(super) activated_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) totp_secret: Option<Zeroizing<Vec<u8>>>,
}

type Refusal = (&'static str, String);

impl Auth {
    /// Refuses what nobody could sign in with, or the host would not take otherwise.
    pub(super) fn check_import(
        &self,
        user: ImportedUser,
        now: Timestamp,
    ) -> Result<Record, Refusal> {
        let email = EmailAddress::parse(&user.email).map_err(at("email"))?;
        let username = match (self.0.config.usernames, &user.username) {
            (Usernames::Off, Some(_)) => return refused("username", "is not in use here"),
            (Usernames::Required, None) => return refused("username", "is required here"),
            (_, name) => {
                name.as_deref().map(Username::parse).transpose().map_err(at("username"))?
            }
        };
        let password_hash = user.password_hash.map(Zeroizing::new);
        if let Some(hash) = &password_hash {
            self.0.hasher.recognize(hash).map_err(at("password_hash"))?;
        }
        let created_at = user.created_at.unwrap_or(now);
        if created_at > now {
            return refused("created_at", "is in the future");
        }
        let activated_at = user.activated_at.or_else(|| user.activated.then_some(created_at));
        if activated_at.is_some_and(|at| at > now || at < created_at) {
            return refused("activated_at", "is in the future, or before created_at");
        }
        let roles = checked_roles(&user.roles).map_err(of_field("roles"))?;
        self.0.hooks.check_metadata(&user.metadata).map_err(of_field("metadata"))?;
        let language = user.language.as_deref().map(Language::parse).transpose();
        let language = language.map_err(at("language"))?;
        let totp_secret = match user.totp_secret {
            Some(_) if activated_at.is_none() => {
                return refused("totp_secret", "is of a user who is not activated");
            }
            Some(secret) => match secret_from_base32(&secret) {
                Some(secret) => Some(secret),
                None => return refused("totp_secret", "is not 10 to 64 bytes in base32"),
            },
            None => None,
        };
        Ok(Record {
            email,
            username,
            password_hash,
            roles,
            metadata: user.metadata,
            language,
            activated_at,
            created_at,
            totp_secret,
        })
    }
}

fn refused<T>(key: &'static str, reason: &str) -> Result<T, Refusal> {
    Err((key, reason.to_owned()))
}

fn at<E: fmt::Display>(key: &'static str) -> impl Fn(E) -> Refusal {
    move |error| (key, error.to_string())
}

fn of_field(key: &'static str) -> impl Fn(Error) -> Refusal {
    move |error| match error {
        Error::Validation(mut fields) if !fields.is_empty() => (key, fields.remove(0).detail),
        other => (key, other.to_string()),
    }
}
