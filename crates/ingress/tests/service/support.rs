//! A real server on a free port, with a checker that does as the picture says; `wire` is its client, which
//! sends exactly the bytes it is given.

mod wire;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, App, Key, Limits, WhenUnavailable};
use crossbeam_channel::{Receiver, Sender, unbounded};
use ingress::{AdminConfig, Config, Ingress, Metrics, Signal, Version, Workers};
use liveness::{
    Bar, Check, CheckError, DecodeError, DetectError, Device, Face, Format, Judgement,
    ModelProviders, ModelScore, PackIdentity, ProofError, Reason, ReasonCode, Rect, Report, Score,
    SecurityLevel, Severity, Size, Terms, Threshold, Timings, Turn, Verdict,
};
use tokio::sync::mpsc::UnboundedSender;

pub(crate) use wire::{Address, Answer, Part, Request, security_level, selfie, threshold};

/// The key of the caller `id`.
pub(crate) const KEY: &str = "the-key-of-the-caller";

/// Selfies that the checker obeys. None of them looks like text, so none is taken for base64.
pub(crate) const LIVE: &[u8] = b"\0live";
pub(crate) const SPOOF: &[u8] = b"\0spoof";
pub(crate) const NO_FACE: &[u8] = b"\0no face";
pub(crate) const SLOW: &[u8] = b"\0slow";
pub(crate) const FAILING: &[u8] = b"\0failing";
pub(crate) const PANICKING: &[u8] = b"\0panicking";
/// Live, and there is something to be said about it.
pub(crate) const RICH: &[u8] = b"\0rich";

/// Checks as the picture says. A slow one says that it has begun, and takes until it is let go.
struct Obedient {
    begun: Sender<()>,
    let_go: Receiver<()>,
}

impl Check for Obedient {
    fn check(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError> {
        let verdict = match selfie {
            LIVE | RICH => Verdict::Live,
            SPOOF => Verdict::Spoof,
            NO_FACE => Verdict::NotAssessed,
            SLOW => {
                self.begun.send(()).unwrap();
                self.let_go.recv_timeout(Duration::from_mins(1)).unwrap();
                Verdict::Live
            }
            FAILING => return Err(DetectError::Grid { expected: 4420, found: 1 }.into()),
            PANICKING => panic!("the picture said so"),
            _ => return Err(DecodeError::UnknownFormat.into()),
        };
        let score = match verdict {
            Verdict::Live => Some(0.876_543),
            Verdict::Spoof => Some(0.01),
            Verdict::NotAssessed => None,
        };
        let face = Face {
            rect: Rect::new(38.057_68, 4.082_44, 18.998_23, 25.0),
            confidence: 0.988_54,
            landmarks: None,
        };
        let threshold = match terms.bar {
            Bar::Threshold(threshold) => threshold,
            Bar::Level(SecurityLevel::Standard) => Threshold::default(),
            Bar::Level(level) => {
                return Err(CheckError::NoSuchLevel { level, pack: "obedient".into() });
            }
        };
        let (mut reasons, mut unchecked, mut models) = (Vec::new(), Vec::new(), Vec::new());
        if selfie == RICH {
            let code = ReasonCode::FaceCloseToBorder;
            let (severity, hint) = (Severity::Warn, code.hint());
            reasons.push(Reason { code, severity, measured: 0.05, limit: 0.11, hint });
            unchecked.push(ReasonCode::FaceAngleTooLarge);
            let live = Score::new(0.75).unwrap();
            let crop = Rect::new(12.0, 0.0, 51.0, 67.5);
            models.push(ModelScore { id: "fr_liveness".into(), live, crop_scale: 2.7, crop });
        }
        let judgement = Judgement {
            verdict,
            score: score.map(|score| Score::new(score).unwrap()),
            fused: None,
            reasons: reasons.clone(),
            unchecked: unchecked.clone(),
            models: models.clone(),
        };
        let is_judged = terms.every_face && score.is_some();
        let judgements = if is_judged { vec![judgement] } else { Vec::new() };
        Ok(Report {
            verdict,
            score: score.map(|score| Score::new(score).unwrap()),
            fused: None,
            threshold,
            level: terms.bar.level(),
            reasons,
            unchecked,
            turn: Turn::None,
            format: Format::Jpeg,
            bytes: selfie.len(),
            picture: Size::new(95, 71),
            exif_orientation: 1,
            reduction: 1,
            faces: if score.is_some() { vec![face] } else { Vec::new() },
            judgements,
            models,
            pack: Arc::new(obedient()),
            device: Device::Cpu,
            timings: Timings::default(),
        })
    }

    fn prove(&mut self) -> Result<(), ProofError> {
        Ok(())
    }
}

fn obedient() -> PackIdentity {
    PackIdentity { name: "obedient".into(), digest: liveness::Digest::of(b"") }
}

/// A running server; its end is asked for when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) metrics: Arc<Metrics>,
    begun: Receiver<()>,
    let_go: Sender<()>,
    pub(crate) admin: Option<SocketAddr>,
    signals: Option<UnboundedSender<Signal>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// With one worker and the caller `id` / [`KEY`], who may call without limit.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_app(|_| (), change)
    }

    /// The same with a caller who is changed by `edit`.
    pub(crate) fn with_app(edit: impl FnOnce(&mut App), change: impl FnOnce(&mut Config)) -> Self {
        Self::with_admin(edit, change, &AdminConfig::default())
    }

    /// The same with metrics that tell apps apart, or not.
    pub(crate) fn measured(
        edit: impl FnOnce(&mut App),
        change: impl FnOnce(&mut Config),
        tells_apps_apart: bool,
    ) -> Self {
        let admin = AdminConfig { app_ids: tells_apps_apart, ..AdminConfig::default() };
        Self::with_admin(edit, change, &admin)
    }

    /// The same with an admin listener.
    pub(crate) fn with_admin(
        edit: impl FnOnce(&mut App),
        change: impl FnOnce(&mut Config),
        admin: &AdminConfig,
    ) -> Self {
        let (admin, tells_apps_apart) = (admin.clone(), admin.app_ids);
        // Nothing here has a load balancer in front.
        let mut config = Config { shutdown_delay_ms: 0, ..Config::default() };
        change(&mut config);
        let mut app = App::new("id", "", Limits::default(), &Key::take_over(KEY).unwrap()).unwrap();
        edit(&mut app);
        let mut store = accounts::open_in_memory().unwrap();
        store.create(&app).unwrap();
        let deadline = Duration::from_millis(config.deadline_ms);
        let accounts = Accounts::start(store, WhenUnavailable::Refuse, deadline).unwrap();
        let accounts = Arc::new(accounts);
        let version = Version {
            version: "1.2.3".into(),
            commit: None,
            pack: obedient(),
            device: "cpu".into(),
            device_asked_for: "auto".into(),
            fallback: Some("there is no other".into()),
            models: vec![ModelProviders {
                id: "network".into(),
                providers: [("CUDAExecutionProvider", 30), ("CPUExecutionProvider", 2)]
                    .map(|(provider, nodes)| (provider.to_owned(), nodes))
                    .into(),
                elsewhere: Vec::new(),
            }],
            models_not_known: None,
            onnxruntime: "none".into(),
        };
        let metrics = Arc::new(Metrics::new(&version, tells_apps_apart));
        let (its_accounts, its_metrics) = (Arc::clone(&accounts), Arc::clone(&metrics));
        let (say_begun, begun) = unbounded();
        let (let_go, wait) = unbounded();
        let workers = Workers::start(1, config.max_in_flight, move || {
            let (begun, let_go) = (say_begun.clone(), wait.clone());
            Ok::<_, std::convert::Infallible>(Obedient { begun, let_go })
        });
        let workers = workers.unwrap();
        let (signals, told) = tokio::sync::mpsc::unbounded_channel();
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let any = (std::net::Ipv4Addr::LOCALHOST, 0).into();
                let ingress = Ingress::bind(any, config, &admin).await.unwrap();
                let address = ingress.local_address().unwrap();
                send.send((address, ingress.admin_address().unwrap())).unwrap();
                ingress.serve(workers, its_accounts, its_metrics, version, told).await;
            });
        });
        let (address, admin) = receive.recv().unwrap();
        let (signals, thread) = (Some(signals), Some(thread));
        Self { address, accounts, metrics, begun, let_go, admin, signals, thread }
    }

    /// Comes back when a slow picture is being checked.
    pub(crate) fn wait_until_begun(&self) {
        self.begun.recv_timeout(Duration::from_mins(1)).unwrap();
    }

    /// Lets a slow picture be finished.
    pub(crate) fn let_go(&self) {
        self.let_go.send(()).unwrap();
    }

    /// Asks the server to end; comes back at once.
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.signals.take());
    }

    /// Tells the server something.
    pub(crate) fn tell(&self, signal: Signal) {
        self.signals.as_ref().unwrap().send(signal).unwrap();
    }

    /// Waits for the server's end.
    pub(crate) fn wait(mut self) {
        self.ask_to_end();
        self.thread.take().unwrap().join().unwrap();
    }

    pub(crate) fn connect(&self) -> TcpStream {
        Address(self.address).connect()
    }

    /// Sends `bytes` and reads the answer.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        Address(self.address).send(bytes)
    }

    /// Sends a form with the right credentials.
    pub(crate) fn post(&self, parts: &[Part<'_>]) -> Answer {
        Address(self.address).post(parts)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}
