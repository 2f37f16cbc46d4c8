//! Requests in pieces, over a connection of their own that ends with them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;

use super::marked::Marked;
use crate::serve::{DEMO_KEY, base64_of};

/// How a picture is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Form,
    /// A form in chunks, its length not announced.
    Chunked,
    Json,
}

pub(super) const WAYS: [Way; 3] = [Way::Form, Way::Chunked, Way::Json];

/// A request as it goes over the wire.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
}

impl Request {
    pub(super) fn new(picture: &Marked, way: Way, app_key: &str) -> Self {
        let (media_type, body) = match way {
            Way::Form | Way::Chunked => {
                let head = "--B\r\nContent-Disposition: form-data; name=\"selfie\"\r\n\r\n";
                let body = [head.as_bytes(), &picture.file, b"\r\n--B--\r\n"].concat();
                ("multipart/form-data; boundary=B", body)
            }
            Way::Json => {
                let text = base64_of(&picture.file);
                ("application/json", format!("{{\"selfie\":\"{text}\"}}").into_bytes())
            }
        };
        let length = match way {
            Way::Chunked => "Transfer-Encoding: chunked".to_owned(),
            Way::Form | Way::Json => format!("Content-Length: {}", body.len()),
        };
        let head = format!(
            "POST /v0.2/liveness-verification HTTP/1.1\r\nHost: livegate\r\nConnection: close\r\n\
             app_id: demo\r\napp_key: {app_key}\r\nContent-Type: {media_type}\r\n{length}\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        if way == Way::Chunked {
            for chunk in body.chunks(10_000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(body);
        }
        Self { bytes }
    }

    /// With the demo's credentials.
    pub(super) fn of_demo(picture: &Marked, way: Way) -> Self {
        Self::new(picture, way, DEMO_KEY)
    }

    /// Sends it, and gives back status and code, as in `422 unreadable_image` or `200 0`.
    pub(super) fn ask(&self, address: &str) -> String {
        let mut connection = TcpStream::connect(address).unwrap();
        // A body that is too large may not be wanted to its end.
        let _ = connection.write_all(&self.bytes);
        answer(connection)
    }

    /// Sends it over `connection`, which stays open, and waits for the whole answer.
    pub(super) fn ask_over(&self, connection: &mut TcpStream) -> String {
        let head_end = memchr::memmem::find(&self.bytes, b"\r\n\r\n").unwrap();
        let (head, body) = self.bytes.split_at(head_end);
        let head = String::from_utf8_lossy(head).replace("\r\nConnection: close", "");
        connection.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = BufReader::new(connection);
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        while answer.read_line(&mut line).unwrap() > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(announced) = lower.strip_prefix("content-length:") {
                length = announced.trim().parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                rest.split(' ').next().unwrap().clone_into(&mut status);
            }
            line.clear();
        }
        answer.read_exact(&mut vec![0; length]).unwrap();
        status
    }

    /// Sends all but the end of it; the connection is there as long as what comes back.
    pub(super) fn begin(&self, address: &str) -> TcpStream {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(&self.bytes[..self.bytes.len() - 12]).unwrap();
        connection
    }
}

fn answer(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let _ = connection.shutdown(Shutdown::Both);
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap_or("no status");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    match body["error"]["code"].as_str() {
        Some(code) => format!("{status} {code}"),
        None => format!("{status} {}", body["response_code"]),
    }
}
