use http::StatusCode;
use serde::Deserialize;

use super::passwords::PasswordOwner;
use super::{Recipient, email, required};
use crate::crypto::digest::Digest;
use crate::http::input::json;
use crate::http::reply::{self, Status, accepted};
use crate::store::Purpose;
#[cfg(feature = "pages")]
use crate::templates::PageKind;
use crate::{
    Auth, Client, Endpoint, Error, EventKind, Limit, MessageKind, OneTimeToken, Password,
    ProblemCode, Request, Response, Result,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "/request-password-reset",
        "Mails a link that sets a new password, if the address has an account; the answer is always the same.",
        &[Limit::MailRequests, Limit::Mails], |auth, request| Box::pin(request_password_reset(auth, request)),
    )
    .takes::<Recipient>()
    .answers::<Status>()
    .success(StatusCode::ACCEPTED),
    #[cfg(feature = "pages")]
    Endpoint::get(
        "/reset-password",
        "Shows the page that the mailed link leads to.",
        &[Limit::Unlimited], |auth, request| Box::pin(page(auth, request)),
    )
    .media(&["text/html"]),
    Endpoint::post(
        "/reset-password",
        "Sets a new password with a mailed token, and ends every session of the account.",
        &[Limit::Hashing], |auth, request| Box::pin(reset_password(auth, request)),
    )
    .takes::<ResetPassword>()
    .answers::<Status>()
    .problems(&[ProblemCode::InvalidToken]),
];

/// The input of [`Auth::reset_password`].
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// The token of the mailed link.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub token: OneTimeToken,
    /// The new password.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub password: Password,
}

impl Auth {
    /// Mails a link that sets a new password to the user of `address`, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Validation`] for what is no address.
    ///
    /// # Security
    ///
    /// Result and time are the same whether or not a mail is sent, and asking changes nothing.
    pub async fn request_password_reset(&self, address: &str, client: &Client) -> Result<()> {
        let address = email(address)?;
        let request = self.request_link(&address, Purpose::PasswordReset, client, |_| true);
        self.in_uniform_time(request).await
    }

    /// Sets the password of the user whose mailbox a token proves, and ends all of their sessions.
    ///
    /// It signs nobody in, and a second factor stays what it was. On a user who was never activated
    /// it is the first proof of the mailbox: the user is activated, and whatever was set before
    /// is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`]; [`Error::Validation`] for a password that is not acceptable, in
    /// which case the token stays good.
    pub async fn reset_password(&self, input: ResetPassword, client: &Client) -> Result<()> {
        let ResetPassword { token, password } = input;
        required([("#/token", token.expose()), ("#/password", password.expose())])?;
        let digest = Digest::of(token.expose().as_bytes());
        let mut connection = self.0.store.read().await?;
        let account = connection.token_owner(Purpose::PasswordReset, &digest, self.now()).await?;
        drop(connection);
        let account = account.ok_or(Error::InvalidToken)?;
        let whose = PasswordOwner::of(&account, "#/password");
        let hash = self.hash_password(password, whose).await?;

        let now = self.now();
        let mut unit = self.begin(client).await?;
        unit.tx().lock_user(account.user.id).await?;
        let user_id = unit
            .tx()
            .consume_token(Purpose::PasswordReset, &digest, now)
            .await?
            .ok_or(Error::InvalidToken)?;
        let user = unit
            .tx()
            .reset_password(user_id, hash.as_str(), now)
            .await?
            .ok_or(Error::InvalidToken)?;
        let revoked = unit.tx().revoke_sessions(user_id, None, now).await?;
        unit.end_sessions(user_id, revoked, "password_changed");
        unit.record(EventKind::AuthnPasswordChange).user(user_id).detail("by", "reset");
        if account.user.activated_at.is_none() {
            unit.record(EventKind::UserActivated).user(user_id);
        }
        // Whoever was kept from signing in by the guesses of others is not any more.
        self.welcome(&mut unit, &account, client, now).await?;
        let kind = MessageKind::PasswordChanged;
        unit.send(self.message_to(&user, kind, now));
        unit.commit().await
    }
}

async fn request_password_reset(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let Recipient { email } = json(&request)?;
    auth.request_password_reset(&email, &client).await?;
    Ok(accepted())
}

async fn reset_password(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    auth.reset_password(json(&request)?, &client).await?;
    Ok(reply::json(StatusCode::OK, &Status { status: "password_reset" }))
}

#[cfg(feature = "pages")]
async fn page(auth: &Auth, request: Request) -> Result<Response> {
    super::page(auth, PageKind::ResetPassword, &request)
}
