//! The page on which people sign in and look after their account.
//!
//! It is a client of the endpoints, by cookies, and can do nothing that another client could not.

use crate::templates::PageKind;
use crate::{Auth, Endpoint, Limit, Request, Response, Result};

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint::get(
    "/account",
    "Shows the page on which people sign in and look after their account.",
    &[Limit::Unlimited],
    |auth, request| Box::pin(page(auth, request)),
)
.media(&["text/html"])];

async fn page(auth: &Auth, request: Request) -> Result<Response> {
    super::page(auth, PageKind::Account, &request)
}
