//! The second factor: TOTP (RFC 6238) with recovery codes.

pub(super) mod challenge;
pub(super) mod enrolment;
pub(super) mod recovery;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::issuance::Amr;
use super::required;
use crate::auth::Unit;
use crate::crypto::digest::Digest;
use crate::crypto::seal::Purpose;
use crate::crypto::totp::matching_step;
use crate::sealed::Judged;
use crate::store::Connection;
use crate::store::sealed::AUTHENTICATORS;
use crate::{Auth, Client, Code, Error, EventKind, Limit, RecoveryCode, Result, UserId, telemetry};

/// A right code, which is good once it is spent.
pub(super) enum UsedCode {
    /// Of the authenticator app.
    Totp {
        step: i64,
        /// The secret as it rests, and the same sealed with the current master secret, if it is not.
        resealed: Option<(Vec<u8>, Vec<u8>)>,
    },
    Recovery(Digest),
}

impl UsedCode {
    pub(super) fn amr(&self) -> Amr {
        match self {
            Self::Recovery(_) => Amr::PasswordAndRecoveryCode,
            Self::Totp { .. } => Amr::PasswordAndTotp,
        }
    }
}

impl Auth {
    /// Looks which factor a code belongs to; only spending it tells whether it was used before.
    ///
    /// The attempt is counted first, in one budget for all factors, challenges and sessions of the
    /// user: a right password, or a new challenge, buys no further tries (NIST SP 800-63B-4 §3.2.2).
    pub(super) async fn evaluate_code(
        &self,
        user_id: UserId,
        code: &Code,
        client: &Client,
    ) -> Result<UsedCode> {
        self.count_code(user_id, client).await?;
        let evaluated = self.match_code(user_id, code).await;
        if let Err(Error::InvalidCode) = &evaluated {
            self.note_wrong_code(user_id, client).await?;
        }
        evaluated
    }

    async fn match_code(&self, user_id: UserId, code: &Code) -> Result<UsedCode> {
        if let Some(digest) = recovery_digest(code) {
            return Ok(UsedCode::Recovery(digest));
        }
        let row = self.0.store.read().await?.totp(user_id).await?;
        let row = row.ok_or(Error::InvalidCode)?;
        let secret = self.open_totp_secret(user_id, &row.secret)?;
        let step = matching_step(&secret, code.expose(), self.now()).ok_or(Error::InvalidCode)?;
        let owner = Uuid::from(user_id);
        let resealed = match self.judge_sealed(Purpose::TotpSecret, owner.as_bytes(), &row.secret) {
            Judged::Previous(new) => Some((row.secret, new)),
            Judged::Current | Judged::Unreadable => None,
        };
        Ok(UsedCode::Totp { step, resealed })
    }

    /// Spends a code: one statement decides, so of many that use it at once one succeeds.
    pub(super) async fn spend_code(
        &self,
        unit: &mut Unit<'_>,
        user_id: UserId,
        code: &UsedCode,
    ) -> Result<()> {
        let spent = match code {
            UsedCode::Recovery(digest) => unit.tx().spend_recovery_code(user_id, digest).await?,
            UsedCode::Totp { step, .. } => unit.tx().spend_step(user_id, *step).await?,
        };
        if !spent {
            return Err(Error::InvalidCode);
        }
        match code {
            UsedCode::Recovery(_) => {
                unit.record(EventKind::RecoveryCodeUsed).user(user_id);
            }
            UsedCode::Totp { resealed: Some((old, new)), .. } => {
                unit.tx().reseal(&AUTHENTICATORS, user_id.into(), old, new).await?;
            }
            UsedCode::Totp { resealed: None, .. } => {}
        }
        unit.tx().clear_attempts(&subject(user_id)).await?;
        Ok(())
    }

    async fn note_wrong_code(&self, user_id: UserId, client: &Client) -> Result<()> {
        self.note(client, EventKind::AuthnLoginFail, |event| {
            event.user(user_id).detail("reason", "code");
        })
        .await
    }

    async fn count_code(&self, user_id: UserId, client: &Client) -> Result<()> {
        let now = self.now();
        let mut connection = self.0.store.write().await?;
        let (count, window_ends) =
            connection.count_attempt(&subject(user_id), now.plus(WINDOW), now).await?;
        drop(connection);
        if count > i64::from(self.0.config.wrong_codes) {
            telemetry::limited(Limit::WrongCodes.as_str());
            self.note(client, EventKind::ExcessRateLimitExceeded, |event| {
                event.user(user_id).detail("limit", "wrong_codes");
            })
            .await?;
            return Err(Error::TooManyRequests { retry_after: window_ends.since(now) });
        }
        Ok(())
    }

    fn open_totp_secret(&self, user_id: UserId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let owner = Uuid::from(user_id);
        Ok(self.0.sealer.open(Purpose::TotpSecret, owner.as_bytes(), sealed)?)
    }

    /// Replaces the recovery codes of the user by ten new ones.
    async fn new_recovery_codes(
        &self,
        connection: &mut Connection,
        user_id: UserId,
    ) -> Result<Vec<RecoveryCode>> {
        let codes: Vec<_> =
            (0..RECOVERY_CODES).map(|_| RecoveryCode::generate(&*self.0.random)).collect();
        let digests: Vec<_> = codes
            .iter()
            .map(|code| recovery_digest(&code.expose().into()).expect("it has the shape of one"))
            .collect();
        connection.set_recovery_codes(user_id, &digests).await?;
        Ok(codes)
    }
}

/// The digest of what has the shape of a recovery code, in its one spelling.
fn recovery_digest(code: &Code) -> Option<Digest> {
    let letters = code.expose().chars().filter(|char| !matches!(char, '-' | ' '));
    let code: Zeroizing<String> =
        Zeroizing::new(letters.take(25).map(|char| char.to_ascii_lowercase()).collect());
    let is_code = code.len() == 24 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then(|| Digest::of(code.as_bytes()))
}

fn subject(user_id: UserId) -> String {
    format!("codes:{user_id}")
}

/// The input of what takes a code.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = CodeInput))]
#[serde(deny_unknown_fields)]
struct CodeBody {
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    code: Code,
}

impl CodeBody {
    fn code(self) -> Result<Code> {
        required([("#/code", self.code.expose())])?;
        Ok(self.code)
    }
}

/// The only time that the codes are shown.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct RecoveryCodes<'a> {
    recovery_codes: Vec<&'a str>,
}

impl<'a> From<&'a [RecoveryCode]> for RecoveryCodes<'a> {
    fn from(codes: &'a [RecoveryCode]) -> Self {
        Self { recovery_codes: codes.iter().map(RecoveryCode::expose).collect() }
    }
}

const RECOVERY_CODES: usize = 10;
const WINDOW: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_recovery_code_has_one_digest_in_every_spelling() {
        let code = RecoveryCode::generate(&SystemRandom);
        let text = code.expose();
        let digest = recovery_digest(&text.into());
        assert!(digest.is_some());
        for spelling in [text.to_uppercase(), text.replace('-', ""), text.replace('-', " ")] {
            assert!(recovery_digest(&Code::new(spelling)) == digest);
        }
        for other in ["", "123456", &text[1..], &format!("{text}0"), &text.replace('-', "_")] {
            assert!(recovery_digest(&other.into()).is_none(), "{other}");
        }
    }
}
