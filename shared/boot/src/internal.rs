//! Health, readiness and metrics, on a port that no client reaches.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use metrics_exporter_prometheus::PrometheusHandle;

/// Longer than this, and a dependency counts as gone.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Something the program can't be useful without.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    ask: Arc<dyn Fn() -> Answer + Send + Sync>,
}

impl Check {
    /// A check that `ask` answers with whether the dependency is there.
    pub fn new<F, Fut>(name: &'static str, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self { name, ask: Arc::new(move || Box::pin(ask())) }
    }
}

/// The listening server.
#[derive(Debug)]
pub struct Internal {
    /// Where it listens, with the real port where 0 was asked for.
    pub address: SocketAddr,
    handle: ServerHandle,
}

impl Internal {
    /// Stops listening.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// Listens on `address`. `checks` decide `/readyz`; `metrics` is what `/metrics` shows.
pub fn serve(address: SocketAddr, checks: Vec<Check>, metrics: PrometheusHandle) -> io::Result<Internal> {
    let checks = Data::new(checks);
    let metrics = Data::new(metrics);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(checks.clone())
            .app_data(metrics.clone())
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(show_metrics))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .bind(address)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    let running = server.run();
    let handle = running.handle();
    tokio::spawn(async move {
        if let Err(error) = running.await {
            tracing::error!(error = %error, "the internal port broke");
        }
    });
    Ok(Internal { address: bound, handle })
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

async fn readyz(checks: Data<Vec<Check>>) -> HttpResponse {
    let mut states = BTreeMap::new();
    for check in checks.iter() {
        let is_there = tokio::time::timeout(CHECK_WITHIN, (check.ask)()).await.unwrap_or(false);
        states.insert(check.name, if is_there { "ok" } else { "away" });
    }
    let is_ready = states.values().all(|state| *state == "ok");
    let mut answer = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(serde_json::json!({ "status": if is_ready { "ok" } else { "not_ready" }, "checks": states }))
}

async fn show_metrics(metrics: Data<PrometheusHandle>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(metrics.render())
}
