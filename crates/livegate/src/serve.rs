//! `livegate serve`: load, listen, answer, stop.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use ingress::{Credential, Ingress, KeyDigest, Workers};
use model_pack::Home;

use crate::cli::{Place, Serve};
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::setup;

/// Credentials made for one run.
struct Demo {
    app_id: String,
    app_key: String,
}

pub(crate) fn run(command: &Serve, place: &Place) -> anyhow::Result<ExitCode> {
    let home = setup::home(place)?;
    let mut config = Config::load(&command.engine)?;
    config.listen = command.listen.unwrap_or(config.listen);
    config.workers = command.workers.or(config.workers);
    let demo = command.demo.then(|| Demo {
        app_id: command.demo_app_id.clone(),
        app_key: command
            .demo_app_key
            .clone()
            .filter(|key| !key.is_empty())
            .unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string()),
    });
    if let Some(Demo { app_id, app_key }) = &demo {
        let app_key_sha256 = KeyDigest::of(app_key);
        config.ingress.credentials.push(Credential { app_id: app_id.clone(), app_key_sha256 });
        config.ingress.validate().map_err(ConfigError::from)?;
    }
    if config.ingress.credentials.is_empty() {
        return Err(ConfigError::NoCredentials.into());
    }
    let sources = &command.engine.sources;
    setup::ensure(&home, place, config.pack.as_deref(), demo.is_some(), sources)?;
    let engine = Arc::new(Engine::load(place, &home, &config)?);
    // One per core of those that the container may use.
    let workers = config.workers.or_else(|| std::thread::available_parallelism().ok());
    let workers = workers.map_or(1, NonZeroUsize::get);
    let shared = Arc::clone(&engine);
    let pool = Workers::start(workers, config.ingress.max_in_flight, move || shared.pipeline())
        .with_context(|| format!("the pack `{}` does not serve", engine.pack().manifest.name))?;
    tracing::info!(
        pack = engine.pack().manifest.name,
        pack.digest = %engine.pack().digest,
        device = %config.device,
        workers,
        onnxruntime = engine.runtime_build(),
        "ready"
    );
    let runtime = tokio::runtime::Runtime::new().context("the async runtime does not start")?;
    runtime.block_on(answer(config, pool, demo, &home))?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(
    config: Config,
    workers: Workers,
    demo: Option<Demo>,
    home: &Home,
) -> anyhow::Result<()> {
    // From here on a signal means a clean end.
    let shutdown = shutdown_signal().context("signals cannot be listened to")?;
    let ingress = Ingress::bind(config.listen, config.ingress)
        .await
        .with_context(|| format!("{} cannot be listened on", config.listen))?;
    let address = ingress.local_address()?;
    announce(address, demo.as_ref(), home).context("standard output is closed")?;
    ingress.serve(workers, shutdown).await.context("the service ended")
}

fn announce(address: SocketAddr, demo: Option<&Demo>, home: &Home) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    if let Some(Demo { app_id, app_key }) = demo {
        writeln!(out, "credentials for this run: app_id {app_id}, app_key {app_key}")?;
        if let Some(portrait) = home.sample_portrait() {
            let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
            writeln!(
                out,
                "try it:\n  curl -X POST http://{address}/v0.2/liveness-verification \\\n    \
                 -H {} -H {} \\\n    -F {} -F threshold=0.5",
                quote(&format!("app_id: {app_id}")),
                quote(&format!("app_key: {app_key}")),
                quote(&format!("selfie=@{}", portrait.display())),
            )?;
        }
    }
    out.flush()
}

/// Comes when the process is asked to end.
#[cfg(unix)]
fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Comes when the process is asked to end.
#[cfg(not(unix))]
fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
