//! `livegate serve`: load, listen, answer, stop.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, App, Key, Limits, StoreError};
use anyhow::Context;
use ingress::{Ingress, Workers};
use model_pack::Home;

use crate::cli::{Place, Serve};
use crate::config::{Config, Layers, exposed_secrets};
use crate::engine::Engine;
use crate::keys::Unusable;
use crate::{core_files, setup};

/// Credentials made for one run.
struct Demo {
    app_id: String,
    app_key: Key,
}

pub(crate) fn run(command: &Serve, place: &Place) -> anyhow::Result<ExitCode> {
    #[cfg(target_os = "linux")]
    if command.end_with_parent {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // The parent closes it once it has opened what only root may open after the next line.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    }
    core_files::refuse();
    let home = setup::home(place)?;
    let layers = Layers::load(&command.engine.settings, &command.flags())?;
    let config = layers.config()?;
    let demo = command.demo.then(|| demo(command)).transpose()?;
    let accounts = start_accounts(&config, &layers, demo.as_ref(), &home)?;
    let sources = &command.engine.sources;
    setup::ensure(&home, place, config.device, config.pack.as_deref(), demo.is_some(), sources)?;
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
        device = %engine.device(),
        workers,
        onnxruntime = engine.runtime_build(),
        "ready"
    );
    let runtime = tokio::runtime::Runtime::new().context("the async runtime does not start")?;
    let answered = runtime.block_on(answer(config, pool, Arc::clone(&accounts), demo, &home));
    // Requests that are still held are given up with the runtime; then all that was answered is counted.
    drop(runtime);
    accounts.close();
    answered?;
    Ok(ExitCode::SUCCESS)
}

/// The demo's credentials: from the environment, where only this user can read them, or random.
fn demo(command: &Serve) -> anyhow::Result<Demo> {
    let given = std::env::var_os("LIVEGATE_DEMO_APP_KEY").filter(|key| !key.is_empty());
    let app_key = match given {
        None => Key::generate(),
        Some(key) => Key::take_over(&key.to_string_lossy())
            .map_err(|error| Unusable(format!("LIVEGATE_DEMO_APP_KEY: {error}")))?,
    };
    Ok(Demo { app_id: command.demo_app_id.clone(), app_key })
}

/// Opens the accounts, and says what an operator should know about them. A demo has its own, in memory.
fn start_accounts(
    config: &Config,
    layers: &Layers,
    demo: Option<&Demo>,
    home: &Home,
) -> anyhow::Result<Arc<Accounts>> {
    let place = config.accounts_in(home);
    let mut store =
        if demo.is_some() { accounts::open_in_memory()? } else { accounts::open(&place)? };
    for warning in exposed_secrets(layers, &place).into_iter().chain(store.warnings()) {
        tracing::warn!("{warning}");
    }
    if let Some(Demo { app_id, app_key }) = demo {
        let app = App::new(app_id, "demo", Limits::default(), app_key);
        store.create(&app.map_err(StoreError::from)?)?;
    }
    if store.apps()?.is_empty() {
        tracing::warn!("nobody may call yet: add an app with `livegate keys create`");
    }
    let deadline = Duration::from_millis(config.ingress.deadline_ms);
    Ok(Arc::new(Accounts::start(store, place.when_unavailable, deadline)?))
}

async fn answer(
    config: Config,
    workers: Workers,
    accounts: Arc<Accounts>,
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
    ingress.serve(workers, accounts, shutdown).await.context("the service ended")
}

fn announce(address: SocketAddr, demo: Option<&Demo>, home: &Home) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    if let Some(Demo { app_id, app_key }) = demo {
        writeln!(out, "credentials for this run: app_id {app_id}, app_key {}", app_key.reveal())?;
        if let Some(portrait) = home.sample_portrait() {
            let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
            writeln!(
                out,
                "try it:\n  curl -X POST http://{address}/v0.2/liveness-verification \\\n    \
                 -H {} -H {} \\\n    -F {} -F threshold=0.5",
                quote(&format!("app_id: {app_id}")),
                quote(&format!("app_key: {}", app_key.reveal())),
                quote(&format!("selfie=@{}", portrait.display())),
            )?;
        }
    }
    out.flush()
}

/// Comes when the process is asked to end.
#[cfg(unix)]
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
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
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
