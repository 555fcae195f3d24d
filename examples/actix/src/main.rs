//! A server on actix-web with authentication and one page of its own.
//!
//! `cargo run -p example-actix` needs nothing else: it keeps its users in a SQLite file and shows the
//! mails it sends. `auth.toml` and `AUTH_*` variables change that.

use std::time::Duration;

use actix_web::{App, HttpServer, web};
use auth_actix::CurrentUser;
use auth_actix::auth_core::settings::{Settings, SettingsError};

#[tokio::main]
async fn main() -> Result<(), SettingsError> {
    let server = Settings::load()?.start().await?;
    let (auth, mount) = (server.auth(), server.mount().to_owned());
    let app = move || {
        App::new()
            .route("/hello", web::get().to(hello))
            .configure(auth_actix::mount(&mount, auth.clone()))
            .configure(auth_actix::development_mount(auth.clone()))
    };
    let listening = HttpServer::new(app).h1_allow_half_closed(false).bind(server.listen())?;
    server.announce();
    listening.shutdown_signal(server.drained()).shutdown_timeout(PATIENCE.as_secs()).run().await?;
    server.stop().await;
    Ok(())
}

async fn hello(CurrentUser(user): CurrentUser) -> String {
    format!("hello, {}", user.email)
}

/// How long requests that are being answered may take once the server is asked to stop.
const PATIENCE: Duration = Duration::from_secs(10);
