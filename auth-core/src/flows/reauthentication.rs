use serde::Deserialize;

use super::delivery::{SessionBody, deliver};
use super::issuance::{Amr, Issued, STALE, Tokens};
use crate::auth::CurrentSession;
use crate::crypto::refresh_token::RefreshSecret;
use crate::http::endpoint::Access;
use crate::http::input::json;
use crate::{
    Auth, Code, Endpoint, Error, EventKind, FieldError, Limit, Password, ProblemCode, Request,
    Response, Result,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/reauthenticate",
    "Proves all factors again, for what takes a recent sign-in.",
    &[Limit::WrongPasswords, Limit::WrongCodes, Limit::Hashing],
    |auth, request| Box::pin(reauthenticate(auth, request)),
)
.access(Access::SignedIn)
.takes::<Reauthenticate>()
.answers::<SessionBody<'_>>()
.problems(&[
    ProblemCode::InvalidCredentials,
    ProblemCode::InvalidCode,
    ProblemCode::TooManyRequests,
])];

/// The input of [`Auth::reauthenticate`].
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reauthenticate {
    /// The password.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub password: Password,
    /// A TOTP code or a recovery code; required if two-factor authentication is on.
    pub code: Option<Code>,
}

impl Auth {
    /// Proves all factors of a session's user again, so that its sign-in counts as recent.
    ///
    /// The session gets new tokens, and its refresh tokens from before are worth nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredentials`], [`Error::InvalidCode`], [`Error::TooManyRequests`];
    /// [`Error::Validation`] if a code is required and missing.
    pub async fn reauthenticate(
        &self,
        session: CurrentSession,
        input: Reauthenticate,
    ) -> Result<Tokens> {
        let account = session.account();
        let Reauthenticate { password, code } = input;
        if password.expose().is_empty() {
            return Err(Error::field(FieldError::required("#/password")));
        }
        self.check_own_password(&session, password, EventKind::AuthnLoginFail).await?;
        let (amr, used) = if account.user.two_factor_enabled {
            let code = code
                .filter(|code| !code.expose().is_empty())
                .ok_or_else(|| Error::field(FieldError::required("#/code")))?;
            let used = self.evaluate_code(account.user.id, &code, &session.client).await?;
            (used.amr(), Some(used))
        } else {
            (Amr::Password, None)
        };

        let now = self.now();
        let refresh = RefreshSecret::generate(&*self.0.random);
        let renewal = self.renewal(&refresh, now);
        let mut unit = self.begin(&session.client).await?;
        unit.lock(&session).await?;
        if let Some(used) = used {
            self.spend_code(&mut unit, account.user.id, &used).await?;
        }
        let renewed = unit
            .tx()
            .renew_session(
                session.id(),
                (account.password_epoch, account.factor_epoch),
                (Some(amr.as_str()), now),
                &renewal,
            )
            .await?
            .ok_or(STALE)?;
        unit.record(EventKind::SessionRenewed)
            .user(account.user.id)
            .session(session.id())
            .detail("amr", amr.as_str());
        unit.commit().await?;
        self.tokens(Issued { session: renewed, refresh }, session.into_user(), now).await
    }
}

async fn reauthenticate(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.current_session(&request).await?;
    let tokens = auth.reauthenticate(session, json(&request)?).await?;
    Ok(deliver(auth, auth.delivery(&request)?, &tokens))
}
