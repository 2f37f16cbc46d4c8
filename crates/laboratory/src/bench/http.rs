//! A caller of the service: one kept connection, and one form that is sent repeatedly.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use super::load::{Outcome, Served};
use super::service::{APP_ID, Service};
use super::stages::Stages;

const BOUNDARY: &str = "livegate-bench-4b1f8e0d5c7a4f22";

/// A form with `picture` as its selfie.
pub(super) fn form(picture: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"selfie\"; filename=\"selfie\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), picture, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}

/// A caller with a connection of its own.
pub(super) struct Client {
    agent: Agent,
    root: String,
    key: String,
}

impl Client {
    /// `time_out` is for one request.
    pub(super) fn of(service: &Service, time_out: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Loopback is behind no proxy, even if variables name one.
            .proxy(None)
            .timeout_global(Some(time_out))
            .build();
        let agent = Agent::new_with_config(config);
        Self { agent, root: service.url.clone(), key: service.key.reveal().to_owned() }
    }

    fn post(&self, path: &str, form: &[u8]) -> Result<Response<ureq::Body>, String> {
        let request = self
            .agent
            .post(format!("{}{path}", self.root))
            .header("app_id", APP_ID)
            .header("app_key", &self.key)
            .content_type(format!("multipart/form-data; boundary={BOUNDARY}"));
        request.send(form).map_err(|error| format!("no answer: {error}"))
    }

    /// Sends the form as clients of Kairos do.
    pub(super) fn send(&self, form: &[u8]) -> Outcome {
        let sent = Instant::now();
        let mut response = self.post("/v0.2/liveness-verification", form)?;
        // An unread body would end the connection.
        let read = response.body_mut().read_to_vec();
        let latency = sent.elapsed();
        let body = read.map_err(|error| format!("half an answer: {error}"))?;
        if response.status() != 200 {
            let status = response.status().as_u16();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            return Err(match body["error"]["code"].as_str() {
                Some(code) => format!("{status} {code}"),
                None => status.to_string(),
            });
        }
        let timing = response.headers().get("server-timing").and_then(|it| it.to_str().ok());
        let stages = timing.map(Stages::in_header).unwrap_or_default();
        Ok(Served { latency, stages })
    }

    /// The service's full report on a picture, or the code of its refusal.
    pub(super) fn report(&self, form: &[u8]) -> anyhow::Result<Result<Value, String>> {
        let mut response = self.post("/v1/liveness", form).map_err(anyhow::Error::msg)?;
        let body =
            response.body_mut().read_to_string().context("the service gave half an answer")?;
        let body: Value = serde_json::from_str(&body).context("the service answered no JSON")?;
        Ok(match body["error"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(body),
        })
    }
}
