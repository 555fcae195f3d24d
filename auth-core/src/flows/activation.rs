#[cfg(feature = "pages")]
use http::{HeaderValue, header};
use http::{Method, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use super::passwords::PasswordOwner;
use super::{Recipient, email, required};
use crate::crypto::digest::Digest;
use crate::http::input::{json, prefers_html};
use crate::http::reply::{self, Status, accepted};
use crate::model::Account;
use crate::store::Purpose;
#[cfg(feature = "pages")]
use crate::templates::PageKind;
use crate::{
    Auth, Client, Endpoint, Error, EventKind, FieldError, Limit, MessageKind, OneTimeToken,
    Password, ProblemCode, Request, Response, Result,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get(
        "/activate-account",
        "Activates the account that the token was mailed for; a browser gets a page with a button instead.",
        &[Limit::Unlimited], |auth, request| Box::pin(activate_by_link(auth, request)),
    )
    .query("token")
    .media(&["application/json", "text/html"])
    .answers::<Status>()
    .problems(&[
        ProblemCode::InvalidToken,
        ProblemCode::MalformedRequest,
        ProblemCode::ValidationFailed,
    ]),
    Endpoint::post(
        "/activate-account",
        "Activates the account that the token was mailed for.",
        &[Limit::Hashing], |auth, request| Box::pin(activate(auth, request)),
    )
    .takes::<Activate>()
    .answers::<Status>()
    .problems(&[ProblemCode::InvalidToken]),
    Endpoint::post(
        "/send-activation-email",
        "Mails a new activation link, if the address awaits one; the answer is always the same.",
        &[Limit::MailRequests, Limit::Mails], |auth, request| Box::pin(send_activation_email(auth, request)),
    )
    .takes::<Recipient>()
    .answers::<Status>()
    .success(StatusCode::ACCEPTED),
];

/// The input of [`Auth::activate`].
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// The token of the mailed link.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub token: OneTimeToken,
    /// The password of the account; required if the address was signed up more than once.
    pub password: Option<Password>,
}

impl Auth {
    /// Activates the user whose mailbox a token proves, and mails a welcome.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`]; [`Error::Validation`] for a password that is missing or not
    /// acceptable, in which case the token stays good.
    pub async fn activate(&self, input: Activate, client: &Client) -> Result<()> {
        let Activate { token, password } = input;
        let digest = Digest::of(token.expose().as_bytes());
        let account = self.awaiting_activation(&token).await?;
        let hash = match password {
            Some(password) => {
                Some(self.hash_password(password, PasswordOwner::of(&account, "#/password")).await?)
            }
            None => {
                needs_no_password(&account)?;
                None
            }
        };
        let now = self.now();
        let mut unit = self.begin(client).await?;
        unit.tx().lock_user(account.user.id).await?;
        let user_id = unit
            .tx()
            .consume_token(Purpose::Activation, &digest, now)
            .await?
            .ok_or(Error::InvalidToken)?;
        let hash = hash.as_ref().map(|hash| hash.as_str());
        let user = unit.tx().activate_user(user_id, hash, now).await?.ok_or(Error::InvalidToken)?;
        unit.record(EventKind::UserActivated).user(user_id);
        if hash.is_some() {
            unit.record(EventKind::AuthnPasswordChange).user(user_id).detail("by", "activation");
        }
        unit.send(self.message_to(&user, MessageKind::Welcome, now));
        unit.commit().await
    }

    /// Mails a new activation link to the user of `address`, if there is one who awaits it.
    ///
    /// # Errors
    ///
    /// [`Error::Validation`] for what is no address.
    ///
    /// # Security
    ///
    /// Result and time are the same whether or not a mail is sent.
    pub async fn send_activation_email(&self, address: &str, client: &Client) -> Result<()> {
        let address = email(address)?;
        let awaits = |account: &Account| account.user.activated_at.is_none();
        let request = self.request_link(&address, Purpose::Activation, client, awaits);
        self.in_uniform_time(request).await
    }

    async fn awaiting_activation(&self, token: &OneTimeToken) -> Result<Account> {
        required([("#/token", token.expose())])?;
        let digest = Digest::of(token.expose().as_bytes());
        let mut connection = self.0.store.read().await?;
        let account = connection.token_owner(Purpose::Activation, &digest, self.now()).await?;
        account.ok_or(Error::InvalidToken)
    }
}

fn needs_no_password(account: &Account) -> Result<()> {
    if account.password_hash.is_some() {
        return Ok(());
    }
    let detail = "This address was signed up more than once. Choose the password of the account.";
    Err(Error::field(FieldError::new("#/password", "required", detail)))
}

async fn activate(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    auth.activate(json(&request)?, &client).await?;
    Ok(reply::json(StatusCode::OK, &ACTIVATED))
}

async fn activate_by_link(auth: &Auth, request: Request) -> Result<Response> {
    // Scanners of mail follow links like a browser does: what renders a page consumes nothing.
    if prefers_html(request.headers()) {
        return page(auth, &request);
    }
    let query = request.uri().query().unwrap_or_default();
    let mut tokens = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "token");
    let token = tokens.next().map(|(_, token)| OneTimeToken::from(&*token)).unwrap_or_default();
    if tokens.next().is_some() {
        return Err(Error::Malformed("it carries two tokens".to_owned()));
    }
    if request.method() == Method::HEAD {
        needs_no_password(&auth.awaiting_activation(&token).await?)?;
    } else {
        let client = auth.client(&request);
        auth.activate(Activate { token, password: None }, &client).await?;
    }
    Ok(reply::json(StatusCode::OK, &ACTIVATED))
}

async fn send_activation_email(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let Recipient { email } = json(&request)?;
    auth.send_activation_email(&email, &client).await?;
    Ok(accepted())
}

#[cfg(feature = "pages")]
fn page(auth: &Auth, request: &Request) -> Result<Response> {
    let mut page = super::page(auth, PageKind::ActivateAccount, request)?;
    page.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
    Ok(page)
}

#[cfg(not(feature = "pages"))]
fn page(_: &Auth, _: &Request) -> Result<Response> {
    Err(Error::NotFound)
}

const ACTIVATED: Status = Status { status: "activated" };
