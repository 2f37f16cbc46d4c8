//! `livegate serve`: load, listen, answer, stop.

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, App, Key, Limits, StoreError};
use anyhow::Context;
use ingress::{Ingress, Metrics, Version, Workers};
use liveness::Device;
use model_pack::Home;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::cli::{Place, Serve};
use crate::config::{Config, Layers, exposed_secrets};
use crate::engine::Engine;
use crate::host::Host;
use crate::keys::Unusable;
use crate::signals::Signals;
use crate::{core_files, setup, telemetry};

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
    let home = setup::home(place)?;
    let layers = Layers::load(&command.engine.settings, &command.flags())?;
    let mut config = layers.config()?;
    let telemetry = telemetry::start(&config.telemetry)?;
    core_files::refuse();
    let runtime = tokio::runtime::Runtime::new().context("the async runtime does not start")?;
    let signals = {
        let _inside = runtime.enter();
        Signals::listen(std::io::stdin().is_terminal()).context("signals cannot be listened to")?
    };
    let demo = command.demo.then(|| demo(command)).transpose()?;
    // Whoever starts a demo wants to see something.
    config.ingress.console |= demo.is_some();
    let accounts = start_accounts(&config, &layers, demo.as_ref(), &home)?;
    let sources = &command.engine.sources;
    setup::ensure(&home, place, config.device, config.pack.as_deref(), demo.is_some(), sources)?;
    let engine = Arc::new(Engine::load(place, &home, &config)?);
    let host = Host::own();
    let workers = sized(&mut config, &host, engine.device());
    if workers < engine.cards() {
        tracing::warn!(
            "there are {} cards (gpu.cards) and {workers} workers: some cards have nothing to do",
            engine.cards()
        );
    }
    config.ingress.max_connections = connections(config.ingress.max_connections);
    let shared = Arc::clone(&engine);
    let pool = Workers::start(workers, config.ingress.max_in_flight, move || {
        step_back();
        let pipeline = shared.pipeline();
        #[cfg(debug_assertions)]
        let pipeline = pipeline.map(crate::mortal::Mortal);
        pipeline
    })
    .with_context(|| format!("the pack `{}` does not serve", engine.pack().manifest.name))?;
    tracing::info!(
        workers,
        cores = host.cores.count,
        cores.from = host.cores.from,
        memory.mib = host.memory.as_ref().map(|memory| memory.bytes >> 20),
        memory.from = host.memory.as_ref().map(|memory| &*memory.from),
        max_bytes_in_flight = config.ingress.max_bytes_in_flight,
        "sized"
    );
    let version = engine.version();
    tracing::info!(
        pack = version.pack.name,
        pack.digest = %version.pack.digest,
        device = version.device,
        providers = serde_json::to_string(&version.models)?,
        workers,
        onnxruntime = version.onnxruntime,
        "ready"
    );
    let answered = runtime.block_on(answer(
        config,
        pool,
        Arc::clone(&accounts),
        version,
        signals,
        demo,
        &home,
    ));
    // Requests that are still held are given up with the runtime; then all that was answered is counted.
    drop(runtime);
    accounts.close();
    telemetry.finish();
    answered?;
    Ok(ExitCode::SUCCESS)
}

/// Has this thread, a worker's, wait for those that read requests and refuse them: at four times what two cores could
/// do, that took the 99th percentile of refusals from 6.1 to 4.7 ms, and nothing from the answers.
fn step_back() {
    /// Of 0 to 19; a thread of 4 gets two fifths of what one of 0 gets where both want to run.
    #[cfg(target_os = "linux")]
    const NICE: i32 = 4;
    // On Linux it is the thread's alone. A sandbox may forbid it; then it works all the same.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the worker keeps its priority");
    }
}

/// How many connections can be held, with as many open files as may be, and some left for everything else.
#[cfg(unix)]
fn connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// The admin listener's connections, the store, certificates, and what libraries open.
    const OTHERS: u64 = 192;
    let needed = wanted as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < needed) else { return wanted };
    let more = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = Rlimit { current: Some(more), ..limit };
    let files = if setrlimit(Resource::Nofile, raised).is_ok() { more } else { current };
    let possible = files.saturating_sub(OTHERS).max(files / 4) as usize;
    if possible < wanted {
        tracing::warn!(
            "{files} files may be open: {possible} connections are held, and not {wanted} \
             (ingress.max_connections); raise the limit (ulimit -n, LimitNOFILE=)"
        );
    }
    possible.min(wanted)
}

/// There is no such limit elsewhere.
#[cfg(not(unix))]
fn connections(wanted: usize) -> usize {
    wanted
}

/// How many workers there are, with what is held at most filled in: as configured, or as this host allows.
pub(crate) fn sized(config: &mut Config, host: &Host, device: Device) -> usize {
    let max_body_bytes = config.ingress.max_body_bytes;
    let bytes_in_flight = config.ingress.max_bytes_in_flight;
    let bytes_in_flight = bytes_in_flight.unwrap_or_else(|| host.bytes_in_flight(max_body_bytes));
    config.ingress.max_bytes_in_flight = Some(bytes_in_flight);
    let workers = config.workers.map(NonZeroUsize::get);
    let per_core = config.batching.workers_per_core(device);
    workers.unwrap_or_else(|| host.workers(per_core, bytes_in_flight as u64))
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
    version: Version,
    signals: Signals,
    demo: Option<Demo>,
    home: &Home,
) -> anyhow::Result<()> {
    let is_tls = config.ingress.tls.certificate.is_some();
    let is_admin_tls = config.admin.tls.certificate.is_some();
    let scheme = |is_tls| if is_tls { "https" } else { "http" };
    let ingress = Ingress::bind(config.listen, config.ingress, &config.admin).await?;
    // From here on, and so before anybody is told that it listens, a signal means a clean end.
    let signals = signals.go_by();
    let address = format!("{}://{}", scheme(is_tls), ingress.local_address()?);
    let admin = ingress.admin_address()?;
    let admin = admin.map(|address| format!("{}://{address}", scheme(is_admin_tls)));
    announce(&address, admin.as_deref(), demo.as_ref(), home)
        .context("standard output is closed")?;
    let metrics = Arc::new(Metrics::new(&version, config.admin.app_ids));
    ingress.serve(workers, accounts, metrics, version, signals).await;
    Ok(())
}

fn announce(
    address: &str,
    admin: Option<&str>,
    demo: Option<&Demo>,
    home: &Home,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {address}")?;
    if let Some(admin) = admin {
        writeln!(out, "health, metrics and the operator's page on {admin}")?;
    }
    if let Some(Demo { app_id, app_key }) = demo {
        writeln!(out, "credentials for this run: app_id {app_id}, app_key {}", app_key.reveal())?;
        // What follows the # is the browser's alone: it is in no request, and so in no log.
        let (id, key) = (percent_encoded(app_id), percent_encoded(app_key.reveal()));
        writeln!(out, "look at it: {address}/console#app_id={id}&app_key={key}")?;
        if let Some(portrait) = home.sample_portrait() {
            let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
            writeln!(
                out,
                "try it:\n  curl -X POST {address}/v0.2/liveness-verification \\\n    \
                 -H {} -H {} \\\n    -F {} -F threshold=0.5",
                quote(&format!("app_id: {app_id}")),
                quote(&format!("app_key: {}", app_key.reveal())),
                quote(&format!("selfie=@{}", portrait.display())),
            )?;
        }
    }
    out.flush()
}

/// `text` as a value of a query or a fragment.
fn percent_encoded(text: &str) -> PercentEncode<'_> {
    /// All but what RFC 3986 leaves as it is.
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}
