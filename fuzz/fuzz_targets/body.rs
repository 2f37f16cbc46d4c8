//! Any bytes as a request's body, in chunks of any size, as a form or as JSON.
//!
//! `ingress` shows none of this to other crates, so its file is compiled here once more, with as much of
//! `Problem` as it needs.

#![no_main]
#![forbid(unsafe_code)]

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/ingress/src/body.rs"]
mod body;

mod problem {
    /// Those of `ingress::Problem` that a body can be.
    #[derive(Debug, PartialEq)]
    pub(crate) enum Problem {
        MalformedBody(&'static str),
        MissingSelfie,
        InvalidThreshold,
        BodyTooLarge { limit_bytes: usize },
        UnsupportedMediaType,
    }
}

use body::Submission;
use problem::Problem;

const MAX_BYTES: usize = 3000;

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, chunk], body)) = input.split_first_chunk() else { return };
    let is_json = kind & 1 == 1;
    // The boundary is a caller's choice, too.
    let media_type = match kind & 7 {
        1 | 3 | 5 | 7 => "application/json",
        0 => "multipart/form-data; boundary=B",
        2 => "multipart/form-data; boundary=\"--B\"",
        4 => "multipart/form-data; boundary=\"\"",
        _ => "Multipart/Form-Data; charset=utf-8; boundary=B; boundary=C",
    };
    let takes_level = kind & 8 == 8;
    let whole = read(media_type, body, body.len().max(1), takes_level);
    let cut = read(media_type, body, usize::from(chunk) + 1, takes_level);
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert!(body.len() <= MAX_BYTES, "more was read than may be");
            assert!(whole.selfie.len() <= body.len());
            assert_eq!(whole.selfie, cut.selfie);
            assert_eq!(whole.threshold, cut.threshold);
            assert_eq!(whole.security_level, cut.security_level);
            assert!(takes_level || whole.security_level.is_none());
        }
        // A form that is both too long and malformed is refused for what is seen first.
        (Err(whole), Err(cut)) => {
            assert!(whole == cut || (!is_json && body.len() > MAX_BYTES), "{whole:?} or {cut:?}");
        }
        (whole, cut) => panic!("{:?} and {:?} of one body", whole.err(), cut.err()),
    }
});

fn read(
    media_type: &'static str,
    body: &[u8],
    chunk: usize,
    takes_level: bool,
) -> Result<Submission, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let chunks = body.chunks(chunk).map(|bytes| Ok(Bytes::copy_from_slice(bytes)));
    let chunks: Vec<Result<Bytes, std::io::Error>> = chunks.collect();
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    // All of the body is there: nothing is ever waited for.
    body::read(&headers, body, MAX_BYTES, takes_level).now_or_never().expect("it never waits")
}
