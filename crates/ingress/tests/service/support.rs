//! A real server on a free port, with a checker that obeys the picture. `wire` is its client, which
//! sends exactly the bytes it is given.

mod wire;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, App, Key, Limits, WhenUnavailable};
use crossbeam_channel::{Receiver, Sender, unbounded};
use ingress::{
    AdminConfig, Config, Handed, Ingress, ListenAddress, Metrics, Signal, Version, Workers,
};
use liveness::{
    Assessment, Bar, Check, CheckError, DecodeError, Demand, DetectError, Device, Face, Format,
    JudgedFace, Judgement, ModelProviders, ModelScore, PackIdentity, ProofError, Reason,
    ReasonCode, Rect, Report, Score, SecurityLevel, Severity, Size, Terms, Threshold, Timings,
    Turn, Verdict,
};
use tokio::sync::mpsc::UnboundedSender;

pub(crate) use wire::{Address, Answer, Part, Request, get, security_level, selfie, threshold};

/// The key of the caller `id`.
pub(crate) const KEY: &str = "the-key-of-the-caller";

/// The key of the caller `other`.
pub(crate) const OTHER_KEY: &str = "the-key-of-the-other";

/// Pictures that the checker obeys. None is valid base64.
pub(crate) const LIVE: &[u8] = b"\0live";
pub(crate) const SPOOF: &[u8] = b"\0spoof";
pub(crate) const NO_FACE: &[u8] = b"\0no face";
pub(crate) const SLOW: &[u8] = b"\0slow";
/// Takes CPU time until it is stopped.
pub(crate) const ENDLESS: &[u8] = b"\0endless";
/// Live; its header says that it takes [`COSTLY_BYTES`] of memory beside a worker's 96 MiB.
pub(crate) const COSTLY: &[u8] = b"\0costly";
pub(crate) const COSTLY_BYTES: u64 = 1 << 20;
pub(crate) const FAILING: &[u8] = b"\0failing";
pub(crate) const PANICKING: &[u8] = b"\0panicking";
/// Live, with a warning and a model's result.
pub(crate) const RICH: &[u8] = b"\0rich";

/// Checks as the picture says. A slow picture reports its start, and takes until the test releases
/// it, or until it is stopped.
struct Obedient {
    begun: Sender<()>,
    let_go: Receiver<()>,
}

impl Check for Obedient {
    fn demand(&self, selfie: &[u8]) -> Result<Demand, CheckError> {
        let is_costly = selfie == COSTLY;
        Ok(Demand {
            size: Size::new(95, 71),
            memory_bytes: if is_costly { (96 << 20) + COSTLY_BYTES } else { 0 },
            is_costly,
        })
    }

    fn check(
        &mut self,
        selfie: &[u8],
        terms: &Terms,
        stop: &dyn Fn() -> bool,
    ) -> Result<Report, CheckError> {
        let verdict = match selfie {
            LIVE | RICH | COSTLY => Verdict::Live,
            SPOOF => Verdict::Spoof,
            NO_FACE => Verdict::NotAssessed,
            SLOW => {
                self.begun.send(()).unwrap();
                while self.let_go.recv_timeout(Duration::from_millis(5)).is_err() {
                    if stop() {
                        return Err(CheckError::Stopped);
                    }
                }
                Verdict::Live
            }
            ENDLESS => {
                while !stop() {}
                return Err(CheckError::Stopped);
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
        let assessment = score.map(|score| {
            let score = Score::new(score).unwrap();
            Assessment { score, fused: score, models }
        });
        let judgement = Judgement { verdict, assessment, reasons, unchecked };
        let judgement = Arc::new(judgement);
        let own = terms.every_face.then(|| Arc::clone(&judgement));
        let faces = score.map(|_| JudgedFace { face, judgement: own });
        Ok(Report {
            judgement,
            threshold,
            level: terms.bar.level(),
            turn: Turn::None,
            format: Format::Jpeg,
            bytes: selfie.len(),
            picture: Size::new(95, 71),
            exif_orientation: 1,
            reduction: 1,
            faces: faces.into_iter().collect(),
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

/// A running server. Dropping it asks the server to end.
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
    /// With one worker and the app `id` / [`KEY`], which has no limits.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_app(|_| (), change)
    }

    /// The same with an app that `edit` changes.
    pub(crate) fn with_app(edit: impl FnOnce(&mut App), change: impl FnOnce(&mut Config)) -> Self {
        Self::with_admin(edit, change, &AdminConfig::default())
    }

    /// The same with metrics that may tell apps apart.
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
        // No load balancer needs time to notice the end.
        let mut config = Config { shutdown_delay_ms: 0, ..Config::default() };
        change(&mut config);
        let mut app = App::new("id", "", Limits::default(), &Key::take_over(KEY).unwrap()).unwrap();
        edit(&mut app);
        let mut store = accounts::open_in_memory().unwrap();
        store.create(&app).unwrap();
        let other_key = Key::take_over(OTHER_KEY).unwrap();
        store.create(&App::new("other", "", Limits::default(), &other_key).unwrap()).unwrap();
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
        let budget = Duration::from_millis(config.max_picture_cpu_ms);
        let workers = Workers::start(1, budget, move || {
            let (begun, let_go) = (say_begun.clone(), wait.clone());
            Ok::<_, std::convert::Infallible>(Obedient { begun, let_go })
        });
        let workers = workers.unwrap();
        let (signals, told) = tokio::sync::mpsc::unbounded_channel();
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let any = (std::net::Ipv4Addr::LOCALHOST, 0).into();
                let ingress = Ingress::bind(&any, config, &admin, Handed::default()).await.unwrap();
                let ip = |address| match address {
                    ListenAddress::Ip(address) => address,
                    other => panic!("{other}"),
                };
                let address = ip(ingress.local_address().unwrap());
                send.send((address, ingress.admin_address().unwrap().map(ip))).unwrap();
                ingress.serve(workers, its_accounts, its_metrics, version, told).await;
            });
        });
        let (address, admin) = receive.recv().unwrap();
        let (signals, thread) = (Some(signals), Some(thread));
        Self { address, accounts, metrics, begun, let_go, admin, signals, thread }
    }

    /// Waits until a slow picture is being checked.
    pub(crate) fn wait_until_begun(&self) {
        self.begun.recv_timeout(Duration::from_mins(1)).unwrap();
    }

    /// Releases a slow picture.
    pub(crate) fn let_go(&self) {
        self.let_go.send(()).unwrap();
    }

    /// Asks the server to end, and returns at once.
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.signals.take());
    }

    /// Sends a signal to the server.
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
