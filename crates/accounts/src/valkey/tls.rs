//! Whether a port speaks TLS.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A TLS 1.2 `ClientHello` without extensions, which every TLS server answers with a record: its
/// hello, or an alert.
const CLIENT_HELLO: [u8; 52] = {
    let mut hello = [0x4c; 52];
    // Handshake record of 47 bytes; message 1 of 43 bytes; TLS 1.2; 32 random bytes are left as
    // they are.
    let head = [22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3];
    let mut i = 0;
    while i < head.len() {
        hello[i] = head[i];
        i += 1;
    }
    // No session; two cipher suites: ECDHE-RSA with AES-128-GCM, ECDHE-ECDSA with the same; no
    // compression.
    let tail = [0, 0, 4, 0xc0, 0x2f, 0xc0, 0x2b, 1, 0];
    let mut i = 0;
    while i < tail.len() {
        hello[43 + i] = tail[i];
        i += 1;
    }
    hello
};

/// True if the port answers a line of text as a server without TLS does.
pub(super) fn is_plain(host: &str, port: u16, timeout: Duration) -> bool {
    matches!(first_byte(host, port, timeout, b"PING\r\n"), Some(b'+' | b'-'))
}

/// True if the port answers with a TLS record: an alert (21) or a handshake (22).
pub(super) fn is_tls(host: &str, port: u16, timeout: Duration) -> bool {
    matches!(first_byte(host, port, timeout, &CLIENT_HELLO), Some(21 | 22))
}

/// The first byte that the port answers to `bytes`.
fn first_byte(host: &str, port: u16, timeout: Duration, bytes: &[u8]) -> Option<u8> {
    let addresses = (host, port).to_socket_addrs().ok()?;
    let mut stream =
        addresses.into_iter().find_map(|it| TcpStream::connect_timeout(&it, timeout).ok())?;
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.set_write_timeout(Some(timeout)).ok()?;
    stream.write_all(bytes).ok()?;
    let mut first = [0];
    stream.read_exact(&mut first).ok()?;
    Some(first[0])
}
