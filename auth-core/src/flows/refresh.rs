use serde::Deserialize;

use super::issuance::{Issued, SessionBody, Tokens, signed_in};
use super::required;
use crate::crypto::refresh_token::RefreshSecret;
use crate::http::input::json;
use crate::store::Rotation;
use crate::{
    Auth, Client, Endpoint, Error, EventKind, MessageKind, ProblemCode, RefreshToken, Request,
    Response, Result, Timestamp,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/access",
    "Exchanges a refresh token for the next pair of tokens, once.",
    |auth, request| Box::pin(access(auth, request)),
)
.takes::<Access>()
.answers::<SessionBody<'_>>()
.problems(&[ProblemCode::InvalidRefreshToken])];

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Access {
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    refresh_token: RefreshToken,
}

impl Auth {
    /// Exchanges a refresh token for a new access token and the next refresh token.
    ///
    /// For [`Config::refresh_grace`](crate::Config::refresh_grace) after that, and while the next
    /// token is unused, the same exchange has the same result: an answer that was lost, or a second
    /// tab, costs nobody the session.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRefreshToken`], for whatever reason.
    ///
    /// # Security
    ///
    /// Any other second use means that two parties hold the token: the session is revoked and its
    /// user told (RFC 9700 §4.14.2). Refreshing proves no factor again: `auth_time` and `amr` stay.
    pub async fn refresh(&self, token: &RefreshToken, client: &Client) -> Result<Tokens> {
        required("#/refresh_token", token.expose().is_empty())?;
        let presented = RefreshSecret::parse(token).ok_or(Error::InvalidRefreshToken)?;
        let now = self.now();
        let Some(issued) = self.rotate(&presented, now).await? else {
            self.detect_reuse(&presented, client, now).await?;
            return Err(Error::InvalidRefreshToken);
        };
        let account = self.0.store.read().await?.account(issued.session.user_id).await?;
        let account = account.ok_or(Error::InvalidRefreshToken)?;
        self.tokens(issued, account.user, now).await
    }

    async fn rotate(&self, presented: &RefreshSecret, now: Timestamp) -> Result<Option<Issued>> {
        let config = &self.0.config;
        let mut connection = self.0.store.write().await?;
        for successor in presented.successors(&self.0.sealer) {
            let rotation = Rotation {
                family: presented.family(),
                presented: presented.digest(),
                successor: successor.digest(),
                now,
                grace_since: (!config.refresh_grace.is_zero())
                    .then(|| now.minus(config.refresh_grace)),
                idle_expires_at: now.plus(config.session_idle),
            };
            if let Some(session) = connection.rotate(&rotation).await? {
                return Ok(Some(Issued { session, refresh: successor }));
            }
        }
        Ok(None)
    }

    async fn detect_reuse(
        &self,
        presented: &RefreshSecret,
        client: &Client,
        now: Timestamp,
    ) -> Result<()> {
        let mut unit = self.begin(client).await?;
        let (family, digest) = (presented.family(), presented.digest());
        let Some((session, user_id)) = unit.tx().revoke_reused(&family, &digest, now).await? else {
            return Ok(());
        };
        tracing::warn!(%session, user = %user_id, "a used refresh token was presented: its session is revoked");
        unit.record(EventKind::AuthnTokenReuse).user(user_id).session(session);
        unit.end_sessions(user_id, [session], "reuse");
        if let Some(account) = unit.tx().account(user_id).await? {
            self.notify(&mut unit, MessageKind::RefreshTokenReuse, &account);
        }
        unit.commit().await
    }
}

async fn access(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let Access { refresh_token } = json(&request)?;
    Ok(signed_in(&auth.refresh(&refresh_token, &client).await?))
}
