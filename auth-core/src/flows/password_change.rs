use serde::Deserialize;

use super::delivery::{SessionBody, deliver};
use super::issuance::{Issued, STALE, Tokens};
use super::passwords::PasswordOwner;
use super::required;
use crate::auth::CurrentSession;
use crate::crypto::password::normalize;
use crate::crypto::refresh_token::RefreshSecret;
use crate::http::endpoint::Access;
use crate::http::input::json;
use crate::{
    Auth, Endpoint, Error, EventKind, FieldError, Limit, MessageKind, Password, ProblemCode,
    Request, Response, Result, SessionId,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/change-password",
    "Replaces the password by a new one, and ends every other session of the account.",
    &[Limit::WrongPasswords, Limit::Hashing],
    |auth, request| Box::pin(change_password(auth, request)),
)
.access(Access::RecentSignIn)
.takes::<ChangePassword>()
.answers::<SessionBody<'_>>()
.problems(&[ProblemCode::InvalidCredentials])];

/// The input of [`Auth::change_password`].
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password so far.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub current_password: Password,
    /// The password from now on, which must be another.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    pub new_password: Password,
}

impl Auth {
    /// Replaces the password of a session's user, ends all of their other sessions, and mails a
    /// notice.
    ///
    /// The session goes on under another id and with new tokens, and those from before are worth
    /// nothing. Its sign-in is as recent as before, since no second factor was proven.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`]; [`Error::InvalidCredentials`] if the current password is
    /// wrong, or was changed meanwhile; [`Error::Validation`] for a new one that is not acceptable or
    /// is the current one, in which case nothing changes.
    ///
    /// # Security
    ///
    /// Links that were mailed before and sign-ins that await a second factor are void from then on
    /// (ASVS 6.2.3, 7.4.3).
    pub async fn change_password(
        &self,
        session: CurrentSession,
        input: ChangePassword,
    ) -> Result<Tokens> {
        self.require_recent(&session)?;
        let ChangePassword { current_password, new_password } = input;
        required([
            ("#/current_password", current_password.expose()),
            (NEW_PASSWORD, new_password.expose()),
        ])?;
        let unchanged = normalize(&current_password) == normalize(&new_password);
        let kind = EventKind::AuthnPasswordChangeFail;
        self.check_own_password(&session, current_password, kind).await?;
        if unchanged {
            let detail = "This is the password that you have already.";
            return Err(Error::field(FieldError::new(NEW_PASSWORD, "unchanged", detail)));
        }
        let account = session.account();
        let whose = PasswordOwner::of(account, NEW_PASSWORD);
        let hash = self.hash_password(new_password, whose).await?;
        let claims = self.0.hooks.claims(&account.user).await?;

        let (user_id, now) = (account.user.id, self.now());
        let refresh = RefreshSecret::generate(&*self.0.random);
        let renewal = self.renewal(&refresh, now);
        let mut unit = self.begin(&session.client).await?;
        let locked = unit.lock(&session).await?;
        let epoch = account.password_epoch;
        if !unit.tx().change_password(user_id, epoch, hash.as_str()).await? {
            return Err(STALE);
        }
        let revoked = unit.tx().revoke_sessions(user_id, Some(session.id()), now).await?;
        unit.end_sessions(user_id, revoked, "password_changed");
        let epochs = (epoch + 1, account.factor_epoch);
        let proven = (None, session.authenticated.authenticated_at);
        let renewed = unit.tx().renew_session(session.id(), epochs, proven, &renewal).await?;
        let mut renewed = renewed.ok_or(STALE)?;
        // Whoever stole the access token from before is out as well.
        renewed.id = SessionId::generate(&*self.0.clock, &*self.0.random);
        unit.tx().rename_session(session.id(), renewed.id, now).await?;
        unit.revoked([session.id()]);
        unit.record(EventKind::AuthnPasswordChange)
            .user(user_id)
            .session(renewed.id)
            .detail("by", "change");
        self.notify(&mut unit, MessageKind::PasswordChanged, &locked);
        unit.commit().await?;
        let issued = Issued { session: renewed, refresh };
        self.tokens_with(issued, session.into_user(), claims, now).await
    }
}

async fn change_password(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    let tokens = auth.change_password(session, json(&request)?).await?;
    Ok(deliver(auth, auth.delivery(&request)?, &tokens))
}

const NEW_PASSWORD: &str = "#/new_password";
