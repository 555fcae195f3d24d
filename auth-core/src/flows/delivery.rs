//! How the tokens of a session reach its client.

use http::{StatusCode, header};
use serde::Serialize;

use super::issuance::Tokens;
use crate::http::cookies::SessionCookie;
use crate::http::credentials::{self, Delivery};
use crate::http::cross_site;
use crate::http::reply::json;
use crate::{Auth, Client, Config, Request, Response, Result, User};

/// Reads how a sign-in wants its tokens. Only pages that may send cookies may ask for them.
pub(super) fn wanted(
    auth: &Auth,
    delivery: Option<Delivery>,
    request: &Request,
) -> Result<Delivery> {
    let delivery = delivery.unwrap_or_default();
    let cookies = delivery == Delivery::Cookie;
    cross_site::check(request.method(), request.headers(), cookies, &auth.0.config)?;
    Ok(delivery)
}

/// Answers with tokens, in the body or as cookies.
pub(super) fn deliver(auth: &Auth, delivery: Delivery, tokens: &Tokens) -> Response {
    deliver_as(auth, delivery, tokens, &SessionBody::new(delivery, tokens))
}

/// The same, with a body that says more than that there is a session.
pub(super) fn deliver_as(
    auth: &Auth,
    delivery: Delivery,
    tokens: &Tokens,
    body: &impl Serialize,
) -> Response {
    let mut response = json(StatusCode::OK, body);
    if delivery == Delivery::Cookie {
        set_cookies(&mut response, tokens, &auth.0.config);
    }
    response
}

/// Ends the session that the browser had before it got another, whoever's it was (ASVS 7.2.4).
pub(super) async fn end_replaced(
    auth: &Auth,
    delivery: Delivery,
    request: &Request,
    client: &Client,
) -> Result<()> {
    let replaced = credentials::refresh_token(None, request.headers(), &auth.0.config)?;
    match replaced.filter(|_| delivery == Delivery::Cookie) {
        Some((token, _)) => auth.end_session_of(&token, "replaced", client).await,
        None => Ok(()),
    }
}

/// Lets the browser forget the session cookies, if `request` carries any.
pub(super) fn expire_cookies(auth: &Auth, request: &Request, response: &mut Response) {
    if SessionCookie::any(request.headers(), &auth.0.config) {
        for cookie in SessionCookie::expire_all(&auth.0.config) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

/// An access token that has expired is absent, if the browser is to keep it at all.
fn set_cookies(response: &mut Response, tokens: &Tokens, config: &Config) {
    let kept = |lifetime| tokens.remembered.then_some(lifetime);
    let (access, refresh) = (tokens.access_token.expose(), tokens.refresh_token.expose());
    for cookie in [
        SessionCookie::Access.set(access, kept(tokens.expires_in), config),
        SessionCookie::Refresh.set(refresh, kept(tokens.refresh_expires_in), config),
    ] {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The answer of every endpoint that issues tokens.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssuedSession))]
#[serde(untagged)]
pub(super) enum SessionBody<'a> {
    Body(TokenSession<'a>),
    Cookie(CookieSession<'a>),
}

/// A session whose tokens are in the body.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Session))]
pub(super) struct TokenSession<'a> {
    /// `signed_in`
    status: &'static str,
    access_token: &'a str,
    /// `Bearer`
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    refresh_token: &'a str,
    /// In seconds.
    refresh_expires_in: u64,
    user: &'a User,
}

/// A session whose tokens are cookies.
// Closed in the description, where it would else include the session whose tokens are in the body.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", serde(deny_unknown_fields))]
pub(super) struct CookieSession<'a> {
    /// `signed_in`
    status: &'static str,
    /// In seconds, for the access token.
    expires_in: u64,
    /// In seconds.
    refresh_expires_in: u64,
    user: &'a User,
}

impl<'a> SessionBody<'a> {
    pub(super) fn new(delivery: Delivery, tokens: &'a Tokens) -> Self {
        let (status, user) = ("signed_in", &tokens.user);
        let expires_in = tokens.expires_in.as_secs();
        let refresh_expires_in = tokens.refresh_expires_in.as_secs();
        match delivery {
            Delivery::Body => Self::Body(TokenSession {
                status,
                access_token: tokens.access_token.expose(),
                token_type: "Bearer",
                expires_in,
                refresh_token: tokens.refresh_token.expose(),
                refresh_expires_in,
                user,
            }),
            Delivery::Cookie => {
                Self::Cookie(CookieSession { status, expires_in, refresh_expires_in, user })
            }
        }
    }
}
