use serde::Deserialize;

use super::super::delivery::{SessionBody, deliver, end_replaced, wanted};
use super::super::issuance::{Proof, Tokens};
use super::super::mails::DAY;
use super::super::required;
use crate::crypto::digest::Digest;
use crate::http::credentials::Delivery;
use crate::http::input::json;
use crate::{
    Auth, ChallengeToken, Client, Code, Endpoint, Error, Limit, MessageKind, ProblemCode, Request,
    Response, Result, Timestamp, UserId,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/sign-in-mfa",
    "Completes a sign-in with a code of the authenticator app or a recovery code.",
    &[Limit::WrongCodes],
    |auth, request| Box::pin(sign_in_mfa(auth, request)),
)
.takes::<SecondFactorBody>()
.answers::<SessionBody<'_>>()
.problems(&[
    ProblemCode::InvalidChallenge,
    ProblemCode::InvalidCode,
    ProblemCode::TooManyRequests,
])];

/// The input of [`Auth::sign_in_mfa`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// The token that the first factor was answered with.
    #[serde(default)]
    pub mfa_token: ChallengeToken,
    /// A TOTP code or a recovery code.
    #[serde(default)]
    pub code: Code,
}

impl Auth {
    /// Completes a sign-in with its second factor.
    ///
    /// A challenge has five tries and one success. Somebody has the password by then: the first wrong
    /// code of a day is told to the user by mail (ASVS 6.3.5).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidChallenge`], [`Error::InvalidCode`]; [`Error::TooManyRequests`] after too many
    /// wrong codes over all challenges.
    pub async fn sign_in_mfa(&self, input: SecondFactor, client: &Client) -> Result<Tokens> {
        let SecondFactor { mfa_token, code } = input;
        required([("#/mfa_token", mfa_token.expose()), ("#/code", code.expose())])?;
        let digest = Digest::of(mfa_token.expose().as_bytes());
        let now = self.now();
        let mut connection = self.0.store.write().await?;
        let user_id = connection.try_challenge(&digest, TRIES, now).await?;
        drop(connection);
        let user_id = user_id.ok_or(Error::InvalidChallenge)?;
        let signed_in = self.meet_challenge(user_id, &digest, &code, client, now).await;
        if let Err(Error::InvalidCode) = &signed_in {
            self.warn_of_wrong_code(user_id, client, now).await?;
        }
        signed_in
    }

    async fn meet_challenge(
        &self,
        user_id: UserId,
        digest: &Digest,
        code: &Code,
        client: &Client,
        now: Timestamp,
    ) -> Result<Tokens> {
        let used = self.evaluate_code(user_id, code, client).await?;
        let account = self.0.store.read().await?.account(user_id).await?;
        let account = account.ok_or(Error::InvalidChallenge)?;
        let claims = self.0.hooks.claims(&account.user).await?;

        let mut unit = self.begin(client).await?;
        unit.tx().lock_user(user_id).await?;
        let met = unit.tx().consume_challenge(digest, now).await?;
        let met = met.ok_or(Error::InvalidChallenge)?;
        self.spend_code(&mut unit, user_id, &used).await?;
        let account = unit.tx().account(user_id).await?.ok_or(Error::InvalidChallenge)?;
        let proof = Proof::both_factors(&account, met.password_epoch, used.amr());
        let issued = self.begin_session(&mut unit, &proof, met.remembered, client, now).await?;
        let issued = issued.ok_or(Error::InvalidChallenge)?;
        unit.commit().await?;
        self.tokens_with(issued, account.user, claims, now).await
    }

    async fn warn_of_wrong_code(
        &self,
        user_id: UserId,
        client: &Client,
        now: Timestamp,
    ) -> Result<()> {
        let mut unit = self.begin(client).await?;
        let subject = format!("suspicious-sign-ins:{user_id}");
        let (count, _) = unit.tx().count_attempt(&subject, now.plus(DAY), now).await?;
        if count == 1
            && let Some(account) = unit.tx().account(user_id).await?
        {
            self.notify(&mut unit, MessageKind::SuspiciousSignIn, &account);
        }
        unit.commit().await
    }
}

async fn sign_in_mfa(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let SecondFactorBody { mfa_token, code, delivery } = json(&request)?;
    let delivery = wanted(auth, delivery, &request)?;
    let tokens = auth.sign_in_mfa(SecondFactor { mfa_token, code }, &client).await?;
    end_replaced(auth, delivery, &request, &client).await?;
    Ok(deliver(auth, delivery, &tokens))
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = SecondFactor))]
#[serde(deny_unknown_fields)]
struct SecondFactorBody {
    /// The token that the first factor was answered with.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    mfa_token: ChallengeToken,
    /// A TOTP code or a recovery code.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    code: Code,
    /// How tokens are to travel; by default in the body.
    delivery: Option<Delivery>,
}

/// How many codes may be tried for one challenge.
const TRIES: i64 = 5;
