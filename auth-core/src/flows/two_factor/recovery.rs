use http::StatusCode;

use super::{CodeBody, RecoveryCodes};
use crate::auth::CurrentSession;
use crate::http::endpoint::Access;
use crate::http::input::json;
use crate::http::reply;
use crate::{
    Auth, Code, Endpoint, Error, EventKind, Limit, MessageKind, ProblemCode, RecoveryCode, Request,
    Response, Result,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/recovery-codes",
    "Replaces all recovery codes, and shows the new ones once.",
    &[Limit::WrongCodes],
    |auth, request| Box::pin(recovery_codes(auth, request)),
)
.access(Access::RecentSignIn)
.takes::<CodeBody>()
.answers::<RecoveryCodes<'_>>()
.problems(&[
    ProblemCode::InvalidCode,
    ProblemCode::TooManyRequests,
    ProblemCode::TwoFactorNotEnabled,
])];

impl Auth {
    /// Replaces all recovery codes of a session's user with one of its codes.
    ///
    /// A notice is mailed.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`], [`Error::TwoFactorNotEnabled`], [`Error::InvalidCode`], [`Error::TooManyRequests`].
    pub async fn replace_recovery_codes(
        &self,
        session: &CurrentSession,
        code: &Code,
    ) -> Result<Vec<RecoveryCode>> {
        self.require_recent(session)?;
        let user = session.user();
        if !user.two_factor_enabled {
            return Err(Error::TwoFactorNotEnabled);
        }
        let used = self.evaluate_code(user.id, code, &session.client).await?;
        let mut unit = self.begin(&session.client).await?;
        let account = unit.lock(session).await?;
        self.spend_code(&mut unit, user.id, &used).await?;
        let codes = self.new_recovery_codes(unit.tx(), user.id).await?;
        unit.record(EventKind::RecoveryCodesReplaced).user(user.id).session(session.id());
        self.notify(&mut unit, MessageKind::RecoveryCodesReplaced, &account);
        unit.commit().await?;
        Ok(codes)
    }
}

async fn recovery_codes(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    let code = json::<CodeBody>(&request)?.code()?;
    let codes = auth.replace_recovery_codes(&session, &code).await?;
    Ok(reply::json(StatusCode::OK, &RecoveryCodes::from(codes.as_slice())))
}
