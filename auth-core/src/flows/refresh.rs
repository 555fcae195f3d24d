use serde::Deserialize;

use super::delivery::{SessionBody, deliver, wanted};
use super::issuance::{Issued, Tokens};
use super::required;
use crate::crypto::refresh_token::RefreshSecret;
use crate::http::cookies::SessionCookie;
use crate::http::credentials::{self, Delivery};
use crate::http::endpoint::Credential;
use crate::http::input::optional_json;
use crate::store::{Refreshed, Rotated, Rotation};
use crate::{
    Auth, Client, Endpoint, Error, EventKind, FieldError, Limit, MessageKind, ProblemCode,
    RefreshToken, Request, Response, Result, Timestamp, User,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/access",
    "Exchanges a refresh token for the next pair of tokens, once.",
    &[Limit::Unlimited],
    |auth, request| Box::pin(access(auth, request)),
)
.takes::<Access>()
.optional_body(&[Credential::RefreshCookie])
.answers::<SessionBody<'_>>()
.problems(&[ProblemCode::InvalidRefreshToken])];

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Access {
    /// Leave it out if it is a cookie.
    refresh_token: Option<RefreshToken>,
    /// How the new tokens are to travel; by default as the refresh token came.
    delivery: Option<Delivery>,
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
        required([("#/refresh_token", token.expose())])?;
        let presented = RefreshSecret::parse(token).ok_or(Error::InvalidRefreshToken)?;
        let now = self.now();
        let Some((issued, user)) = self.rotate(&presented, now).await? else {
            self.detect_reuse(&presented, client, now).await?;
            return Err(Error::InvalidRefreshToken);
        };
        self.note_client(&issued.session, client).await?;
        self.tokens(issued, user, now).await
    }

    async fn rotate(
        &self,
        presented: &RefreshSecret,
        now: Timestamp,
    ) -> Result<Option<(Issued, User)>> {
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
            if let Some(Refreshed { account, session }) = connection.rotate(&rotation).await? {
                return Ok(Some((Issued { session, refresh: successor }, account.user)));
            }
        }
        Ok(None)
    }

    /// Writes down that another program goes on with a session. It may be a theft or an update, so it
    /// decides nothing.
    async fn note_client(&self, session: &Rotated, client: &Client) -> Result<()> {
        let old = session.user_agent.as_deref();
        let Some(new) = client.user_agent.as_deref().filter(|new| Some(*new) != old) else {
            return Ok(());
        };
        let mut unit = self.begin(client).await?;
        if !unit.tx().change_user_agent(session.id, old, new).await? {
            return Ok(());
        }
        unit.record(EventKind::SessionClientChanged)
            .user(session.user_id)
            .session(session.id)
            .detail("from", old);
        unit.commit().await
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
    let (headers, config) = (request.headers(), &auth.0.config);
    let Access { refresh_token, delivery } = optional_json(&request)?;
    let asked = wanted(auth, delivery, &request)?;
    let found = credentials::refresh_token(refresh_token.as_ref(), headers, config)?;
    let (token, delivery) = match found {
        Some((token, Delivery::Body)) => (token, asked),
        // What no script can read stays so: an answer in the body would hand it over.
        Some((_, Delivery::Cookie)) if delivery == Some(Delivery::Body) => {
            let detail = "A refresh token that came as a cookie is answered with cookies.";
            return Err(Error::field(FieldError::new("#/delivery", "conflict", detail)));
        }
        Some(found) => found,
        None if request.body().is_empty() || SessionCookie::any(headers, config) => {
            return Err(Error::InvalidRefreshToken);
        }
        None => return Err(Error::field(FieldError::required("#/refresh_token"))),
    };
    Ok(deliver(auth, delivery, &auth.refresh(&token, &client).await?))
}
