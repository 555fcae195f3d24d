//! Mounts [`auth_core`] in an actix-web application.
//!
//! This crate hands every request under a mount point to [`Auth::respond`], and lets the host's own
//! handlers ask who is calling. It decides nothing: what is answered, to whom and when is all in
//! [`auth_core`], which it re-exports, so that a host depends on this crate alone.
//!
//! It does not serve: listening, TLS, timeouts, shutdown and CORS of its own routes are the host's. Nor does it read a
//! header to learn a client's address: that is [`auth_core`]'s decision, from what actix-web knows of
//! the connection.
//!
//! # Getting started
//!
//! ```no_run
//! # async fn run(auth: auth_core::Auth) -> std::io::Result<()> {
//! use actix_web::{App, HttpServer, web};
//! use auth_actix::CurrentUser;
//!
//! async fn hello(CurrentUser(user): CurrentUser) -> String {
//!     format!("hello, {}", user.email)
//! }
//!
//! let app = move || {
//!     App::new()
//!         .route("/hello", web::get().to(hello))
//!         .configure(auth_actix::mount("/api/auth", auth.clone()))
//! };
//! HttpServer::new(app).h1_allow_half_closed(false).bind("127.0.0.1:8000")?.run().await
//! # }
//! ```
//!
//! Make [`Auth`] once, outside the factory: every worker then shares its connections and its limits.
//!
//! By default actix-web goes on with the request of a client that has gone away. Without half-closed
//! connections it breaks off, and a password that nobody waits for any more is not hashed.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, Bytes, Data, Payload, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, Route, dev};
pub use auth_core;
use auth_core::{Auth, Error, Peer, Role, User};

/// Mounts every endpoint of `auth` under `prefix`, and makes `auth` known to the extractors.
///
/// `prefix` is what [`Config::mount`](auth_core::Config::mount) says: links lead there.
///
/// Each is a resource of its own, so that the host's middleware and metrics see them apart.
/// Everything else under `prefix` is answered 404 by `auth`.
///
/// Apply it to the `App` itself: data that is set on a scope is invisible outside that scope.
pub fn mount(prefix: &str, auth: Auth) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let prefix = prefix.trim_end_matches('/').to_owned();
    move |config| {
        let scope = Auth::paths().into_iter().fold(web::scope(&prefix), |scope, path| {
            scope.route(path, endpoint(&prefix, path, &auth))
        });
        let scope = scope.default_service(endpoint(&prefix, Auth::UNMATCHED, &auth));
        config.app_data(Data::new(auth)).service(scope);
    }
}

/// Mounts the pages that help in development, at the root of the `App`.
///
/// They show every mail that was sent, if `auth` keeps them; otherwise they answer 404.
pub fn development_mount(auth: Auth) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        for path in Auth::development_paths() {
            config.route(path, endpoint("", path, &auth));
        }
    }
}

macro_rules! extractors {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $method:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $inner);

        impl FromRequest for $name {
            type Error = Rejection;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

            fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
                let auth = request.app_data::<Data<Auth>>().cloned();
                let (method, headers) = (method(request), headers(request));
                Box::pin(async move {
                    let auth = auth.ok_or_else(auth_core::Rejection::not_mounted)?;
                    let found = match method {
                        Ok(method) => auth.$method(&method, &headers).await,
                        Err(error) => Err(error),
                    };
                    found.map(Self).map_err(|error| Rejection(auth.reject(error)))
                })
            }
        }
    )+ };
}

extractors! {
    /// The signed-in user, as the database has it now; rejects the request if there is none.
    ///
    /// `Option<CurrentUser>` rejects nothing: it is `None` whenever nobody is authenticated, for
    /// whatever reason. See [`Auth::authenticate`].
    CurrentUser(User) = authenticate;
    /// What the access token says of its bearer; rejects the request if there is none.
    ///
    /// Asks no database, so it knows ids and no more. `Option<Identity>` rejects nothing. See
    /// [`Auth::identify`].
    Identity(auth_core::Identity) = identify;
    /// The user, if the sign-in is recent; rejects the request otherwise.
    ///
    /// For what a stolen session must not do. `Option<RecentSignIn>` rejects nothing. See
    /// [`Auth::authenticate_recent`].
    RecentSignIn(User) = authenticate_recent;
}

/// The signed-in user, if they have the role; rejects the request otherwise.
///
/// Costs one read, so that a role that was taken away counts no more at the next request.
/// `Option<RequireRole<R>>` rejects nothing. See [`Auth::authenticate_role`].
pub struct RequireRole<R> {
    /// The user, as the database has it now.
    pub user: User,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> RequireRole<R> {
    async fn of(
        auth: &Auth,
        method: &http::Method,
        headers: &http::HeaderMap,
    ) -> Result<Self, Error> {
        let user = auth.authenticate_role(method, headers, R::NAME).await?;
        Ok(Self { user, role: PhantomData })
    }
}

impl<R> Clone for RequireRole<R> {
    fn clone(&self) -> Self {
        Self { user: self.user.clone(), role: PhantomData }
    }
}

impl<R> fmt::Debug for RequireRole<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireRole").field("user", &self.user).finish()
    }
}

impl<R: Role> FromRequest for RequireRole<R> {
    type Error = Rejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let auth = request.app_data::<Data<Auth>>().cloned();
        let (method, headers) = (method(request), headers(request));
        Box::pin(async move {
            let auth = auth.ok_or_else(auth_core::Rejection::not_mounted)?;
            let found = match method {
                Ok(method) => Self::of(&auth, &method, &headers).await,
                Err(error) => Err(error),
            };
            found.map_err(|error| Rejection(auth.reject(error)))
        })
    }
}

/// An extractor's refusal, on its way out as a problem document.
#[derive(Debug)]
pub struct Rejection(pub auth_core::Rejection);

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Rejection {}

impl From<auth_core::Rejection> for Rejection {
    fn from(rejection: auth_core::Rejection) -> Self {
        Self(rejection)
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        status(self.0.status())
    }

    fn error_response(&self) -> HttpResponse {
        into_actix(self.0.response())
    }
}

fn endpoint(prefix: &str, path: &'static str, auth: &Auth) -> Route {
    let (mounted, auth) = (format!("{prefix}{path}"), auth.clone());
    web::route().to(move |request: HttpRequest, payload| {
        // actix-web matches decoded paths, so that `%6De` is `me`; elsewhere it is not.
        let literally = request.uri().path().ends_with(&mounted);
        respond(auth.clone(), if literally { path } else { Auth::UNMATCHED }, request, payload)
    })
}

async fn respond(
    auth: Auth,
    path: &'static str,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let body = if is_tunnel(&request) {
        Ok(Bytes::new())
    } else {
        auth.read_in_time(async {
            match payload.to_bytes_limited(auth.body_limit()).await {
                Ok(Ok(body)) => Ok(body),
                Ok(Err(_)) => Err(Error::UnreadableBody),
                Err(_) => Err(Error::PayloadTooLarge),
            }
        })
        .await
    };
    let request = body.and_then(|body| into_http(&request, body));
    into_actix(auth.respond(path, request).await)
}

/// Whether actix-web takes the rest of the connection for the body, so that reading it has no end.
fn is_tunnel(request: &HttpRequest) -> bool {
    let mut upgrades = request.headers().get_all(header::UPGRADE);
    request.method() == Method::CONNECT
        || upgrades.any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

// actix-web still speaks http 0.2, so everything crosses over as bytes.

fn into_http(request: &HttpRequest, body: Bytes) -> Result<auth_core::Request, Error> {
    let uri = request.uri().to_string().parse();
    let mut converted = auth_core::Request::new(body);
    *converted.method_mut() = method(request)?;
    *converted.uri_mut() = uri.map_err(|_| Error::Malformed("its URI".to_owned()))?;
    *converted.headers_mut() = headers(request);
    if let Some(address) = request.peer_addr() {
        converted.extensions_mut().insert(Peer(address.ip()));
    }
    Ok(converted)
}

fn method(request: &HttpRequest) -> Result<http::Method, Error> {
    request.method().as_str().parse().map_err(|_| Error::Malformed("its method".to_owned()))
}

fn headers(request: &HttpRequest) -> http::HeaderMap {
    let headers = request.headers().iter();
    headers
        .filter_map(|(name, value)| {
            let name = http::HeaderName::from_bytes(name.as_ref()).ok()?;
            Some((name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?))
        })
        .collect()
}

fn into_actix(response: auth_core::Response) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let mut builder = HttpResponse::build(status(parts.status));
    for (name, value) in &parts.headers {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
    builder.body(body)
}

fn status(status: http::StatusCode) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).expect("both versions of http take the same statuses")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_missing_auth_is_a_rejection() {
        let request = TestRequest::default().to_http_request();
        let extracting = CurrentUser::from_request(&request, &mut dev::Payload::None);
        let rejection = actix_web::rt::System::new().block_on(extracting).unwrap_err();
        assert_eq!(rejection.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn endless_bodies_are_not_read() {
        let request = TestRequest::default();
        assert!(is_tunnel(&request.method(Method::CONNECT).to_http_request()));
        for (upgrade, endless) in [("websocket", true), (" WebSocket", true), ("h2c", false)] {
            let request = TestRequest::default().append_header((header::UPGRADE, upgrade));
            assert_eq!(is_tunnel(&request.to_http_request()), endless, "{upgrade}");
        }
    }
}
