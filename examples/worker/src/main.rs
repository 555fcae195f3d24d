//! The courier without a server: delivers the mails that servers on the same database have left.
//!
//! It reads the settings that the servers read. Any number of them may run: each mail is claimed by
//! one.

use auth_core::settings::{Settings, SettingsError, stop_signal};

#[tokio::main]
async fn main() -> Result<(), SettingsError> {
    let server = Settings::load()?.require_smtp()?.start().await?;
    println!("Delivering mails until stopped.");
    stop_signal().await;
    server.stop().await;
    Ok(())
}
