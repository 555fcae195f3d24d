use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::delivery::{SessionBody, deliver_as, end_replaced, wanted};
use super::issuance::{Proof, STALE, Tokens};
use super::required;
use crate::crypto::digest::Digest;
use crate::http::credentials::Delivery;
use crate::http::input::json;
use crate::http::reply;
use crate::model::Account;
use crate::store::{Connection, NewChallenge};
use crate::{
    Auth, ChallengeToken, Client, EmailAddress, Endpoint, Error, EventKind, FieldError, Limit,
    Password, ProblemCode, Request, Response, Result, Timestamp, Username,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/sign-in",
    "Signs in with a password, or asks for the second factor.",
    &[Limit::SignIns, Limit::WrongPasswords, Limit::Hashing],
    |auth, request| Box::pin(sign_in(auth, request)),
)
.takes::<SignInBody>()
.answers::<SignedInBody<'_>>()
.problems(&[ProblemCode::InvalidCredentials, ProblemCode::AccountNotActivated])];

/// The input of [`Auth::sign_in`]: an address or a username, and the password.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The address; leave it out if there is a username.
    pub email: Option<String>,
    /// The username; leave it out if there is an address.
    pub username: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Password,
    /// Whether the session outlives the browser, and lasts as long as sessions do; by default it
    /// does.
    pub remember: Option<bool>,
}

impl SignIn {
    /// Signs in by address.
    #[must_use]
    pub fn new(email: &str, password: &str) -> Self {
        let (email, password) = (Some(email.to_owned()), password.into());
        Self { email, username: None, password, remember: None }
    }
}

/// What a right password leads to.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum SignedIn {
    /// The user has a second factor: nothing is issued before it is proven.
    SecondFactor(Challenge),
    /// The user is signed in.
    Session(Tokens),
}

/// A sign-in that awaits its second factor.
#[derive(Debug)]
#[non_exhaustive]
pub struct Challenge {
    /// Continues this sign-in in [`Auth::sign_in_mfa`], and is good for nothing else.
    pub token: ChallengeToken,
    /// For how long it does.
    pub expires_in: Duration,
}

impl Auth {
    /// Signs a user in, or asks for the second factor.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredentials`] for a wrong password, an unknown or disabled user, and a user
    /// without a password; [`Error::AccountNotActivated`] only after the right password;
    /// [`Error::TooManyRequests`] after too many wrong ones, known user or not; [`Error::Saturated`] if
    /// too many passwords are being hashed.
    ///
    /// # Security
    ///
    /// A refusal takes the same time whether or not the user exists (ASVS 6.3.8). The exception are
    /// users who have not signed in since the cost of hashing was changed, or whose hash came from
    /// another system: until they sign in, their passwords are checked at the cost of that hash.
    pub async fn sign_in(&self, input: SignIn, client: &Client) -> Result<SignedIn> {
        let remembered = input.remember.unwrap_or(true);
        let login = Login::of(&input)?;
        let _turn = self.turn_at_password(login.key(), client).await?;
        let mut connection = self.0.store.write().await?;
        let account = find_account(&mut connection, &login).await?;
        let user_id = account.as_ref().map(|account| account.user.id);
        self.count_password(connection, login.key(), user_id, client).await?;
        let admitted = match self.check_password(account.as_ref(), input.password).await {
            Ok(()) => admit(account.as_ref()),
            Err(Error::InvalidCredentials) => Err((Error::InvalidCredentials, "password")),
            Err(error) => return Err(error),
        };
        let account = match admitted {
            Ok(account) => account,
            Err((error, reason)) => {
                self.note(client, EventKind::AuthnLoginFail, |event| {
                    event.user_id = user_id;
                    event.detail("reason", reason);
                })
                .await?;
                return Err(error);
            }
        };
        let now = self.now();
        if account.user.two_factor_enabled {
            self.forget_passwords(account, client).await?;
            return Ok(SignedIn::SecondFactor(self.challenge(account, remembered, now).await?));
        }
        let claims = self.0.hooks.claims(&account.user).await?;
        let mut unit = self.begin(client).await?;
        let proof = Proof::password(account);
        let issued = self.begin_session(&mut unit, &proof, remembered, client, now).await?;
        let issued = issued.ok_or(STALE)?;
        unit.commit().await?;
        Ok(SignedIn::Session(self.tokens_with(issued, account.user.clone(), claims, now).await?))
    }

    async fn challenge(
        &self,
        account: &Account,
        remembered: bool,
        now: Timestamp,
    ) -> Result<Challenge> {
        let token = ChallengeToken::generate(&*self.0.random);
        let expires_in = self.0.config.challenge_lifetime;
        let challenge = NewChallenge {
            digest: Digest::of(token.expose().as_bytes()),
            user_id: account.user.id,
            password_epoch: account.password_epoch,
            remembered,
            expires_at: now.plus(expires_in),
        };
        let begun = self.0.store.write().await?.insert_challenge(&challenge).await?;
        if begun { Ok(Challenge { token, expires_in }) } else { Err(STALE) }
    }
}

/// By what somebody wants to sign in.
enum Login {
    Email(EmailAddress),
    /// What can be neither an address nor a username, so nobody has it.
    Nobodys(String),
    Username(Username),
}

impl Login {
    fn of(input: &SignIn) -> Result<Self> {
        let password = ("#/password", input.password.expose());
        let (email, username) = (input.email.as_deref(), input.username.as_deref());
        // Either is enough, and nearly everybody has the first.
        required([("#/email", email.or(username).unwrap_or_default()), password])?;
        match (email, username) {
            (Some(_), Some(_)) => Err(Error::field(FieldError::new(
                "#/username",
                "conflict",
                "Give either the address or the username.",
            ))),
            (None, Some(username)) => Ok(Username::parse(username)
                .map_or_else(|_| Self::Nobodys(username.to_owned()), Self::Username)),
            (email, None) => {
                let email = email.unwrap_or_default();
                Ok(EmailAddress::parse(email)
                    .map_or_else(|_| Self::Nobodys(email.to_owned()), Self::Email))
            }
        }
    }

    /// What attempts at it are counted under.
    fn key(&self) -> &str {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Nobodys(text) => text,
            Self::Username(username) => username.canonical(),
        }
    }
}

async fn find_account(connection: &mut Connection, login: &Login) -> Result<Option<Account>> {
    Ok(match login {
        Login::Email(email) => connection.account_by_email(email.canonical()).await?,
        Login::Username(username) => connection.account_by_username(username.canonical()).await?,
        Login::Nobodys(_) => None,
    })
}

/// Says why somebody with the right password is not let in, and under which name that is recorded.
fn admit(account: Option<&Account>) -> Result<&Account, (Error, &'static str)> {
    match account {
        None => Err((Error::InvalidCredentials, "password")),
        Some(account) if account.disabled_at.is_some() => {
            Err((Error::InvalidCredentials, "disabled"))
        }
        Some(account) if account.user.activated_at.is_none() => {
            Err((Error::AccountNotActivated, "not_activated"))
        }
        Some(account) => Ok(account),
    }
}

async fn sign_in(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let SignInBody { email, username, password, remember, delivery } = json(&request)?;
    let delivery = wanted(auth, delivery, &request)?;
    let input = SignIn { email, username, password, remember };
    match auth.sign_in(input, &client).await? {
        SignedIn::Session(tokens) => {
            end_replaced(auth, delivery, &request, &client).await?;
            let body = SignedInBody::Session(SessionBody::new(delivery, &tokens));
            Ok(deliver_as(auth, delivery, &tokens, &body))
        }
        SignedIn::SecondFactor(challenge) => {
            let body = SignedInBody::SecondFactor(ChallengeBody {
                status: "mfa_required",
                mfa_token: challenge.token.expose(),
                expires_in: challenge.expires_in.as_secs(),
                methods: ["totp", "recovery_code"],
            });
            Ok(reply::json(StatusCode::OK, &body))
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = SignIn, example = json!({
    "email": "ada@example.com", "password": "seven plum tractors hum"
})))]
#[serde(deny_unknown_fields)]
struct SignInBody {
    /// The address; leave it out if there is a username.
    email: Option<String>,
    /// The username; leave it out if there is an address.
    username: Option<String>,
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    password: Password,
    /// Whether the session outlives the browser, and lasts as long as sessions do; by default it
    /// does.
    remember: Option<bool>,
    /// How tokens are to travel; by default in the body.
    delivery: Option<Delivery>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = SignedIn))]
#[serde(untagged)]
enum SignedInBody<'a> {
    Session(SessionBody<'a>),
    SecondFactor(ChallengeBody<'a>),
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Challenge))]
struct ChallengeBody<'a> {
    /// `mfa_required`
    status: &'static str,
    mfa_token: &'a str,
    /// In seconds.
    expires_in: u64,
    methods: [&'static str; 2],
}
