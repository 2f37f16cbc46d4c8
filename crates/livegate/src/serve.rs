//! `livegate serve`: loads the models, listens, serves, shuts down.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, App, Key, Limits, StoreError};
use anyhow::{Context, anyhow};
use clap::Args;
use engine::config::{Config, Flag, Layers, exposed_secrets, help};
use engine::flags::EngineFlags;
use engine::signals::Signals;
use engine::terminal::print;
use engine::{Engine, Place, UsageError, core_files, exit, install};
use ingress::{Handed, Ingress, ListenAddress, Metrics, Tls, Workers};
use liveness::{COSTLY_BYTES, Device};
use model_pack::Home;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use tokio::runtime::{Builder, Runtime};

use crate::commit::commit;
use crate::host::Host;
use crate::known::{self, Known};
use crate::telemetry;

#[derive(Args)]
pub(crate) struct Serve {
    /// The key `listen`.
    #[arg(long, value_name = "ADDRESS", help = help("listen"))]
    pub listen: Option<ListenAddress>,
    /// The key `workers`.
    #[arg(long, value_name = "N", help = help("workers"))]
    pub workers: Option<NonZeroUsize>,
    /// Make credentials for this run, keep accounts in memory, and print a request to paste. The
    /// key is a random one, or that of the variable `LIVEGATE_DEMO_APP_KEY`.
    #[arg(long)]
    pub demo: bool,
    /// The demo's app id.
    #[arg(long, env = "LIVEGATE_DEMO_APP_ID", default_value = "demo", value_name = "ID")]
    pub demo_app_id: String,
    /// End when the process that started this one ends, however it does (Linux): for `bench`.
    #[arg(long, hide = true)]
    pub end_with_parent: bool,
    #[command(flatten)]
    pub engine: EngineFlags,
}

/// The app id and the key of one run.
type Demo<'a> = (&'a str, Key);

pub(crate) fn run(command: &Serve, place: &Place) -> anyhow::Result<u8> {
    #[cfg(target_os = "linux")]
    if command.end_with_parent {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // The parent closes standard input once it has opened this process's `/proc` files, which
        // only root may open after `core_files::refuse`.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    }
    let home = place.home()?;
    let layers = command.engine.model.layers([
        Flag::new("listen", command.listen.as_ref()),
        Flag::new("workers", command.workers.as_ref()),
    ])?;
    let mut config = layers.config()?;
    let handed = handed()?;
    let telemetry = telemetry::start(&config.telemetry)?;
    core_files::refuse();
    let host = Host::own();
    let runtime = async_runtime(host.async_threads())?;
    let signals = {
        let _inside = runtime.enter();
        let lines = telemetry.lines();
        Signals::listen(std::io::stdin().is_terminal(), move || lines.close())
            .context("signals cannot be listened to")?
    };
    let demo = command.demo.then(|| demo(command)).transpose()?;
    config.ingress.console |= demo.is_some();
    let accounts = start_accounts(&config, &layers, demo.as_ref(), &home)?;
    let sources = &command.engine.sources;
    install::ensure(place, &home, &config, demo.is_some(), sources)?;
    fit_memory(&mut config, &host);
    let engine = Arc::new(Engine::load(place, &home, &config)?);
    let workers = workers(&config, &host, engine.device());
    if workers < engine.cards() {
        tracing::warn!(
            "there are {} cards (gpu.cards) and {workers} workers: some cards have nothing to do",
            engine.cards()
        );
    }
    config.ingress.max_connections = connections(config.ingress.max_connections);
    let shared = Arc::clone(&engine);
    let budget = Duration::from_millis(config.ingress.max_picture_cpu_ms);
    let pool = Workers::start(workers, budget, move || {
        lower_priority();
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
        max_decoder_bytes = config.liveness.max_decoder_bytes,
        "sized"
    );
    let version = engine.version(commit());
    tracing::info!(
        pack = version.pack.name,
        pack.digest = %version.pack.digest,
        device = version.device,
        providers = serde_json::to_string(&version.models)?,
        workers,
        onnxruntime = version.onnxruntime,
        "ready"
    );
    let metrics = Metrics::new(&version, config.admin.app_ids);
    let metrics = Arc::new(metrics.with_log_lines_dropped(telemetry.lines().dropped()));
    let its_accounts = Arc::clone(&accounts);
    let served = runtime.block_on(async {
        let Config { listen, ingress, admin, .. } = &config;
        let ingress = Ingress::bind(listen, ingress.clone(), admin, handed).await?;
        // From here on a signal means a graceful shutdown. Callers hear of the address only after
        // this.
        let signals = signals.receive();
        print(&greeting(&ingress, &config, demo, &home)?)?;
        ingress.serve(pool, its_accounts, metrics, version, signals).await;
        anyhow::Ok(())
    });
    // The runtime drops requests that are still held. After it, every answered one is counted.
    drop(runtime);
    accounts.close();
    telemetry.finish();
    served?;
    Ok(exit::SUCCESS)
}

/// The sockets that systemd has handed over.
#[cfg(unix)]
fn handed() -> Result<Handed, UsageError> {
    crate::handover::take()
}

/// Other systems have none.
#[cfg(not(unix))]
fn handed() -> Result<Handed, UsageError> {
    Ok(Handed::default())
}

/// The polls after which a busy thread looks for what has arrived, and for what the workers have
/// done; tokio's default is 61. A poll may read a whole selfie.
const EVENT_INTERVAL: u32 = 8;

/// The threads that read, queue and answer.
fn async_runtime(threads: usize) -> anyhow::Result<Runtime> {
    let make = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).enable_all();
        builder.event_interval(EVENT_INTERVAL).global_queue_interval(EVENT_INTERVAL).build()
    };
    // tokio panics where the system does not start a thread.
    let built = std::panic::catch_unwind(make);
    built
        .map_err(|_| anyhow!("the system does not start another thread (ulimit -u, TasksMax=)"))
        .and_then(|built| Ok(built?))
        .context("the async runtime does not start")
}

/// Lowers this worker thread's priority, so that refusals are sent first (docs/DECISIONS.md).
fn lower_priority() {
    /// The nice value, 0 to 19. At 4, a busy thread gets two fifths of the time of one at 0.
    #[cfg(target_os = "linux")]
    const NICE: i32 = 4;
    // On Linux the value is the thread's own. A sandbox may forbid the call.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the worker keeps its priority");
    }
}

/// The number of connections that the limit of open files allows, after raising that limit.
#[cfg(unix)]
fn connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Open files beside connections: the admin listener, the store, certificates, libraries.
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

/// Other systems have no such limit.
#[cfg(not(unix))]
fn connections(wanted: usize) -> usize {
    wanted
}

/// Fills in `ingress.max_bytes_in_flight`, and lowers `liveness.max_decoder_bytes` to what can be
/// reserved of it beside one body. A picture that would wait in vain is refused at once.
pub(crate) fn fit_memory(config: &mut Config, host: &Host) {
    let max_body_bytes = config.ingress.max_body_bytes;
    let bytes = config.ingress.max_bytes_in_flight;
    let bytes = bytes.unwrap_or_else(|| host.bytes_in_flight(max_body_bytes));
    config.ingress.max_bytes_in_flight = Some(bytes);
    let most = (bytes.saturating_sub(max_body_bytes) as u64).max(COSTLY_BYTES);
    config.liveness.max_decoder_bytes = config.liveness.max_decoder_bytes.min(most);
}

/// The number of workers, configured or as this host allows.
pub(crate) fn workers(config: &Config, host: &Host, device: Device) -> usize {
    let bytes_in_flight = config.ingress.max_bytes_in_flight.unwrap_or_default();
    let workers = config.workers.map(NonZeroUsize::get);
    let per_core = config.batching.workers_per_core(device);
    workers.unwrap_or_else(|| host.workers(per_core, bytes_in_flight as u64))
}

/// The demo's credentials: the key from the environment, which only this user can read, or random.
fn demo(command: &Serve) -> anyhow::Result<Demo<'_>> {
    let given = std::env::var_os("LIVEGATE_DEMO_APP_KEY").filter(|key| !key.is_empty());
    let app_key = match given {
        None => Key::generate(),
        Some(key) => Key::take_over(&key.to_string_lossy())
            .map_err(|error| UsageError(format!("LIVEGATE_DEMO_APP_KEY: {error}")))?,
    };
    Ok((&command.demo_app_id, app_key))
}

/// Opens the accounts, and logs warnings about them. A demo has its own accounts, in memory.
fn start_accounts(
    config: &Config,
    layers: &Layers,
    demo: Option<&Demo<'_>>,
    home: &Home,
) -> anyhow::Result<Arc<Accounts>> {
    let place = config.accounts_in(home);
    let mut store =
        if demo.is_some() { accounts::open_in_memory()? } else { accounts::open(&place)? };
    for warning in exposed_secrets(layers, &place).into_iter().chain(store.warnings()) {
        tracing::warn!("{warning}");
    }
    if let Some((app_id, app_key)) = demo {
        let app = App::new(app_id, "demo", Limits::default(), app_key);
        store.create(&app.map_err(StoreError::from)?)?;
    }
    let is_empty = store.apps()?.is_empty();
    if demo.is_none() {
        store.give_id()?;
        if let Some(known) = known::other_store(&place, &mut *store)? {
            tell_of_other_store(&known, is_empty);
        }
        known::note(&place, &mut *store);
    }
    if is_empty {
        tracing::warn!("no app may call yet: add one with `livegate keys create`");
    }
    let deadline = Duration::from_millis(config.ingress.deadline_ms);
    Ok(Arc::new(Accounts::start(store, place.when_unavailable, deadline)?))
}

/// Logs that the store is not the one that this machine knew.
fn tell_of_other_store(known: &Known, is_empty: bool) {
    let Known { apps, seen_at, .. } = known;
    if is_empty {
        tracing::error!(
            apps_before = apps,
            seen_at,
            "the accounts store is empty, and not the one that this machine knew: every request \
             gets 401; restore it, or create its apps"
        );
    } else {
        tracing::warn!(
            apps_before = apps,
            seen_at,
            "the accounts store is not the one that this machine knew"
        );
    }
}

/// The lines that tell where the service listens, and how to try a demo.
fn greeting(
    ingress: &Ingress,
    config: &Config,
    demo: Option<Demo<'_>>,
    home: &Home,
) -> anyhow::Result<String> {
    let url = |address: ListenAddress, tls: &Tls| match &address {
        ListenAddress::Unix(_) => address.to_string(),
        _ if tls.certificate.is_some() => format!("https://{address}"),
        _ => format!("http://{address}"),
    };
    let address = url(ingress.local_address()?, &config.ingress.tls);
    let mut lines = vec![format!("listening on {address}")];
    lines.extend(ingress.admin_address()?.map(|address| {
        format!("health, metrics and the operator's page on {}", url(address, &config.admin.tls))
    }));
    if let Some(demo) = demo {
        lines.extend(invitation(&address, demo, home));
    }
    Ok(lines.join("\n"))
}

/// The credentials of a demo, and a request to paste.
fn invitation(address: &str, (app_id, app_key): Demo<'_>, home: &Home) -> Vec<String> {
    let app_key = app_key.reveal();
    // The browser sends no part behind the # in a request, so the key is in no log.
    let (id, key) = (percent_encoded(app_id), percent_encoded(app_key));
    let quote = |text: String| format!("'{}'", text.replace('\'', r"'\''"));
    let mut lines = vec![format!("credentials for this run: app_id {app_id}, app_key {app_key}")];
    let address = if let Some(path) = address.strip_prefix("unix:") {
        format!("--unix-socket {} http://localhost", quote(path.to_owned()))
    } else {
        lines.push(format!("look at it: {address}/console#app_id={id}&app_key={key}"));
        address.to_owned()
    };
    lines.extend(home.sample_portrait().map(|portrait| {
        format!(
            "try it:\n  curl -X POST {address}/v0.2/liveness-verification \\\n    \
             -H {} -H {} \\\n    -F {} -F threshold=0.5",
            quote(format!("app_id: {app_id}")),
            quote(format!("app_key: {app_key}")),
            quote(format!("selfie=@{}", portrait.display())),
        )
    }));
    lines
}

/// `text` as a value of a query or a fragment.
fn percent_encoded(text: &str) -> PercentEncode<'_> {
    /// All characters but the unreserved ones of RFC 3986.
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}
