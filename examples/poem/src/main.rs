//! A server on poem with authentication and one page of its own.
//!
//! `cargo run -p example-poem` needs nothing else: it keeps its users in a SQLite file and shows the
//! mails it sends. `auth.toml` and `AUTH_*` variables change that.

use std::time::Duration;

use auth_poem::CurrentUser;
use auth_poem::auth_core::settings::{Settings, SettingsError};
use poem::listener::{Listener, TcpListener};
use poem::{EndpointExt, Route, Server, get, handler};

#[tokio::main]
async fn main() -> Result<(), SettingsError> {
    let server = Settings::load()?.start().await?;
    let auth = server.auth();
    let app = Route::new().at("/hello", get(hello));
    let app = auth_poem::mount(app, server.mount(), &auth);
    let app = auth_poem::development_route(app, &auth).data(auth);
    let acceptor = TcpListener::bind(server.listen()).into_acceptor().await?;
    server.announce();
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, server.drained(), Some(PATIENCE))
        .await?;
    server.stop().await;
    Ok(())
}

#[handler]
async fn hello(CurrentUser(user): CurrentUser) -> String {
    format!("hello, {}", user.email)
}

/// How long requests that are being answered may take once the server is asked to stop.
const PATIENCE: Duration = Duration::from_secs(10);
