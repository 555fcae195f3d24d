use http::StatusCode;
use serde::Deserialize;

use super::mails::HOUR;
use super::{email_at, required};
use crate::auth::CurrentSession;
use crate::crypto::digest::Digest;
use crate::http::endpoint::Access;
use crate::http::input::json;
use crate::http::reply::{self, Status, accepted};
use crate::model::Account;
use crate::store::{Addressee, Purpose};
use crate::{
    Auth, Client, EmailAddress, Endpoint, Error, EventKind, FieldError, Limit, MessageKind,
    OneTimeToken, ProblemCode, Request, Response, Result, Timestamp,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "/change-email",
        "Mails a link to a new address, which becomes the account's once the link is confirmed; the answer is always the same.",
        &[Limit::MailRequests, Limit::Mails], |auth, request| Box::pin(change_email(auth, request)),
    )
    .access(Access::RecentSignIn)
    .takes::<ChangeEmail>()
    .answers::<Status>()
    .success(StatusCode::ACCEPTED)
    .problems(&[ProblemCode::TooManyRequests]),
    #[cfg(feature = "pages")]
    Endpoint::get(
        "/confirm-email-change",
        "Shows the page that the mailed link leads to.",
        &[Limit::Unlimited], |auth, request| Box::pin(page(auth, request)),
    )
    .media(&["text/html"]),
    Endpoint::post(
        "/confirm-email-change",
        "Gives the account the address that the token was mailed to.",
        &[Limit::Unlimited], |auth, request| Box::pin(confirm_email_change(auth, request)),
    )
    .takes::<ConfirmEmailChange>()
    .answers::<Status>()
    .problems(&[ProblemCode::InvalidToken]),
];

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct ChangeEmail {
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    new_email: String,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct ConfirmEmailChange {
    /// The token of the mailed link.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    token: OneTimeToken,
}

impl Auth {
    /// Mails a link to `new_email` that makes it the address of a session's user, and a notice to
    /// the address so far.
    ///
    /// A newer request replaces the older one, whichever addresses they name. A new address that is
    /// the same mailbox in another spelling is a change, too.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`]; [`Error::Validation`] for what is no address, or is the
    /// user's own already; [`Error::TooManyRequests`] after as many requests of this user as
    /// [`Config::mails_per_hour`](crate::Config::mails_per_hour) within an hour.
    ///
    /// # Security
    ///
    /// Result, time and what becomes of older links are the same whether or not the address has a
    /// user (ASVS 6.3.8), who is told by a mail instead of the link.
    pub async fn change_email(&self, session: &CurrentSession, new_email: &str) -> Result<()> {
        self.require_recent(session)?;
        let new_email = email_at(NEW_EMAIL, new_email)?;
        if new_email.original() == session.user().email {
            let detail = "This is the address that you have already.";
            return Err(Error::field(FieldError::new(NEW_EMAIL, "unchanged", detail)));
        }
        self.in_uniform_time(self.request_email_change(session, &new_email)).await
    }

    /// Gives the user whom a token was issued to the address that it was mailed to, and mails a
    /// notice to the address before.
    ///
    /// It signs nobody in and ends no session, but every link that was mailed before is void. A user
    /// who signed up with the new address and never proved it is deleted: they were not its owner.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`], also if the address has got a user since, in which case the token
    /// stays good until it expires.
    pub async fn confirm_email_change(&self, token: &OneTimeToken, client: &Client) -> Result<()> {
        required([("#/token", token.expose())])?;
        let digest = Digest::of(token.expose().as_bytes());
        let mut connection = self.0.store.read().await?;
        let account = connection.token_owner(Purpose::EmailChange, &digest, self.now()).await?;
        drop(connection);
        let account = account.ok_or(Error::InvalidToken)?;
        match self.set_email(&account, &digest, client).await {
            // Somebody else got the address at the same time.
            Err(Error::Store(error)) if error.is_unique_violation() => Err(Error::InvalidToken),
            result => result,
        }
    }

    async fn request_email_change(
        &self,
        session: &CurrentSession,
        new_email: &EmailAddress,
    ) -> Result<()> {
        let now = self.now();
        let user_id = session.user().id;
        let owner = self.0.store.read().await?.account_by_email(new_email.canonical()).await?;
        let owner = owner.filter(|owner| owner.user.id != user_id && holds_address(owner));

        let mut unit = self.begin(&session.client).await?;
        let subject = format!("email-changes:{user_id}");
        let (count, until) = unit.tx().count_attempt(&subject, now.plus(HOUR), now).await?;
        if count > i64::from(self.0.config.mails_per_hour) {
            drop(unit);
            return self.refuse_email_change(session, until, now).await;
        }
        let purpose = Purpose::EmailChange;
        let within_limits = self.count_mail(&mut unit, new_email, purpose, now).await?;
        let account = unit.lock(session).await?;
        if within_limits {
            let addressee =
                Addressee { email: new_email.original().to_owned(), ..Addressee::from(&account) };
            // Of a taken address nobody learns the token, but older ones are void all the same.
            let link = self.link(&mut unit, &addressee, purpose, Some(new_email), now).await?;
            match &owner {
                None => unit.send(link),
                Some(owner) if owner.disabled_at.is_none() => {
                    self.notify(&mut unit, MessageKind::AlreadyRegistered, owner);
                }
                Some(_) => {}
            }
        } else {
            unit.record(EventKind::ExcessRateLimitExceeded).user(user_id).detail("limit", "mails");
        }
        self.notify(&mut unit, MessageKind::EmailChangeRequested, &account);
        unit.commit().await
    }

    async fn refuse_email_change(
        &self,
        session: &CurrentSession,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.note(&session.client, EventKind::ExcessRateLimitExceeded, |event| {
            event.user(session.user().id).session(session.id()).detail("limit", "email_changes");
        })
        .await?;
        Err(Error::TooManyRequests { retry_after: until.since(now) })
    }

    async fn set_email(&self, account: &Account, digest: &Digest, client: &Client) -> Result<()> {
        let (user_id, now) = (account.user.id, self.now());
        let mut unit = self.begin(client).await?;
        unit.tx().lock_for_email_change(user_id, digest).await?;
        let new = unit.tx().consume_email_change(digest, now).await?;
        let new = new.ok_or(Error::InvalidToken)?;
        self.replace_unproven(&mut unit, &new.email_canonical, user_id).await?;
        if !unit.tx().change_email(user_id, &new).await? {
            return Err(Error::InvalidToken);
        }
        // An address that is changed back must not bring older links to life again.
        unit.tx().delete_tokens(user_id).await?;
        unit.record(EventKind::UserUpdated).user(user_id).detail("what", "email");
        self.notify(&mut unit, MessageKind::EmailChanged, account);
        unit.commit().await
    }
}

/// Whether the user's address is theirs: it is proven, or an operator has closed it to everybody.
fn holds_address(account: &Account) -> bool {
    account.user.activated_at.is_some() || account.disabled_at.is_some()
}

async fn change_email(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    let ChangeEmail { new_email } = json(&request)?;
    auth.change_email(&session, &new_email).await?;
    Ok(accepted())
}

async fn confirm_email_change(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let ConfirmEmailChange { token } = json(&request)?;
    auth.confirm_email_change(&token, &client).await?;
    Ok(reply::json(StatusCode::OK, &Status { status: "email_changed" }))
}

#[cfg(feature = "pages")]
async fn page(auth: &Auth, request: Request) -> Result<Response> {
    super::page(auth, crate::templates::PageKind::ConfirmEmailChange, &request)
}

const NEW_EMAIL: &str = "#/new_email";
