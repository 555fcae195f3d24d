use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use super::{CodeBody, RecoveryCodes};
use crate::auth::CurrentSession;
use crate::crypto::seal::Purpose;
use crate::crypto::totp::{generate_secret, matching_step, otpauth_url, qr_code, secret_base32};
use crate::http::endpoint::Access;
use crate::http::input::{json, nothing};
use crate::http::reply::{self, no_content};
use crate::store::EnrolmentRow;
use crate::{
    Auth, Code, Endpoint, Error, EventKind, Limit, MessageKind, ProblemCode, RecoveryCode, Request,
    Response, Result, TotpSecret,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "/enable-2fa",
        "Starts to enrol an authenticator app; it counts once its first code confirms it.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(enable_2fa(auth, request)),
    )
    .access(Access::RecentSignIn)
    .answers::<EnrolmentBody<'_>>()
    .problems(&[ProblemCode::TwoFactorAlreadyEnabled]),
    Endpoint::post(
        "/confirm-2fa",
        "Confirms the enrolment with a code, and shows the recovery codes once.",
        &[Limit::WrongCodes],
        |auth, request| Box::pin(confirm_2fa(auth, request)),
    )
    .access(Access::SignedIn)
    .takes::<CodeBody>()
    .answers::<RecoveryCodes<'_>>()
    .problems(&[
        ProblemCode::InvalidCode,
        ProblemCode::NoPendingEnrolment,
        ProblemCode::TooManyRequests,
        ProblemCode::TwoFactorAlreadyEnabled,
    ]),
    Endpoint::post(
        "/disable-2fa",
        "Switches two-factor authentication off.",
        &[Limit::WrongCodes],
        |auth, request| Box::pin(disable_2fa(auth, request)),
    )
    .access(Access::RecentSignIn)
    .takes::<CodeBody>()
    .success(StatusCode::NO_CONTENT)
    .problems(&[
        ProblemCode::InvalidCode,
        ProblemCode::TooManyRequests,
        ProblemCode::TwoFactorNotEnabled,
    ]),
];

/// What an authenticator app needs to enrol; shown once.
#[derive(Debug)]
#[non_exhaustive]
pub struct Enrolment {
    /// The secret, to be typed.
    pub secret: TotpSecret,
    /// The secret and its parameters, to be opened on the same device.
    pub otpauth_url: TotpSecret,
    /// The same, to be scanned: an SVG picture as a `data:` URL.
    pub qr_code: TotpSecret,
    /// For how long the first code is awaited.
    pub expires_in: Duration,
}

impl Auth {
    /// Starts to enrol an authenticator app, in place of an earlier enrolment.
    ///
    /// It counts for nothing until [`confirm_enrolment`](Self::confirm_enrolment), which only the
    /// same session can call.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`], [`Error::TwoFactorAlreadyEnabled`].
    pub async fn start_enrolment(&self, session: &CurrentSession) -> Result<Enrolment> {
        self.require_recent(session)?;
        let user = session.user();
        if user.two_factor_enabled {
            return Err(Error::TwoFactorAlreadyEnabled);
        }
        let (config, random) = (&self.0.config, &*self.0.random);
        let secret = generate_secret(random);
        let owner = Uuid::from(user.id);
        let sealed = self.0.sealer.seal(random, Purpose::TotpSecret, owner.as_bytes(), &*secret);
        let expires_in = config.enrolment_lifetime;
        let row = EnrolmentRow {
            user_id: user.id,
            session_id: session.id(),
            secret: sealed,
            expires_at: self.now().plus(expires_in),
        };
        let mut unit = self.begin(&session.client).await?;
        unit.lock(session).await?;
        unit.tx().insert_enrolment(&row).await?;
        unit.commit().await?;
        let url = otpauth_url(&*secret, &config.product_name, &user.email);
        Ok(Enrolment {
            secret: secret_base32(&*secret),
            qr_code: TotpSecret::new(qr_code(&url)),
            otpauth_url: TotpSecret::new(url),
            expires_in,
        })
    }

    /// Switches the second factor on with its first code, and returns the recovery codes.
    ///
    /// The code's time step is spent, the other sessions end, and a notice is mailed.
    ///
    /// # Errors
    ///
    /// [`Error::NoPendingEnrolment`], [`Error::InvalidCode`], [`Error::TwoFactorAlreadyEnabled`],
    /// [`Error::TooManyRequests`].
    pub async fn confirm_enrolment(
        &self,
        session: &CurrentSession,
        code: &Code,
    ) -> Result<Vec<RecoveryCode>> {
        let user = session.user();
        if user.two_factor_enabled {
            return Err(Error::TwoFactorAlreadyEnabled);
        }
        let now = self.now();
        let mut connection = self.0.store.read().await?;
        let enrolment = connection.enrolment(user.id, session.id(), now).await?;
        drop(connection);
        let enrolment = enrolment.ok_or(Error::NoPendingEnrolment)?;
        self.count_code(user.id, &session.client).await?;
        let secret = self.open_totp_secret(user.id, &enrolment.secret)?;
        let Some(step) = matching_step(&secret, code.expose(), now) else {
            self.note_wrong_code(user.id, &session.client).await?;
            return Err(Error::InvalidCode);
        };

        let mut unit = self.begin(&session.client).await?;
        let account = unit.lock(session).await?;
        unit.tx().change_factors(user.id).await?;
        if !unit.tx().consume_enrolment(&enrolment, now).await? {
            return Err(Error::NoPendingEnrolment);
        }
        // The enrolment may be older than the master secret.
        let owner = Uuid::from(user.id);
        let sealed =
            self.0.sealer.seal(&*self.0.random, Purpose::TotpSecret, owner.as_bytes(), &secret);
        if !unit.tx().insert_totp(user.id, &sealed, step, now).await? {
            return Err(Error::TwoFactorAlreadyEnabled);
        }
        let codes = self.new_recovery_codes(unit.tx(), user.id).await?;
        unit.tx().clear_attempts(&super::subject(user.id)).await?;
        let revoked = unit.tx().revoke_sessions(user.id, Some(session.id()), now).await?;
        unit.end_sessions(user.id, revoked, "factors_changed");
        unit.record(EventKind::MfaEnabled).user(user.id).session(session.id());
        self.notify(&mut unit, MessageKind::TwoFactorEnabled, &account);
        unit.commit().await?;
        Ok(codes)
    }

    /// Switches the second factor off with one of its codes.
    ///
    /// The other sessions end, and a notice is mailed.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`], [`Error::TwoFactorNotEnabled`], [`Error::InvalidCode`], [`Error::TooManyRequests`].
    pub async fn disable_two_factor(&self, session: &CurrentSession, code: &Code) -> Result<()> {
        self.require_recent(session)?;
        let user = session.user();
        if !user.two_factor_enabled {
            return Err(Error::TwoFactorNotEnabled);
        }
        let used = self.evaluate_code(user.id, code, &session.client).await?;
        let now = self.now();
        let mut unit = self.begin(&session.client).await?;
        let account = unit.lock(session).await?;
        unit.tx().change_factors(user.id).await?;
        self.spend_code(&mut unit, user.id, &used).await?;
        if !unit.tx().remove_second_factor(user.id).await? {
            return Err(Error::TwoFactorNotEnabled);
        }
        let revoked = unit.tx().revoke_sessions(user.id, Some(session.id()), now).await?;
        unit.end_sessions(user.id, revoked, "factors_changed");
        unit.record(EventKind::MfaDisabled).user(user.id).session(session.id());
        self.notify(&mut unit, MessageKind::TwoFactorDisabled, &account);
        unit.commit().await
    }
}

async fn enable_2fa(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    nothing(&request)?;
    let enrolment = auth.start_enrolment(&session).await?;
    let body = EnrolmentBody {
        secret: enrolment.secret.expose(),
        otpauth_url: enrolment.otpauth_url.expose(),
        qr_code: enrolment.qr_code.expose(),
        expires_in: enrolment.expires_in.as_secs(),
    };
    Ok(reply::json(StatusCode::OK, &body))
}

async fn confirm_2fa(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.current_session(&request).await?;
    let code = json::<CodeBody>(&request)?.code()?;
    let codes = auth.confirm_enrolment(&session, &code).await?;
    Ok(reply::json(StatusCode::OK, &RecoveryCodes::from(codes.as_slice())))
}

async fn disable_2fa(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    let code = json::<CodeBody>(&request)?.code()?;
    auth.disable_two_factor(&session, &code).await?;
    Ok(no_content())
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Enrolment))]
struct EnrolmentBody<'a> {
    /// In base32.
    secret: &'a str,
    otpauth_url: &'a str,
    /// An SVG picture as a `data:` URL.
    qr_code: &'a str,
    /// In seconds.
    expires_in: u64,
}
