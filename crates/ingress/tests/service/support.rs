//! A real server on a free port, with a checker that does as the picture says, and a client that
//! sends exactly the bytes it is given.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, App, Key, Limits, WhenUnavailable};
use crossbeam_channel::{Receiver, Sender, unbounded};
use ingress::{AdminConfig, Config, Ingress, Metrics, Signal, Version, Workers};
use liveness::{
    Bar, Check, CheckError, DecodeError, DetectError, Device, Face, Format, Judgement, ModelScore,
    PackIdentity, ProofError, Reason, ReasonCode, Rect, Report, Score, SecurityLevel, Severity,
    Size, Terms, Threshold, Timings, Turn, Verdict,
};

use tokio::sync::mpsc::UnboundedSender;

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
            models: Vec::new(),
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

/// An address that a server listens on.
#[derive(Clone, Copy)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl Address {
    pub(crate) fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub(crate) fn send(self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may refuse before everything is sent.
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream)
    }

    pub(crate) fn post(self, parts: &[Part<'_>]) -> Answer {
        self.send(&Request::form(parts).bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}

/// One part of a form: headers after its name, and its content.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a>(pub(crate) &'a str, pub(crate) &'a str, pub(crate) &'a [u8]);

/// A file part named `selfie`.
pub(crate) fn selfie(content: &[u8]) -> Part<'_> {
    Part("selfie", "; filename=\"a.jpg\"\r\nContent-Type: image/jpeg", content)
}

/// A text part named `threshold`.
pub(crate) fn threshold(text: &str) -> Part<'_> {
    Part("threshold", "", text.as_bytes())
}

/// A text part named `security_level`.
pub(crate) fn security_level(text: &str) -> Part<'_> {
    Part("security_level", "", text.as_bytes())
}

/// A request, put together line by line.
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(content_type: &str, body: &[u8]) -> Self {
        let headers = [("app_id", "id"), ("app_key", KEY), ("Content-Type", content_type)];
        Self {
            line: "POST /v0.2/liveness-verification HTTP/1.1".into(),
            headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            body: body.to_vec(),
        }
    }

    pub(crate) fn form(parts: &[Part<'_>]) -> Self {
        let mut body = Vec::new();
        for Part(name, rest, content) in parts {
            body.extend(
                format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n")
                    .bytes(),
            );
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--B--\r\n");
        Self::new("multipart/form-data; boundary=B", &body)
    }

    pub(crate) fn json(text: &str) -> Self {
        Self::new("application/json", text.as_bytes())
    }

    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| name != header);
        self
    }

    pub(crate) fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.into(), value.into()));
        self
    }

    /// To this path.
    pub(crate) fn to(self, path: &str) -> Self {
        self.line(&format!("POST {path} HTTP/1.1"))
    }

    pub(crate) fn line(mut self, line: &str) -> Self {
        self.line = line.into();
        self
    }

    /// Without a body and its length.
    pub(crate) fn head(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{}\r\nHost: localhost\r\n{}", self.line, headers.collect::<String>())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [self.head().as_bytes(), length.as_bytes(), &self.body].concat()
    }

    /// With the body in chunks of `size`.
    pub(crate) fn chunked(&self, size: usize) -> Vec<u8> {
        let mut bytes = format!("{}Transfer-Encoding: chunked\r\n\r\n", self.head()).into_bytes();
        for chunk in self.body.chunks(size) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads one answer, as long as its `Content-Length` says.
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut byte).expect("an answer comes");
            assert_eq!(
                read,
                1,
                "the connection was closed after {:?}",
                String::from_utf8_lossy(&head)
            );
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Self { status, headers, body: String::new() };
        let length = answer.header("content-length").expect("every answer has a length");
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let first = found.next();
        assert!(found.next().is_none(), "{name} is there once");
        first.map(|(_, value)| value.as_str())
    }

    /// The body with the request's name and its two times taken out.
    pub(crate) fn text(&self) -> String {
        let id = self.header("x-request-id").unwrap();
        let mut text = self.body.replace(id, "ID");
        for key in ["\"processed_at\":\"", "\"requested_at\":\""] {
            let start = text.find(key).unwrap() + key.len();
            text.replace_range(start..start + "2024-04-01 20:05:17".len(), "TIME");
        }
        text
    }

    /// Status and error code, as in `400 malformed_body`.
    pub(crate) fn refusal(&self) -> String {
        let code = self.body.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
        format!("{} {}", self.status, code.unwrap_or("without a code"))
    }
}
