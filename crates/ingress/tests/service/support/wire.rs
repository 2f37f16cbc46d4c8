//! The client: requests and responses byte by byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{KEY, OTHER_KEY};

/// The address of a listener.
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

/// A part of a form: its name, the headers after it, and its content.
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

/// A request for `path` without credentials.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A request, line by line.
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

    /// The same request of the other caller.
    pub(crate) fn of_other(self) -> Self {
        self.without("app_id").without("app_key").with("app_id", "other").with("app_key", OTHER_KEY)
    }

    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| name != header);
        self
    }

    pub(crate) fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.into(), value.into()));
        self
    }

    /// The same request to this path.
    pub(crate) fn to(self, path: &str) -> Self {
        self.line(&format!("POST {path} HTTP/1.1"))
    }

    pub(crate) fn line(mut self, line: &str) -> Self {
        self.line = line.into();
        self
    }

    /// The head without `Content-Length`.
    pub(crate) fn head(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{}\r\nHost: localhost\r\n{}", self.line, headers.collect::<String>())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [self.head().as_bytes(), length.as_bytes(), &self.body].concat()
    }

    /// The request with its body in chunks of `size`.
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

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads one response, as long as its `Content-Length` says.
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

    /// The body without the request's id and its two times.
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
