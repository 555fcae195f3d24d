//! What a request is authenticated by, and how the tokens of its answer travel.

use http::{HeaderMap, Method, header};
use serde::Deserialize;

use super::cookies::SessionCookie;
use super::cross_site;
use crate::{Config, Error, RefreshToken, Result};

/// How tokens travel to a client.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// In the answer's body.
    #[default]
    Body,
    /// As cookies that no script can read; the answer's body has no token then.
    Cookie,
}

/// Finds the access token of a request, and how it came: in the `Authorization` header (RFC 6750
/// §2.1), or as a cookie.
///
/// A token in the query or in a body is no credential (RFC 9700 §2.6).
///
/// # Security
///
/// A browser sends a cookie whoever made it send the request: it counts only if that was a page of
/// ours, or if the request changes nothing.
pub(crate) fn access_token<'a>(
    method: &Method,
    headers: &'a HeaderMap,
    config: &Config,
) -> Result<Option<(&'a str, Delivery)>> {
    let cookie = SessionCookie::Access.read(headers, config);
    let Some((token, delivery)) = one_of(bearer(headers)?, cookie)? else { return Ok(None) };
    if delivery == Delivery::Cookie {
        cross_site::check(method, headers, true, config)?;
    }
    Ok(Some((token, delivery)))
}

/// Finds the refresh token of a request to an endpoint, and how it came: in its body, or as a cookie.
pub(crate) fn refresh_token(
    in_body: Option<&RefreshToken>,
    headers: &HeaderMap,
    config: &Config,
) -> Result<Option<(RefreshToken, Delivery)>> {
    let in_body = in_body.map(RefreshToken::expose).filter(|token| !token.is_empty());
    let found = one_of(in_body, SessionCookie::Refresh.read(headers, config))?;
    Ok(found.map(|(token, delivery)| (RefreshToken::from(token), delivery)))
}

/// The token of a bearer (RFC 6750 §2.1). Other schemes are none of ours: a proxy may ask for them.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(two_credentials());
    }
    let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
    Ok(parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token))
}

/// Of two credentials that differ, nobody knows which is meant.
fn one_of<'a>(
    sent: Option<&'a str>,
    cookie: Option<&'a str>,
) -> Result<Option<(&'a str, Delivery)>> {
    match (sent, cookie) {
        (Some(sent), Some(cookie)) if sent != cookie => Err(two_credentials()),
        (Some(sent), _) => Ok(Some((sent, Delivery::Body))),
        (None, Some(cookie)) => Ok(Some((cookie, Delivery::Cookie))),
        (None, None) => Ok(None),
    }
}

fn two_credentials() -> Error {
    Error::Malformed("it carries two credentials".to_owned())
}
