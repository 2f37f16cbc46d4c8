//! Requests as bytes, so that tests can send a part of one, or keep its connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;
use testbed::client::{Body, outcome};

use super::marked::Marked;
use crate::demo::DEMO_KEY;

/// How a picture is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Form,
    /// A form in chunks, without `Content-Length`.
    Chunked,
    Json,
}

pub(super) const WAYS: [Way; 3] = [Way::Form, Way::Chunked, Way::Json];

/// A request as bytes.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
}

impl Request {
    pub(super) fn new(picture: &Marked, way: Way, app_key: &str) -> Self {
        let body = match way {
            Way::Form | Way::Chunked => Body::parts(&[("selfie", &picture.file)]),
            Way::Json => Body::json(&picture.file),
        };
        let (media_type, body) = (body.media_type(), body.bytes());
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

    /// Sends it and gives back status and code, as in `422 unreadable_image` or `200 0`.
    pub(super) fn ask(&self, address: &str) -> String {
        let mut connection = TcpStream::connect(address).unwrap();
        // The service may close the connection before it has read a body that is too large.
        let _ = connection.write_all(&self.bytes);
        read_outcome(connection)
    }

    /// Sends it over `connection`, which stays open. Reads the whole response and gives back its
    /// status.
    pub(super) fn ask_over(&self, connection: &mut TcpStream) -> String {
        let head_end = memchr::memmem::find(&self.bytes, b"\r\n\r\n").unwrap();
        let (head, body) = self.bytes.split_at(head_end);
        let head = String::from_utf8_lossy(head).replace("\r\nConnection: close", "");
        connection.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut response = BufReader::new(connection);
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        while response.read_line(&mut line).unwrap() > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(announced) = lower.strip_prefix("content-length:") {
                length = announced.trim().parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                rest.split(' ').next().unwrap().clone_into(&mut status);
            }
            line.clear();
        }
        response.read_exact(&mut vec![0; length]).unwrap();
        status
    }

    /// Sends all but its last bytes, over the connection that it gives back.
    pub(super) fn begin(&self, address: &str) -> TcpStream {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(&self.bytes[..self.bytes.len() - 12]).unwrap();
        connection
    }
}

fn read_outcome(mut connection: TcpStream) -> String {
    let mut response = Vec::new();
    connection.read_to_end(&mut response).unwrap();
    let _ = connection.shutdown(Shutdown::Both);
    let response = String::from_utf8_lossy(&response);
    let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    outcome(status.unwrap_or(0), &body)
}
