use http::StatusCode;
use serde::Deserialize;

use super::delivery::expire_cookies;
use crate::crypto::refresh_token::RefreshSecret;
use crate::http::credentials::{self, Delivery};
use crate::http::endpoint::Credential;
use crate::http::input::optional_json;
use crate::http::reply::no_content;
use crate::{
    AccessToken, Auth, Client, Endpoint, Error, Limit, ProblemCode, RefreshToken, Request,
    Response, Result,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/sign-out",
    "Ends the session of a refresh token, or of the access token.",
    &[Limit::Unlimited],
    |auth, request| Box::pin(sign_out(auth, request)),
)
.takes::<SignOut>()
.optional_body(&[Credential::AccessToken, Credential::AccessCookie, Credential::RefreshCookie])
.success(StatusCode::NO_CONTENT)
.problems(&[ProblemCode::Unauthenticated])];

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct SignOut {
    refresh_token: Option<RefreshToken>,
}

impl Auth {
    /// Ends the session that a refresh token belongs to, even if its access token has expired.
    /// Tokens from before the session last [reauthenticated](Self::reauthenticate) belong to none.
    ///
    /// A token that is worth nothing any more is none to complain about: the result is the same.
    ///
    /// # Errors
    ///
    /// If the database fails; the session then goes on.
    pub async fn sign_out(&self, token: &RefreshToken, client: &Client) -> Result<()> {
        self.end_session_of(token, "sign_out", client).await
    }

    /// Ends the session that an access token belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the token is not good; it is if only its session has ended.
    pub async fn sign_out_session(&self, token: &AccessToken, client: &Client) -> Result<()> {
        let now = self.now();
        let claims = self.verify(token.expose(), now).await?;
        let mut unit = self.begin(client).await?;
        let user_id = claims.sub.into();
        let ended = unit.tx().revoke_session(user_id, claims.sid.into(), now).await?;
        unit.end_sessions(user_id, ended, "sign_out");
        unit.commit().await
    }

    pub(super) async fn end_session_of(
        &self,
        token: &RefreshToken,
        reason: &'static str,
        client: &Client,
    ) -> Result<()> {
        let Some(presented) = RefreshSecret::parse(token) else { return Ok(()) };
        let mut unit = self.begin(client).await?;
        let ended = unit.tx().revoke_family(&presented.family(), self.now()).await?;
        if let Some((session, user_id)) = ended {
            unit.end_sessions(user_id, [session], reason);
        }
        unit.commit().await
    }
}

async fn sign_out(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let (method, headers, config) = (request.method(), request.headers(), &auth.0.config);
    let SignOut { refresh_token } = optional_json(&request)?;
    let refresh_token = credentials::refresh_token(refresh_token.as_ref(), headers, config)?;
    let access_token = credentials::access_token(method, headers, config)?;
    if refresh_token.is_none() && access_token.is_none() {
        return Err(Error::Unauthenticated);
    }
    if let Some((token, _)) = &refresh_token {
        auth.sign_out(token, &client).await?;
    }
    if let Some((token, delivery)) = &access_token {
        match auth.sign_out_session(&AccessToken::from(*token), &client).await {
            // An access token that has expired is no reason to refuse what the refresh token did,
            // nor to let a browser keep it.
            Err(Error::Unauthenticated)
                if refresh_token.is_some() || *delivery == Delivery::Cookie => {}
            result => result?,
        }
    }
    let mut response = no_content();
    expire_cookies(auth, &request, &mut response);
    Ok(response)
}
