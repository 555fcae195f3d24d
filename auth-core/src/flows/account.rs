use http::StatusCode;

use crate::http::endpoint::Access;
use crate::http::reply;
use crate::{Auth, Endpoint, Request, Response, Result, User};

pub(crate) const ENDPOINTS: &[Endpoint] =
    &[Endpoint::get("/me", "Shows who is signed in.", |auth, request| Box::pin(me(auth, request)))
        .access(Access::SignedIn)
        .answers::<User>()];

async fn me(auth: &Auth, request: Request) -> Result<Response> {
    Ok(reply::json(StatusCode::OK, auth.current_session(&request).await?.user()))
}
