use http::StatusCode;
use serde::Deserialize;

use super::email;
use super::passwords::PasswordOwner;
use crate::auth::Unit;
use crate::config::Usernames;
use crate::crypto::password::PasswordHash;
use crate::http::input::json;
use crate::http::reply::{Status, accepted};
use crate::store::{NewUser, Purpose};
use crate::{
    Auth, Client, EmailAddress, Endpoint, Error, EventKind, FieldError, Language, Limit,
    MessageKind, OneTimeToken, Password, ProblemCode, Registration, Request, Response, Result,
    UserId, Username,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/sign-up",
    "Asks for an account; the answer is the same whether or not the address has one.",
    &[Limit::SignUps, Limit::Mails, Limit::Hashing],
    |auth, request| Box::pin(sign_up(auth, request)),
)
.takes::<SignUp>()
.answers::<Status>()
.success(StatusCode::ACCEPTED)
.problems(&[ProblemCode::UsernameTaken])];

/// The input of [`Auth::sign_up`].
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "email": "ada@example.com", "password": "seven plum tractors hum"
})))]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// The address that a link is sent to.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub email: String,
    /// The password of the account.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub password: Password,
    /// The public name of the account, where usernames are in use.
    pub username: Option<String>,
    /// The proof that an operator invited this address, where that matters.
    pub invitation: Option<OneTimeToken>,
}

impl SignUp {
    /// Asks for an account without a username and without an invitation.
    #[must_use]
    pub fn new(email: &str, password: &str) -> Self {
        let (email, password) = (email.to_owned(), password.into());
        Self { email, password, username: None, invitation: None }
    }
}

impl Auth {
    /// Creates a user who is not activated yet, and mails the link that activates.
    ///
    /// If the address has an activated user already, that user gets a mail that says so instead. Mails
    /// to the new user are in the language of the client, until the user chooses another.
    ///
    /// # Errors
    ///
    /// [`Error::Validation`] for input that is not acceptable, [`Error::UsernameTaken`].
    ///
    /// # Security
    ///
    /// Result and time are the same for new and for known addresses (ASVS 6.3.8), and nobody is
    /// signed in. If an address is signed up again before its mailbox was proven, the passwords so
    /// far are dropped: whoever proves the mailbox chooses.
    pub async fn sign_up(&self, input: SignUp, client: &Client) -> Result<()> {
        let SignUp { email: address, password, username, invitation } = input;
        let (address, username) = (email(&address), self.username(username));
        let whose = PasswordOwner {
            pointer: "#/password",
            email: address.as_ref().map_or_else(|_| String::new(), |it| it.canonical().to_owned()),
            username: username
                .as_ref()
                .ok()
                .and_then(Option::as_ref)
                .map(|it| it.original().to_owned()),
        };
        let (address, username) = match (address, username) {
            (Ok(address), Ok(username)) => (address, username),
            (address, username) => {
                let judged = self.judge_password(password, whose).await;
                return Err(all_of([address.map(drop), judged, username.map(drop)]));
            }
        };
        let hash = self.hash_password(password, whose).await?;
        let asked = Asked { email: &address, username: username.as_ref(), hash: &hash };
        let registered = async {
            let registration = Registration {
                email: &address,
                username: username.as_ref().map(Username::original),
                invited: self.is_invited(invitation.as_ref(), &address, self.now()),
            };
            if self.0.hooks.allow(&registration).await? {
                return self.register(&asked, client).await;
            }
            self.note(client, EventKind::UserRefused, |event| {
                event.detail("reason", "policy");
            })
            .await
        };
        self.in_uniform_time(registered).await
    }

    async fn register(&self, asked: &Asked<'_>, client: &Client) -> Result<()> {
        let Asked { email, username, hash } = *asked;
        let now = self.now();
        let mut unit = self.begin(client).await?;
        // First, whether or not the address has a user: what mails to one address waits here for its
        // turn, so that nothing below waits in a circle and nobody sees that there is a queue.
        let within_limits = self.count_mail(&mut unit, email, Purpose::Activation, now).await?;
        if let Some(username) = username {
            // Without one there is one row to lock, which the statement that writes it does.
            unit.tx().lock_claimants(email, Some(username)).await?;
            let until = now.plus(self.0.config.activation_lifetime);
            if !unit.tx().hold_username(username, email, until, now).await? {
                return Err(Error::UsernameTaken);
            }
            unit.tx().release_username(username, email).await?;
        }
        if within_limits {
            let new = NewUser {
                id: UserId::generate(&*self.0.clock, &*self.0.random),
                email,
                username,
                password_hash: hash.as_str(),
                language: client.language.map(Language::as_str),
                created_at: now,
            };
            if let Some(user) = unit.tx().insert_user(&new).await? {
                // An address that signs up again keeps its user, who was created before.
                if user.id == new.id {
                    self.user_created(&mut unit, user.id, "sign_up").await?;
                } else {
                    unit.record(EventKind::UserUpdated)
                        .user(user.id)
                        .detail("what", "signed_up_again");
                }
                self.send_link(&mut unit, &user, Purpose::Activation, now).await?;
            } else if let Some(account) = unit.tx().account_by_email(email.canonical()).await?
                && account.disabled_at.is_none()
            {
                unit.record(EventKind::UserRefused).user(account.user.id).detail("reason", "taken");
                self.notify(&mut unit, MessageKind::AlreadyRegistered, &account);
            }
        } else {
            // No new token, which would only take the mailed one away; but whoever spends that one
            // chooses the password, or a flood of requests would keep the flooder's.
            unit.tx().drop_unproven_credentials(email).await?;
            unit.record(EventKind::ExcessRateLimitExceeded).detail("limit", "mails");
        }
        unit.commit().await
    }

    /// Deletes a user who never proved the address that another is to have; false if there is none.
    pub(crate) async fn replace_unproven(
        &self,
        unit: &mut Unit<'_>,
        canonical: &str,
        by: UserId,
    ) -> Result<bool> {
        let replaced = unit.tx().delete_unproven(canonical, by).await?;
        if let Some(id) = replaced {
            unit.record(EventKind::UserDeleted).user(id).detail("reason", "unproven");
        }
        Ok(replaced.is_some())
    }

    /// Records that a user was created, and lets the host add what is its own.
    pub(crate) async fn user_created(
        &self,
        unit: &mut Unit<'_>,
        id: UserId,
        by: &'static str,
    ) -> Result<()> {
        unit.record(EventKind::UserCreated).user(id).detail("by", by);
        if self.0.hooks.sign_up.is_none() {
            return Ok(());
        }
        let account = unit.tx().account(id).await?;
        let account = account.ok_or_else(|| Error::internal("a new user is not there"))?;
        self.0.hooks.signed_up(unit.transaction(), &account.user).await
    }

    pub(crate) fn username(&self, text: Option<String>) -> Result<Option<Username>> {
        const POINTER: &str = "#/username";
        match (self.0.config.usernames, text) {
            (Usernames::Off, Some(_)) => Err(Error::field(FieldError::new(
                POINTER,
                "not_allowed",
                "Usernames are not in use here.",
            ))),
            (Usernames::Required, None) => Err(Error::field(FieldError::required(POINTER))),
            (_, text) => Ok(text.map(|text| Username::parse(&text)).transpose()?),
        }
    }
}

/// What a sign-up asks for, once it is acceptable.
struct Asked<'a> {
    email: &'a EmailAddress,
    username: Option<&'a Username>,
    hash: &'a PasswordHash,
}

/// Everything that is not acceptable at once, unless something else went wrong.
fn all_of(results: [Result<()>; 3]) -> Error {
    let mut errors = Vec::new();
    for error in results.into_iter().filter_map(Result::err) {
        match error {
            Error::Validation(found) => errors.extend(found),
            other => return other,
        }
    }
    Error::Validation(errors)
}

async fn sign_up(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    auth.sign_up(json(&request)?, &client).await?;
    Ok(accepted())
}
