//! The server on axum, with its metrics for Prometheus.
//!
//! `cargo run -p example-metrics`, and then `curl http://127.0.0.1:9100/metrics`. They are shown on a
//! port of their own, which only the machine itself can reach: they tell how the service is used.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use auth_axum::auth_core::settings::{Settings, SettingsError};
use axum::{Router, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), SettingsError> {
    // Before the service is built, so that its metrics are described.
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
        .and_then(|builder| builder.install_recorder())
        .expect("the buckets are not empty, and nothing else records");
    let server = Settings::load()?.start().await?;
    let app = Router::new()
        .merge(auth_axum::mount(server.mount()))
        .merge(auth_axum::development_router())
        .with_state(server.auth());
    let listener = TcpListener::bind(server.listen()).await?;
    tokio::spawn(keep(metrics.clone()));
    tokio::spawn(show(metrics, TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await?));
    server.announce();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(server.drained()).await?;
    server.stop().await;
    Ok(())
}

/// Answers `GET /metrics`.
async fn show(metrics: PrometheusHandle, listener: TcpListener) -> std::io::Result<()> {
    let app = Router::new().route("/metrics", get(async move || metrics.render()));
    axum::serve(listener, app).await
}

/// Sorts what was measured into its buckets, though nobody asks for it.
async fn keep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
const PORT: u16 = 9100;
