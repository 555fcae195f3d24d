//! Which pages of other origins may read the answers (Fetch §3.3, "CORS protocol").

use http::{HeaderMap, HeaderValue, Method, header};

use super::reply::no_content;
use super::{Request, Response};
use crate::Config;
use crate::request_id::X_REQUEST_ID;

/// Returns the origin that a request comes from, if its pages may read the answer.
pub(crate) fn reader(headers: &HeaderMap, config: &Config) -> Option<HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    config.allowed_origins.iter().any(|allowed| origin == allowed).then(|| origin.clone())
}

/// Lets pages of `reader` read the answer. Where the configuration allows no origin, nothing is said.
pub(crate) fn share(response: &mut Response, reader: Option<HeaderValue>, config: &Config) {
    if config.allowed_origins.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(reader) = reader {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        let credentials = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from(X_REQUEST_ID));
    }
}

/// Whether a browser asks what a page of another origin may send.
pub(crate) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Says what pages of an allowed origin may send: `methods`, and what the endpoints read.
pub(crate) fn preflight(methods: &str) -> Response {
    let mut response = no_content();
    let headers = response.headers_mut();
    let methods = HeaderValue::from_str(methods).expect("methods are header text");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let read = HeaderValue::from_static("authorization, content-type");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, read);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
