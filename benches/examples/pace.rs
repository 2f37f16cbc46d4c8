//! Sends one picture many times, at a rate or from concurrent callers, and prints the outcomes as
//! JSON.
//!
//! ```text
//! pace URL --rate 900 --seconds 60      requests are sent when they are due, at the events of a
//!                                       Poisson process, also while earlier ones have no answer;
//!                                       a time counts from the moment when the request was due
//! pace URL --at-once 16 --seconds 10    each caller sends its next request when it has an answer
//! ```
//!
//! `APP_ID` and `APP_KEY` are the caller's credentials. `--size 640x480` is the size of the
//! picture, which is made of the testbed's portrait. A request that could not connect is `refused`,
//! and one whose connection ended before the answer is `cut`.

#![expect(clippy::unwrap_used, reason = "a measuring tool may end where it cannot measure")]
#![expect(clippy::print_stdout, reason = "this is where it answers")]

#[path = "../pictures.rs"]
#[expect(dead_code, reason = "of it, one picture is needed")]
mod pictures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

const BOUNDARY: &str = "livegate-7MA4YWxk";
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    app_id: String,
    app_key: String,
    body: Bytes,
    outcomes: Mutex<BTreeMap<String, Vec<f64>>>,
}

impl Caller {
    async fn ask(&self, due: Instant) {
        let request = Request::post(&self.url)
            .header("app_id", &self.app_id)
            .header("app_key", &self.app_key)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(Full::new(self.body.clone()))
            .unwrap();
        let answer = async {
            let answer = match self.client.request(request).await {
                Ok(answer) => answer,
                Err(error) if error.is_connect() => return "refused".to_owned(),
                Err(_) => return "cut".to_owned(),
            };
            let status = answer.status().as_str().to_owned();
            if answer.into_body().collect().await.is_ok() { status } else { "cut".to_owned() }
        };
        let outcome = tokio::time::timeout(PATIENCE, answer).await;
        let outcome = outcome.unwrap_or_else(|_| "no answer".to_owned());
        let took_ms = due.elapsed().as_secs_f64() * 1e3;
        self.outcomes.lock().await.entry(outcome).or_default().push(took_ms);
    }
}

fn form(picture: &[u8]) -> Bytes {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"selfie\"; filename=\"a.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n"
    );
    [head.as_bytes(), picture, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat().into()
}

/// The word after `name` on the command line.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != name).nth(1)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).expect("the first word is a URL");
    let seconds: f64 = option("--seconds").expect("--seconds N").parse().unwrap();
    let size = option("--size").unwrap_or_else(|| "640x480".to_owned());
    let (width, height) = size.split_once('x').unwrap();
    let size = frame::Size::new(width.parse().unwrap(), height.parse().unwrap());
    let variable = |name| {
        let value = std::env::var_os(name).unwrap_or_default();
        value.into_string().unwrap()
    };
    let caller = Arc::new(Caller {
        client: Client::builder(TokioExecutor::new()).build_http(),
        url,
        app_id: variable("APP_ID"),
        app_key: variable("APP_KEY"),
        body: form(&pictures::baseline(&pictures::picture(&pictures::portrait(), size))),
        outcomes: Mutex::default(),
    });
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    let mut asked = tokio::task::JoinSet::new();
    if let Some(rate) = option("--rate") {
        let rate: f64 = rate.parse().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let mut due = began;
        while due < end {
            sleep_until(due).await;
            let caller = Arc::clone(&caller);
            asked.spawn(async move { caller.ask(due).await });
            due += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
        }
    } else {
        let at_once: usize = option("--at-once").expect("--rate or --at-once").parse().unwrap();
        for _ in 0..at_once {
            let caller = Arc::clone(&caller);
            asked.spawn(async move {
                while Instant::now() < end {
                    caller.ask(Instant::now()).await;
                }
            });
        }
    }
    while asked.join_next().await.is_some() {}
    let took_s = began.elapsed().as_secs_f64();
    let outcomes = std::mem::take(&mut *caller.outcomes.lock().await);
    let of = |mut times_ms: Vec<f64>| {
        times_ms.sort_by(f64::total_cmp);
        let rank = |share: f64| (share * times_ms.len() as f64).ceil() as usize;
        let percentile = |share| (times_ms[rank(share).max(1) - 1] * 100.0).round() / 100.0;
        serde_json::json!({
            "count": times_ms.len(),
            "per_s": (times_ms.len() as f64 / seconds * 10.0).round() / 10.0,
            "p50_ms": percentile(0.5),
            "p99_ms": percentile(0.99),
            "max_ms": percentile(1.0),
        })
    };
    let outcomes: BTreeMap<String, serde_json::Value> =
        outcomes.into_iter().map(|(name, times_ms)| (name, of(times_ms))).collect();
    println!(
        "{}",
        serde_json::json!({ "seconds": seconds, "took_s": took_s, "outcomes": outcomes })
    );
}
