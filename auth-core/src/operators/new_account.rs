use serde_json::{Map, Value};

use super::Operator;
use super::attributes::checked_roles;
use crate::flows::email;
use crate::flows::passwords::PasswordOwner;
use crate::store::{Addressee, Purpose, WholeUser};
use crate::{
    Error, EventKind, FieldError, Language, MessageKind, Password, Result, User, UserId, Username,
};

/// The input of [`Operator::create_user`].
#[derive(Debug)]
#[non_exhaustive]
pub struct NewAccount {
    /// The user's address.
    pub email: String,
    /// The public name, where usernames are in use.
    pub username: Option<String>,
    /// The first password; without one the user, who has to be activated, is mailed a link that
    /// sets it.
    pub password: Option<Password>,
    /// What the host lets the user do.
    pub roles: Vec<String>,
    /// What the host keeps with the user.
    pub metadata: Map<String, Value>,
    /// The language of the user's mails.
    pub language: Option<Language>,
    /// Whether the operator vouches for the address, by default `true`; if not, it is to be proven
    /// like that of a sign-up.
    pub activated: bool,
}

impl NewAccount {
    /// Asks for a user who will choose a password, without anything else.
    #[must_use]
    pub fn new(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            username: None,
            password: None,
            roles: Vec::new(),
            metadata: Map::new(),
            language: None,
            activated: true,
        }
    }
}

impl Operator<'_> {
    /// Creates a user, in place of a sign-up of the address that nobody has proven.
    ///
    /// Without a password, the user is mailed a link that sets one, good for
    /// [`invitation_lifetime`](crate::Config::invitation_lifetime). With one, a user who is not
    /// activated is mailed the link that activates, and one who is, nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Validation`] for input that is not acceptable, and for an address that has a user;
    /// [`Error::UsernameTaken`]; [`Error::Internal`] if the host's
    /// [`SignUpHook`](crate::SignUpHook) fails.
    pub async fn create_user(&self, account: NewAccount) -> Result<User> {
        let NewAccount { email: address, username, password, roles, metadata, language, activated } =
            account;
        let address = email(&address)?;
        let username = self.auth.username(username)?;
        let roles = checked_roles(&roles)?;
        self.auth.0.hooks.check_metadata(&metadata)?;
        let hash = match password {
            Some(password) => {
                let whose = PasswordOwner {
                    pointer: "#/password",
                    email: address.canonical().to_owned(),
                    username: username.as_ref().map(|it| it.original().to_owned()),
                };
                Some(self.auth.hash_password(password, whose).await?)
            }
            // The link that sets a password proves the address as well.
            None if !activated => return Err(Error::field(FieldError::required("#/password"))),
            None => None,
        };
        let (config, now) = (&self.auth.0.config, self.auth.now());
        let mut unit = self.auth.begin(self).await?;
        unit.tx().lock_claimants(&address, username.as_ref()).await?;
        if let Some(username) = &username {
            let until = now.plus(config.activation_lifetime);
            if !unit.tx().hold_username(username, &address, until, now).await? {
                return Err(Error::UsernameTaken);
            }
            unit.tx().release_username(username, &address).await?;
        }
        let new = WholeUser {
            id: UserId::generate(&*self.auth.0.clock, &*self.auth.0.random),
            email: &address,
            username: username.as_ref(),
            password_hash: hash.as_ref().map(|hash| hash.as_str()),
            roles: &roles,
            metadata: &metadata,
            language: language.map(Language::as_str),
            activated_at: activated.then_some(now),
            created_at: now,
        };
        let id = new.id;
        self.auth.replace_unproven(&mut unit, address.canonical(), id).await?;
        if !unit.tx().insert_whole_user(&new).await? {
            return Err(taken());
        }
        self.auth.user_created(&mut unit, id, "operator").await?;
        let addressee = Addressee {
            id,
            email: address.original().to_owned(),
            username: username.as_ref().map(Username::original).map(str::to_owned),
            language: new.language.map(str::to_owned),
        };
        if !activated {
            self.auth.send_link(&mut unit, &addressee, Purpose::Activation, now).await?;
        } else if hash.is_none() {
            let mail = (MessageKind::UserCreated, config.invitation_lifetime);
            let purpose = Purpose::PasswordReset;
            self.auth.send_token(&mut unit, &addressee, purpose, mail, now).await?;
        }
        let account = unit.tx().account(id).await?;
        let account = account.ok_or_else(|| Error::internal("a new user is not there"))?;
        unit.commit().await?;
        Ok(account.user)
    }

    /// Mails an invitation to an address without a user, which is a proof for the
    /// [`RegistrationPolicy`](crate::RegistrationPolicy) that the address was invited.
    ///
    /// It is good for [`invitation_lifetime`](crate::Config::invitation_lifetime), and nothing of it
    /// is stored but the mail.
    ///
    /// # Errors
    ///
    /// [`Error::Validation`] for what is no address, and for one that has an activated or a disabled
    /// user.
    pub async fn invite(&self, address: &str) -> Result<()> {
        let (address, now) = (email(address)?, self.auth.now());
        let mut unit = self.auth.begin(self).await?;
        let account = unit.tx().account_by_email(address.canonical()).await?;
        if account.is_some_and(|it| it.user.activated_at.is_some() || it.disabled_at.is_some()) {
            return Err(taken());
        }
        let mut message = self.auth.message(MessageKind::Invitation, address.original(), None, now);
        message.token = Some(self.auth.invitation(&address, now));
        message.not_after = Some(now.plus(self.auth.0.config.invitation_lifetime));
        unit.send(message);
        unit.record(EventKind::AuthnTokenCreated).detail("purpose", "invitation");
        unit.commit().await
    }
}

fn taken() -> Error {
    Error::field(FieldError::new("#/email", "taken", "This address has a user already."))
}
