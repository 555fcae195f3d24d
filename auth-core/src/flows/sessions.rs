use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::auth::CurrentSession;
use crate::http::endpoint::Access;
use crate::http::input::json;
use crate::http::reply::{self, no_content};
use crate::{
    Auth, Endpoint, Error, FieldError, Limit, ProblemCode, Request, Response, Result, Session,
    SessionId,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get(
        "/sessions",
        "Lists the sessions of the account.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(list(auth, request)),
    )
    .access(Access::SignedIn)
    .answers::<SessionList>(),
    Endpoint::post(
        "/sessions/revoke",
        "Ends one session of the account, or all others.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(revoke(auth, request)),
    )
    .access(Access::RecentSignIn)
    .takes::<Revoke>()
    .success(StatusCode::NO_CONTENT)
    .problems(&[ProblemCode::NotFound]),
];

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Revoke {
    /// The session to end.
    id: Option<String>,
    /// `true` ends every session but the current one.
    others: Option<bool>,
}

impl Auth {
    /// Lists the live sessions of a session's user, the latest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sessions(&self, session: &CurrentSession) -> Result<Vec<Session>> {
        Ok(self.0.store.read().await?.sessions(session.user().id, self.now()).await?)
    }

    /// Ends one session of the same user.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the user has no such session, [`Error::ReauthenticationRequired`].
    pub async fn revoke_session(&self, session: &CurrentSession, id: SessionId) -> Result<()> {
        self.require_recent(session)?;
        let mut unit = self.begin(&session.client).await?;
        unit.lock(session).await?;
        let revoked = unit.tx().revoke_session(session.user().id, id, self.now()).await?;
        let revoked = revoked.ok_or(Error::NotFound)?;
        unit.end_sessions(session.user().id, [revoked], "revoked");
        unit.commit().await
    }

    /// Ends all other sessions of the same user.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`].
    pub async fn revoke_other_sessions(&self, session: &CurrentSession) -> Result<()> {
        self.require_recent(session)?;
        let user_id = session.user().id;
        let mut unit = self.begin(&session.client).await?;
        unit.lock(session).await?;
        let revoked = unit.tx().revoke_sessions(user_id, Some(session.id()), self.now()).await?;
        unit.end_sessions(user_id, revoked, "revoked");
        unit.commit().await
    }
}

async fn list(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.current_session(&request).await?;
    let current = session.id();
    let sessions = auth.sessions(&session).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| ListedSession { current: session.id == current, session })
        .collect();
    Ok(reply::json(StatusCode::OK, &SessionList { sessions }))
}

async fn revoke(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    let Revoke { id, others } = json(&request)?;
    match (id, others) {
        (Some(id), None) => {
            let id = id.parse().map_err(|_| Error::NotFound)?;
            auth.revoke_session(&session, id).await?;
        }
        (None, Some(true)) => auth.revoke_other_sessions(&session).await?,
        (None, None) => return Err(Error::field(FieldError::required("#/id"))),
        (_, Some(_)) => {
            let detail = "Give either the id of a session, or \"others\": true.";
            return Err(Error::field(FieldError::new("#/others", "conflict", detail)));
        }
    }
    Ok(no_content())
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct SessionList {
    sessions: Vec<ListedSession>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ListedSession {
    #[serde(flatten)]
    session: Session,
    /// Whether it is the one that asks.
    current: bool,
}
