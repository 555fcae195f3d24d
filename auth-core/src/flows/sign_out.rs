use http::StatusCode;
use serde::Deserialize;

use crate::crypto::refresh_token::RefreshSecret;
use crate::http::input::{bearer, optional_json};
use crate::http::reply::no_content;
use crate::{
    AccessToken, Auth, Client, Endpoint, Error, ProblemCode, RefreshToken, Request, Response,
    Result,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::post(
    "/sign-out",
    "Ends the session of a refresh token, or of the access token.",
    |auth, request| Box::pin(sign_out(auth, request)),
)
.takes::<SignOut>()
.optional_body()
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
        let Some(presented) = RefreshSecret::parse(token) else { return Ok(()) };
        let mut unit = self.begin(client).await?;
        let ended = unit.tx().revoke_family(&presented.family(), self.now()).await?;
        if let Some((session, user_id)) = ended {
            unit.end_sessions(user_id, [session], "sign_out");
        }
        unit.commit().await
    }

    /// Ends the session that an access token belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the token is not good; it is if only its session has ended.
    pub async fn sign_out_session(&self, token: &AccessToken, client: &Client) -> Result<()> {
        let now = self.now();
        let claims = self.verify(token, now).await?;
        let mut unit = self.begin(client).await?;
        let user_id = claims.sub.into();
        let ended = unit.tx().revoke_session(user_id, claims.sid.into(), now).await?;
        unit.end_sessions(user_id, ended, "sign_out");
        unit.commit().await
    }
}

async fn sign_out(auth: &Auth, request: Request) -> Result<Response> {
    let client = auth.client(&request);
    let SignOut { refresh_token } = optional_json(&request)?;
    let refresh_token = refresh_token.filter(|token| !token.expose().is_empty());
    let access_token = match bearer(request.headers()) {
        Err(Error::Unauthenticated) => None,
        result => Some(result?),
    };
    if let Some(refresh_token) = &refresh_token {
        auth.sign_out(refresh_token, &client).await?;
    }
    match &access_token {
        // An access token that has expired is no reason to refuse what the refresh token did.
        Some(access_token) => match auth.sign_out_session(access_token, &client).await {
            Err(Error::Unauthenticated) if refresh_token.is_some() => {}
            result => result?,
        },
        None if refresh_token.is_none() => return Err(Error::Unauthenticated),
        None => {}
    }
    Ok(no_content())
}
