//! Reads arbitrary bytes as a request's body, as a form or as JSON, in chunks of any size.
//!
//! These files of `ingress` are private to it. So they are compiled here too, with stand-ins for
//! the modules that they use.

#![no_main]
#![forbid(unsafe_code)]

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/ingress/src/body.rs"]
mod body;
#[path = "../../crates/ingress/src/fields.rs"]
mod fields;
#[path = "../../crates/ingress/src/multipart.rs"]
mod multipart;
#[path = "../../crates/ingress/src/picture_text.rs"]
mod picture_text;
#[path = "../../crates/ingress/src/takes.rs"]
mod takes;

mod admission {
    use axum::http::{HeaderMap, header};

    /// Never occurs here: every body is admitted.
    #[derive(Debug, thiserror::Error)]
    #[error("no room")]
    pub(crate) struct NoRoom;

    pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
        headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

mod config {
    pub(crate) struct Config {
        pub(crate) max_body_bytes: usize,
        pub(crate) body_timeout_ms: u64,
    }
}

mod problem {
    /// The variants of `ingress::Problem` that a body can cause.
    #[derive(Debug, PartialEq)]
    pub(crate) enum Problem {
        MalformedBody(&'static str),
        MissingSelfie,
        TooManySelfies { limit: usize },
        InvalidThreshold,
        BodyTooLarge { limit_bytes: usize },
        UnsupportedMediaType,
        RequestTimeout { paused_ms: u64 },
        Overloaded,
    }
}

use body::Submission;
use config::Config;
use problem::Problem;
use takes::Takes;

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, chunk], body)) = input.split_first_chunk() else { return };
    // The caller chooses the boundary.
    let media_type = match kind & 7 {
        1 | 3 | 5 | 7 => "application/json",
        0 => "multipart/form-data; boundary=B",
        2 => "multipart/form-data; boundary=\"--B\"",
        4 => "multipart/form-data; boundary=\"\"",
        _ => "Multipart/Form-Data; charset=utf-8; boundary=B; boundary=C",
    };
    let takes = match kind >> 5 & 3 {
        0 => Takes::Selfie,
        1 => Takes::SelfieAndLevel,
        most => Takes::Selfies(usize::from(most)),
    };
    let most = if kind & 16 == 16 { 100 } else { 10_000 };
    let read = |chunk| read(media_type, body, chunk, most, takes);
    let whole = read(body.len().max(1));
    let cut = read(usize::from(chunk) + 1);
    for submission in [&whole, &cut].into_iter().flatten() {
        let pictures = submission.selfies.iter().flatten();
        assert!(pictures.map(Bytes::len).sum::<usize>() <= most.min(body.len()));
        assert!((1..=3).contains(&submission.selfies.len()));
        assert!(takes != Takes::Selfie || submission.security_level.is_none());
    }
    if body.len() > most {
        assert!(whole.is_err() && cut.is_err(), "a body over the limit was accepted");
        return;
    }
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole.selfies, cut.selfies);
            assert_eq!(whole.threshold, cut.threshold);
            assert_eq!(whole.security_level, cut.security_level);
        }
        (Err(whole), Err(cut)) => assert_eq!(whole, cut),
        (whole, cut) => panic!("{:?} and {:?} of one body", whole.err(), cut.err()),
    }
});

fn read(
    media_type: &'static str,
    body: &[u8],
    chunk: usize,
    most: usize,
    takes: Takes,
) -> Result<Submission, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let chunks = body.chunks(chunk).map(|bytes| Ok(Bytes::copy_from_slice(bytes)));
    let chunks: Vec<Result<Bytes, std::io::Error>> = chunks.collect();
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    let config = Config { max_body_bytes: most, body_timeout_ms: 60_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let _inside = runtime.as_ref().expect("there is a runtime").enter();
    // The whole body is in memory, so the future never waits.
    body::read(&headers, body, &config, takes).now_or_never().expect("it never waits")
}
