use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::Response;
use crate::templates::Page;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("what is answered has string keys and no maps");
    let mut response = bytes(HeaderValue::from_static("application/json"), body.into());
    *response.status_mut() = status;
    response
}

/// An answer of any other type.
pub(crate) fn bytes(content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer without a body.
pub(crate) fn no_content() -> Response {
    let mut response = bytes(HeaderValue::from_static(""), Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// A page for people.
pub(crate) fn html(page: Page) -> Response {
    let policy = HeaderValue::from_str(&page.content_security_policy)
        .expect("a policy is made of hashes and keywords");
    let mut response =
        bytes(HeaderValue::from_static("text/html; charset=utf-8"), page.html.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if let Some(language) = page.language {
        let tag = HeaderValue::from_static(language.as_str());
        headers.insert(header::CONTENT_LANGUAGE, tag);
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// The one answer of every endpoint that must not tell whether there is an account.
pub(crate) fn accepted() -> Response {
    json(StatusCode::ACCEPTED, &Status { status: "accepted" })
}

/// The body of an answer that only says what was done.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Status {
    /// What was done.
    pub(crate) status: &'static str,
}
