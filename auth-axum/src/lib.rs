//! Mounts [`auth_core`] in an axum application.
//!
//! This crate hands every request under a mount point to [`Auth::respond`], and lets the host's own
//! handlers ask who is calling. It decides nothing: what is answered, to whom and when is all in
//! [`auth_core`], which it re-exports, so that a host depends on this crate alone.
//!
//! It does not serve: listening, TLS, timeouts, shutdown and CORS of its own routes are the host's. Nor does it read a
//! header to learn a client's address: that is [`auth_core`]'s decision, from what axum knows of the
//! connection, which takes [`into_make_service_with_connect_info`].
//!
//! # Getting started
//!
//! ```no_run
//! # async fn run(auth: auth_core::Auth) -> std::io::Result<()> {
//! use std::net::SocketAddr;
//!
//! use auth_axum::CurrentUser;
//! use axum::{Router, routing::get};
//! use tokio::net::TcpListener;
//!
//! async fn hello(CurrentUser(user): CurrentUser) -> String {
//!     format!("hello, {}", user.email)
//! }
//!
//! let app = Router::new()
//!     .route("/hello", get(hello))
//!     .merge(auth_axum::mount("/api/auth"))
//!     .with_state(auth);
//! let listener = TcpListener::bind("127.0.0.1:8000").await?;
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
//! # }
//! ```
//!
//! # A state, and pages, of one's own
//!
//! A host with a state of its own keeps [`Auth`] in it and implements [`FromRef`]. An extractor in a `Result`
//! rejects nothing, and leaves what is answered to the handler:
//!
//! ```
//! use auth_axum::{CurrentUser, Rejection, auth_core::Auth};
//! use axum::extract::FromRef;
//! use axum::response::{Html, IntoResponse, Response};
//! use axum::{Router, routing::get};
//!
//! #[derive(Clone)]
//! struct Shop {
//!     auth: Auth,
//! }
//!
//! impl FromRef<Shop> for Auth {
//!     fn from_ref(shop: &Shop) -> Self {
//!         shop.auth.clone()
//!     }
//! }
//!
//! async fn orders(user: Result<CurrentUser, Rejection>) -> Response {
//!     match user {
//!         Ok(CurrentUser(user)) => format!("the orders of {}", user.email).into_response(),
//!         Err(rejection) => {
//!             let page = Html("<a href=\"/api/auth/account\">Sign in</a>");
//!             (rejection.0.status(), page).into_response()
//!         }
//!     }
//! }
//!
//! # fn app(auth: Auth) -> Router {
//! Router::new()
//!     .route("/orders", get(orders))
//!     .merge(auth_axum::mount("/api/auth"))
//!     .with_state(Shop { auth })
//! # }
//! ```
//!
//! [`into_make_service_with_connect_info`]: Router::into_make_service_with_connect_info

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;

pub use auth_core;
use auth_core::{Auth, Error, Peer, Role, User};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};

/// Returns every endpoint of [`Auth`] under `prefix`, ready to merge.
///
/// `prefix` is what [`Config::mount`](auth_core::Config::mount) says: links lead there.
///
/// Each is a route of its own, so that the host's middleware and metrics see them apart. Everything
/// else under `prefix` is answered 404 by [`Auth`].
///
/// # Panics
///
/// If `prefix` does not start with `/`, or is just that, or has a part that captures.
pub fn mount<S>(prefix: &str) -> Router<S>
where
    Auth: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    let prefix = prefix.trim_end_matches('/');
    Router::new().nest(prefix, router()).route(&format!("{prefix}/"), endpoint(Auth::UNMATCHED))
}

/// Returns every endpoint of [`Auth`], ready to nest.
///
/// axum gives `/prefix/` to no router that is nested at `/prefix`: there the host answers. Prefer
/// [`mount`], in which [`Auth`] does.
pub fn router<S>() -> Router<S>
where
    Auth: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    let rest = ["/", "/{*rest}"].map(|path| (path, Auth::UNMATCHED));
    Auth::paths()
        .into_iter()
        .map(|path| (path, path))
        .chain(rest)
        .fold(Router::new(), |router, (route, path)| router.route(route, endpoint(path)))
}

/// Returns the pages that help in development, ready to merge at the root.
///
/// They show every mail that was sent, if [`Auth`] keeps them; otherwise they answer 404.
pub fn development_router<S>() -> Router<S>
where
    Auth: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    let paths = Auth::development_paths().into_iter();
    paths.fold(Router::new(), |router, path| router.route(path, endpoint(path)))
}

macro_rules! extractors {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $method:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $inner);

        impl<S> FromRequestParts<S> for $name
        where
            Auth: FromRef<S>,
            S: Send + Sync,
        {
            type Rejection = Rejection;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
                let auth = Auth::from_ref(state);
                let found = auth.$method(&parts.method, &parts.headers).await;
                found.map(Self).map_err(|error| Rejection(auth.reject(error)))
            }
        }

        impl<S> OptionalFromRequestParts<S> for $name
        where
            Auth: FromRef<S>,
            S: Send + Sync,
        {
            type Rejection = Infallible;

            async fn from_request_parts(
                parts: &mut Parts,
                state: &S,
            ) -> Result<Option<Self>, Infallible> {
                let auth = Auth::from_ref(state);
                Ok(auth.$method(&parts.method, &parts.headers).await.ok().map(Self))
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

impl<R, S> FromRequestParts<S> for RequireRole<R>
where
    R: Role,
    Auth: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let auth = Auth::from_ref(state);
        let found = Self::of(&auth, &parts.method, &parts.headers).await;
        found.map_err(|error| Rejection(auth.reject(error)))
    }
}

impl<R, S> OptionalFromRequestParts<S> for RequireRole<R>
where
    R: Role,
    Auth: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&Auth::from_ref(state), &parts.method, &parts.headers).await.ok())
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

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.response().map(Body::from)
    }
}

fn endpoint<S>(path: &'static str) -> MethodRouter<S>
where
    Auth: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    any(move |State(auth): State<Auth>, request| respond(auth, path, request))
}

async fn respond(auth: Auth, path: &'static str, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(&ConnectInfo(address)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        parts.extensions.insert(Peer(address.ip()));
    }
    let body = auth.read_in_time(read(body, auth.body_limit())).await;
    let request = body.map(|body| auth_core::Request::from_parts(parts, body));
    auth.respond(path, request).await.map(Body::from)
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| Error::UnreadableBody)?.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Error::PayloadTooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}
