//! Mounts [`auth_core`] in a poem application.
//!
//! This crate hands every request under a mount point to [`Auth::respond`], and lets the host's own
//! handlers ask who is calling. It decides nothing: what is answered, to whom and when is all in
//! [`auth_core`], which it re-exports, so that a host depends on this crate alone.
//!
//! It does not serve: listening, TLS, timeouts, shutdown and CORS of its own routes are the host's. Nor does it read a
//! header to learn a client's address: that is [`auth_core`]'s decision, from what poem knows of the
//! connection.
//!
//! # Getting started
//!
//! ```no_run
//! # async fn run(auth: auth_core::Auth) -> std::io::Result<()> {
//! use auth_poem::CurrentUser;
//! use poem::listener::TcpListener;
//! use poem::{EndpointExt, Route, Server, get, handler};
//!
//! #[handler]
//! async fn hello(CurrentUser(user): CurrentUser) -> String {
//!     format!("hello, {}", user.email)
//! }
//!
//! let app = Route::new().at("/hello", get(hello));
//! let app = auth_poem::mount(app, "/api/auth", &auth).data(auth);
//! Server::new(TcpListener::bind("127.0.0.1:8000")).run(app).await
//! # }
//! ```
//!
//! `data` is what makes [`Auth`] known to the extractors.

use std::fmt;
use std::marker::PhantomData;

pub use auth_core;
use auth_core::{Auth, Error, Peer, Role, User};
use poem::error::{ReadBodyError, ResponseError};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, FromRequest, Request, RequestBody, Response, Result, Route};

/// Adds every endpoint of `auth` under `prefix` to `route`.
///
/// `prefix` is what [`Config::mount`](auth_core::Config::mount) says: links lead there.
///
/// Each is a route of its own, so that the host's middleware and metrics see them apart. Everything
/// else under `prefix` is answered 404 by `auth`.
///
/// # Panics
///
/// If `route` has one of these routes already.
#[must_use]
pub fn mount(route: Route, prefix: &str, auth: &Auth) -> Route {
    let prefix = prefix.trim_end_matches('/');
    let rest = ["", "/*"].map(|path| (path, Auth::UNMATCHED));
    Auth::paths()
        .into_iter()
        .map(|path| (path, path))
        .chain(rest)
        .fold(route, |route, (at, path)| route.at(format!("{prefix}{at}"), endpoint(path, auth)))
}

/// Returns every endpoint of `auth`, ready to nest.
///
/// poem itself refuses paths under a nested route that are not UTF-8 once decoded. Prefer [`mount`],
/// in which `auth` answers them.
#[must_use]
pub fn route(auth: &Auth) -> Route {
    mount(Route::new(), "", auth)
}

/// Adds the pages that help in development to `route`, which is the host's root.
///
/// They show every mail that was sent, if `auth` keeps them; otherwise they answer 404.
#[must_use]
pub fn development_route(route: Route, auth: &Auth) -> Route {
    let paths = Auth::development_paths().into_iter();
    paths.fold(route, |route, path| route.at(path, endpoint(path, auth)))
}

macro_rules! extractors {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $method:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $inner);

        impl<'a> FromRequest<'a> for $name {
            async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
                let Some(auth) = request.data::<Auth>() else {
                    return Err(Rejection(auth_core::Rejection::not_mounted()).into());
                };
                let found = auth.$method(request.method(), request.headers()).await;
                Ok(Self(found.map_err(|error| Rejection(auth.reject(error)))?))
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
    async fn of(auth: &Auth, method: &Method, headers: &HeaderMap) -> Result<Self, Error> {
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

impl<'a, R: Role> FromRequest<'a> for RequireRole<R> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let Some(auth) = request.data::<Auth>() else {
            return Err(Rejection(auth_core::Rejection::not_mounted()).into());
        };
        let found = Self::of(auth, request.method(), request.headers()).await;
        Ok(found.map_err(|error| Rejection(auth.reject(error)))?)
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
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    fn as_response(&self) -> Response {
        into_poem(self.0.response())
    }
}

struct Mounted {
    path: &'static str,
    auth: Auth,
}

impl Endpoint for Mounted {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let peer = request.remote_addr().as_socket_addr().map(|address| Peer(address.ip()));
        let (parts, body) = request.into_parts();
        let reading = async {
            let read = body.into_bytes_limit(self.auth.body_limit()).await;
            read.map_err(|error| match error {
                ReadBodyError::PayloadTooLarge => Error::PayloadTooLarge,
                _ => Error::UnreadableBody,
            })
        };
        let request = self.auth.read_in_time(reading).await.map(|body| {
            let mut request = auth_core::Request::new(body);
            *request.method_mut() = parts.method;
            *request.uri_mut() = parts.uri;
            *request.headers_mut() = parts.headers;
            *request.extensions_mut() = parts.extensions;
            peer.map(|peer| request.extensions_mut().insert(peer));
            request
        });
        Ok(into_poem(self.auth.respond(self.path, request).await))
    }
}

fn endpoint(path: &'static str, auth: &Auth) -> Mounted {
    Mounted { path, auth: auth.clone() }
}

fn into_poem(response: auth_core::Response) -> Response {
    let (parts, body) = response.into_parts();
    let mut response = Response::builder().status(parts.status).body(body);
    *response.headers_mut() = parts.headers;
    response
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn a_missing_auth_is_a_rejection() {
        let request = Request::default();
        let mut body = RequestBody::default();
        let extracting = pin!(CurrentUser::from_request(&request, &mut body));
        let Poll::Ready(result) = extracting.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing to wait for");
        };
        assert_eq!(result.unwrap_err().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
