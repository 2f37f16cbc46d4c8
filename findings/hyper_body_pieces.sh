#!/usr/bin/env bash
# hyper wakes its own HTTP/1 connection for every piece of a body that a service reads, though all
# of the body is in the socket already. On a runtime with a fair queue each wake sends the connection
# to the end of it: a body of 48 KiB waits there once for each piece, each time behind every other
# connection that is ready. One would guess that a poll reads until the socket is empty.
#
# Seen with hyper 1.12.0, hyper-util 0.1.21, http-body-util 0.1.5 and tokio 1.54.1 on Linux:
# "49152 bytes in 3 pieces: 3 polls, 5 wakes from within a poll".
# What helps: poll the connection again while it has woken itself (crates/ingress/src/eager.rs).
#
#     findings/hyper_body_pieces.sh     exits with 1 where hyper behaves otherwise; needs cargo
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/src"
cat > "$place/Cargo.toml" <<'TOML'
[package]
name = "pieces"
version = "0.0.0"
edition = "2024"

[dependencies]
bytes = "=1.12.2"
http-body-util = "=0.1.5"
hyper = { version = "=1.12.0", features = ["http1", "server"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
tokio = { version = "=1.54.1", features = ["io-util", "macros", "net", "rt"] }
TOML
cat > "$place/src/main.rs" <<'RUST'
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BODY_BYTES: usize = 48 << 10;

/// Counts the wakes that come while the connection is being polled.
struct Counting {
    task: Waker,
    is_polled: Arc<AtomicBool>,
    from_within: Arc<AtomicUsize>,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.from_within.fetch_add(usize::from(self.is_polled.load(SeqCst)), SeqCst);
        self.task.wake_by_ref();
    }
}

async fn count_bytes(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    let (mut pieces, mut bytes) = (0, 0);
    while let Some(Ok(frame)) = body.frame().await {
        pieces += 1;
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    Ok(Response::new(Full::from(format!("{pieces} {bytes}"))))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let lines = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length";
    let head = format!("{lines}: {BODY_BYTES}\r\n\r\n");
    client.write_all(&[head.as_bytes(), &vec![0; BODY_BYTES]].concat()).await.unwrap();
    // All of it is in the server's socket before the first poll.
    let mut seen = vec![0; head.len() + BODY_BYTES];
    while server.peek(&mut seen).await.unwrap() < seen.len() {}

    let builder = hyper::server::conn::http1::Builder::new();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(server), service_fn(count_bytes)));
    let (is_polled, from_within) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let mut polls = 0;
    let served = poll_fn(|context| {
        polls += 1;
        let counting = Counting {
            task: context.waker().clone(),
            is_polled: Arc::clone(&is_polled),
            from_within: Arc::clone(&from_within),
        };
        let waker = Waker::from(Arc::new(counting));
        is_polled.store(true, SeqCst);
        let polled = connection.as_mut().poll(&mut Context::from_waker(&waker));
        is_polled.store(false, SeqCst);
        polled
    });
    let mut answer = String::new();
    let (served, read) = tokio::join!(served, client.read_to_string(&mut answer));
    served.unwrap();
    read.unwrap();
    let from_within = from_within.load(SeqCst);
    let (pieces, bytes) = answer.rsplit("\r\n").next().unwrap().split_once(' ').unwrap();
    println!("{bytes} bytes in {pieces} pieces: {polls} polls, {from_within} wakes from within a poll");
    let pieces: usize = pieces.parse().unwrap();
    assert_eq!(bytes, BODY_BYTES.to_string());
    if pieces < 3 || polls < pieces || from_within < pieces {
        eprintln!("hyper behaves otherwise than seen");
        std::process::exit(1);
    }
}
RUST
cargo run --quiet --manifest-path "$place/Cargo.toml"
