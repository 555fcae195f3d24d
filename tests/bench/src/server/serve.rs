//! This program as a server: the service, or the least possible one, on each framework.

use std::env;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use async_trait::async_trait;
use auth_bench::{Adapter, Backend, FLOOR, MOUNT, Result};
use auth_core::settings::Settings;
use auth_core::{Auth, Email, Mailer, MailerError};

use crate::floor::Floor;

/// Serves what the arguments say until the process is ended; tells its port on standard output.
pub(crate) async fn serve(what: &str) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    match what.strip_prefix(FLOOR) {
        Some(adapter) => {
            let backend = Backend::named(&env::var("FLOOR_BACKEND")?)?;
            let floor = Floor::open(&env::var("FLOOR_DATABASE_URL")?, backend).await?;
            announce(port)?;
            match Adapter::named(adapter)? {
                Adapter::Actix => floor_on_actix(floor, listener).await,
                Adapter::Axum => floor_on_axum(floor, listener).await,
                Adapter::Poem => floor_on_poem(floor, listener).await,
            }
        }
        None => {
            // It delivers mails to nobody, as fast as a mail server could take them.
            let server = Settings::load()?.start_with(|builder| builder.mailer(Nobody)).await?;
            let auth = server.auth();
            announce(port)?;
            match Adapter::named(what)? {
                Adapter::Actix => on_actix(auth, listener).await,
                Adapter::Axum => on_axum(auth, listener).await,
                Adapter::Poem => on_poem(auth, listener).await,
            }
        }
    }
}

fn announce(port: u16) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{port}")
}

async fn on_axum(auth: Auth, listener: TcpListener) -> Result<()> {
    use auth_axum::{CurrentUser, Identity};
    use axum::Router;
    use axum::routing::get;

    let app = Router::new()
        .route("/identity", get(async |Identity(it): Identity| it.user_id.to_string()))
        .route("/user", get(async |CurrentUser(user): CurrentUser| user.email))
        .merge(auth_axum::mount(MOUNT))
        .with_state(auth);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?)
}

async fn on_actix(auth: Auth, listener: TcpListener) -> Result<()> {
    use actix_web::{App, HttpServer, web};
    use auth_actix::{CurrentUser, Identity};

    let app = move || {
        App::new()
            .route("/identity", web::get().to(async |it: Identity| it.0.user_id.to_string()))
            .route("/user", web::get().to(async |user: CurrentUser| user.0.email))
            .configure(auth_actix::mount(MOUNT, auth.clone()))
    };
    Ok(HttpServer::new(app).h1_allow_half_closed(false).listen(listener)?.run().await?)
}

async fn on_poem(auth: Auth, listener: TcpListener) -> Result<()> {
    use auth_poem::{CurrentUser, Identity};
    use poem::listener::TcpAcceptor;
    use poem::{EndpointExt, Route, Server, get, handler};

    #[handler]
    async fn identity(Identity(it): Identity) -> String {
        it.user_id.to_string()
    }
    #[handler]
    async fn user(CurrentUser(user): CurrentUser) -> String {
        user.email
    }

    let app = Route::new().at("/identity", get(identity)).at("/user", get(user));
    let app = auth_poem::mount(app, MOUNT, &auth).data(auth);
    Ok(Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(app).await?)
}

async fn floor_on_axum(floor: Floor, listener: TcpListener) -> Result<()> {
    use axum::Router;
    use axum::extract::State;
    use axum::http::HeaderMap;
    use axum::routing::{get, post};

    fn key(headers: &HeaderMap) -> &str {
        headers.get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default()
    }
    type Floors = State<Floor>;
    let app = Router::new()
        .route("/", get(async || GREETING))
        .route("/row", get(async |State(it): Floors, at: HeaderMap| it.row(key(&at)).await))
        .route("/update", post(async |State(it): Floors, at: HeaderMap| it.update(key(&at)).await))
        .route("/hash", post(async |State(it): Floors, at: HeaderMap| it.hash(key(&at)).await))
        .with_state(floor);
    Ok(axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?)
}

async fn floor_on_actix(floor: Floor, listener: TcpListener) -> Result<()> {
    use actix_web::web::Data;
    use actix_web::{App, HttpRequest, HttpServer, web};

    fn key(request: &HttpRequest) -> &str {
        request.headers().get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default()
    }
    async fn row(it: Data<Floor>, at: HttpRequest) -> String {
        it.row(key(&at)).await
    }
    async fn update(it: Data<Floor>, at: HttpRequest) -> String {
        it.update(key(&at)).await
    }
    async fn hash(it: Data<Floor>, at: HttpRequest) -> String {
        it.hash(key(&at)).await
    }
    let app = move || {
        App::new()
            .app_data(Data::new(floor.clone()))
            .route("/", web::get().to(async || GREETING))
            .route("/row", web::get().to(row))
            .route("/update", web::post().to(update))
            .route("/hash", web::post().to(hash))
    };
    Ok(HttpServer::new(app).h1_allow_half_closed(false).listen(listener)?.run().await?)
}

async fn floor_on_poem(floor: Floor, listener: TcpListener) -> Result<()> {
    use poem::http::HeaderMap;
    use poem::listener::TcpAcceptor;
    use poem::web::Data;
    use poem::{EndpointExt, Route, Server, get, handler, post};

    fn key(headers: &HeaderMap) -> &str {
        headers.get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default()
    }
    #[handler]
    async fn greet() -> &'static str {
        GREETING
    }
    #[handler]
    async fn row(it: Data<&Floor>, at: &HeaderMap) -> String {
        it.row(key(at)).await
    }
    #[handler]
    async fn update(it: Data<&Floor>, at: &HeaderMap) -> String {
        it.update(key(at)).await
    }
    #[handler]
    async fn hash(it: Data<&Floor>, at: &HeaderMap) -> String {
        it.hash(key(at)).await
    }
    let app = Route::new()
        .at("/", get(greet))
        .at("/row", get(row))
        .at("/update", post(update))
        .at("/hash", post(hash))
        .data(floor);
    Ok(Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(app).await?)
}

/// A mail server without an end of the line.
struct Nobody;

#[async_trait]
impl Mailer for Nobody {
    async fn send(&self, _: Email) -> std::result::Result<(), MailerError> {
        Ok(())
    }
}

/// The header that tells the least possible server the key of the row.
const KEY: &str = "authorization";
/// As long as a user's id.
const GREETING: &str = "01a202ef-9d81-707e-9816-ced60efa7033";
