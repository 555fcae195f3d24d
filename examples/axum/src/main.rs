//! A server on axum with authentication and one page of its own.
//!
//! `cargo run -p example-axum` needs nothing else: it keeps its users in a SQLite file and shows the
//! mails it sends. `auth.toml` and `AUTH_*` variables change that.

use std::net::SocketAddr;
use std::time::Duration;

use auth_axum::CurrentUser;
use auth_axum::auth_core::settings::{Server, Settings, SettingsError};
use axum::{Router, routing::get};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), SettingsError> {
    let server = Settings::load()?.start().await?;
    let app = Router::new()
        .route("/hello", get(hello))
        .merge(auth_axum::mount(server.mount()))
        .merge(auth_axum::development_router())
        .with_state(server.auth());
    let listener = TcpListener::bind(server.listen()).await?;
    server.announce();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(server.drained()) => served?,
        () = out_of_patience(&server) => {}
    }
    server.stop().await;
    Ok(())
}

async fn hello(CurrentUser(user): CurrentUser) -> String {
    format!("hello, {}", user.email)
}

/// Returns when requests that are being answered have had their time: axum sets them no limit.
async fn out_of_patience(server: &Server) {
    server.drained().await;
    tokio::time::sleep(PATIENCE).await;
}

const PATIENCE: Duration = Duration::from_secs(10);
