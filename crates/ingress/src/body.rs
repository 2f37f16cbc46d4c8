//! A request's body to the bytes of pictures and the terms they are judged by.

use std::borrow::Cow;
use std::error::Error;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use futures_util::future::poll_fn;
use http_body_util::{LengthLimitError, Limited};
use liveness::Threshold;
use tokio::time::{Instant, sleep};

use crate::admission::{NoRoom, Place};
use crate::config::Config;
use crate::fields::{self, Scalar};
use crate::multipart::{self, FormError, Part, Parts};
use crate::picture_text::{is_text, picture_of_text};
use crate::problem::Problem;
use crate::takes::Takes;

/// Longer than any valid threshold or security level.
const MAX_TERM_BYTES: usize = 256;
/// The most parts of a form that have no meaning here. An empty part takes 14 bytes, and the time
/// of thousands.
const MAX_OTHER_PARTS: usize = 64;

/// The content of a body.
pub(crate) struct Submission {
    /// The bytes of each picture, in the order sent; at least one picture. Text that is not base64
    /// is a problem of that picture alone. Pictures of a form are parts of the body's one buffer.
    pub selfies: Vec<Result<Bytes, Problem>>,
    pub threshold: Option<Threshold>,
    /// As sent, not parsed.
    pub security_level: Option<String>,
}

/// Reads a form or a JSON body, up to `max_body_bytes` and not slower than allowed. `place` holds
/// the bytes as they arrive, not as they are announced.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    config: &Config,
    takes: Takes,
    place: &Place,
) -> Result<Submission, Problem> {
    let max_bytes = config.max_body_bytes;
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > max_bytes as u64) {
        return Err(Problem::BodyTooLarge { limit_bytes: max_bytes });
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.ok_or(Problem::UnsupportedMediaType)?;
    let body = Body::new(Limited::new(body, max_bytes)).into_data_stream();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is_form = essence.eq_ignore_ascii_case("multipart/form-data");
    if !is_form && !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::UnsupportedMediaType);
    }
    let bytes = collect(body, announced, config, place).await?;
    let submission = if is_form {
        read_form(media_type, &Bytes::from(bytes), takes, place)?
    } else {
        let submission = read_json(&bytes, takes, place)?;
        place.give_bytes(bytes.len());
        submission
    };
    if submission.selfies.is_empty() {
        return Err(Problem::MissingSelfie);
    }
    Ok(submission)
}

/// The length of the body as its `Content-Length` says, bytes.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The problem where the body's stream failed.
fn of_stream(error: &(dyn Error + 'static), config: &Config) -> Problem {
    for cause in std::iter::successors(Some(error), |error| (**error).source()) {
        if cause.is::<LengthLimitError>() {
            return Problem::BodyTooLarge { limit_bytes: config.max_body_bytes };
        }
    }
    Problem::MalformedBody("The body ended before it was complete.")
}

/// The problem where a body is not a form.
fn of_form(error: FormError) -> Problem {
    Problem::MalformedBody(match error {
        FormError::NoBoundary => "The `Content-Type` has no multipart boundary.",
        FormError::CutShort => "The multipart body ended before its last boundary.",
        FormError::Malformed => "The multipart body cannot be parsed.",
    })
}

/// The problem where a body has more selfies than `takes` allows.
fn too_many(takes: Takes) -> Problem {
    match takes {
        Takes::Selfies(limit) => Problem::TooManySelfies { limit },
        Takes::Selfie | Takes::SelfieAndLevel => {
            Problem::MalformedBody("`selfie` must be sent once.")
        }
    }
}

/// The whole body in one buffer, charged to `place` as it arrives.
async fn collect(
    mut body: BodyDataStream,
    announced: Option<u64>,
    config: &Config,
    place: &Place,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let pause = Duration::from_millis(config.body_timeout_ms);
    let mut timer = pin!(sleep(pause));
    let began = Instant::now();
    let mut last_chunk_at = began;
    loop {
        let chunk = poll_fn(|context| {
            if let Poll::Ready(chunk) = body.poll_next_unpin(context) {
                return Poll::Ready(Ok(chunk));
            }
            // Set once, and again only when it has run out: to set a timer may wake the runtime,
            // and a large body has many chunks.
            while timer.as_mut().poll(context).is_ready() {
                let now = Instant::now();
                if last_chunk_at + pause <= now {
                    let paused_ms = config.body_timeout_ms;
                    return Poll::Ready(Err(Problem::RequestTimeout { paused_ms }));
                }
                let due = config.min_body_bytes_per_s as f64 * (now - began).as_secs_f64();
                if (bytes.len() as f64) < due {
                    let min_bytes_per_s = config.min_body_bytes_per_s;
                    return Poll::Ready(Err(Problem::BodyTooSlow { min_bytes_per_s }));
                }
                timer.as_mut().reset(last_chunk_at + pause);
            }
            Poll::Pending
        });
        let Some(chunk) = chunk.await? else { return Ok(bytes) };
        let chunk: Bytes = chunk.map_err(|error| of_stream(&error, config))?;
        last_chunk_at = Instant::now();
        place.take_bytes(chunk.len())?;
        make_room(&mut bytes, chunk.len(), announced);
        bytes.extend_from_slice(&chunk);
    }
}

/// Reserves memory for `count` more bytes: four times what has come, and no more than announced.
/// What is only announced must cost nothing: freed memory is overwritten, also where it was never
/// used. Most selfies are copied once or twice, and bodies of photographs three times.
fn make_room(bytes: &mut Vec<u8>, count: usize, announced: Option<u64>) {
    let needed = bytes.len() + count;
    if needed > bytes.capacity() {
        let most = announced.map_or(2 * needed, |length| length as usize);
        bytes.reserve_exact((4 * needed).min(most).max(needed) - bytes.len());
    }
}

/// The picture in `text`, or nothing where it is not base64. `place` holds its bytes.
fn decoded(text: &[u8], place: &Place) -> Result<Option<Bytes>, NoRoom> {
    place.take_bytes(text.len() / 4 * 3)?;
    Ok(picture_of_text(text).map(Bytes::from))
}

fn read_form(
    media_type: &str,
    body: &Bytes,
    takes: Takes,
    place: &Place,
) -> Result<Submission, Problem> {
    let boundary = multipart::boundary(media_type).map_err(of_form)?;
    let mut parts = Parts::new(body, &boundary).map_err(of_form)?;
    let (mut selfies, mut threshold, mut security_level) = (Vec::new(), None, None);
    let mut others = 0;
    while let Some(Part { name, content }) = parts.next().map_err(of_form)? {
        let (term, twice) = match name.as_deref() {
            Some("selfie") if selfies.len() < takes.most() => {
                selfies.push(body.slice(content));
                continue;
            }
            Some("selfie") => return Err(too_many(takes)),
            Some("threshold") => (&mut threshold, "`threshold` must be sent once."),
            Some("security_level") if takes.level() => {
                (&mut security_level, "`security_level` must be sent once.")
            }
            _ if others < MAX_OTHER_PARTS => {
                others += 1;
                continue;
            }
            _ => return Err(Problem::MalformedBody("The form has too many parts.")),
        };
        if term.replace(&body[content]).is_some() {
            return Err(Problem::MalformedBody(twice));
        }
    }
    let threshold = threshold.map(|text| {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_TERM_BYTES);
        text.and_then(|text| text.parse().ok()).ok_or(Problem::InvalidThreshold)
    });
    let security_level = security_level.map(|text| String::from_utf8_lossy(text).into_owned());
    // Text that is not base64 goes to the decoder as it is, which refuses it.
    let picture = |bytes: Bytes| {
        let picture = if is_text(&bytes) { decoded(&bytes, place)? } else { None };
        Ok::<_, NoRoom>(Ok(picture.unwrap_or(bytes)))
    };
    let threshold = threshold.transpose()?;
    let selfies = selfies.into_iter().map(picture).collect::<Result<_, _>>()?;
    Ok(Submission { selfies, threshold, security_level })
}

fn read_json(text: &[u8], takes: Takes, place: &Place) -> Result<Submission, Problem> {
    let fields = fields::read(text, takes).map_err(|_| {
        Problem::MalformedBody("The JSON body cannot be parsed as the expected object.")
    })?;
    let threshold = fields.threshold.map(|value| {
        let threshold = match value {
            Scalar::Number(number) => number.try_into().ok(),
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Other => None,
        };
        threshold.ok_or(Problem::InvalidThreshold)
    });
    let threshold = threshold.transpose()?;
    if fields.selfies.len() > takes.most() {
        return Err(too_many(takes));
    }
    let picture = |text: &Cow<'_, str>| {
        let problem = Problem::MalformedBody("`selfie` must be base64 or a base64 data: URL.");
        Ok::<_, NoRoom>(decoded(text.as_bytes(), place)?.ok_or(problem))
    };
    let selfies = fields.selfies.iter().map(picture).collect::<Result<_, _>>()?;
    let security_level = fields.security_level.map(|value| match value {
        Scalar::Text(text) => text,
        // A level that no pack has, so that the request is refused.
        Scalar::Number(_) | Scalar::Other => String::new(),
    });
    Ok(Submission { selfies, threshold, security_level })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Admission;

    /// Reads `body` as it would come over the wire, in chunks of `chunk` bytes.
    fn read_in_chunks(media_type: &str, body: &[u8], chunk: usize) -> Result<Submission, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        let chunks: Vec<Result<Bytes, std::io::Error>> =
            body.chunks(chunk).map(|bytes| Ok(Bytes::copy_from_slice(bytes))).collect();
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let config = Config { max_body_bytes: 1 << 16, ..Config::default() };
        let place = Admission::new(1, usize::MAX)
            .take(&"app".into(), None, std::time::Instant::now())
            .unwrap();
        runtime.block_on(read(&headers, body, &config, Takes::SelfieAndLevel, &place))
    }

    #[test]
    fn a_form_of_many_parts_without_meaning_is_refused() {
        let form = |parts: usize| {
            let others = "--B\r\nx:\r\n\r\n\r\n".repeat(parts);
            let selfie =
                "--B\r\nContent-Disposition: form-data; name=selfie\r\n\r\n\x01\r\n--B--\r\n";
            read_in_chunks("multipart/form-data; boundary=B", (others + selfie).as_bytes(), 1 << 16)
        };
        assert!(form(MAX_OTHER_PARTS).is_ok());
        assert!(matches!(form(MAX_OTHER_PARTS + 1), Err(Problem::MalformedBody(_))));
    }

    proptest::proptest! {
        /// Any body gives a submission or a problem of the caller's, and the same one however the
        /// body is cut into chunks.
        #[test]
        fn damaged_bodies_never_panic(
            changes in proptest::collection::vec((0_usize..400, proptest::num::u8::ANY), 0..8),
            cut in 0_usize..400,
            chunk in 1_usize..50,
            is_json in proptest::bool::ANY,
        ) {
            let form = b"--B\r\nContent-Disposition: form-data; name=\"threshold\"\r\n\r\n0.5\r\n\
                         --B\r\nContent-Disposition: form-data; name=\"selfie\"; filename=\"a\"\r\n\
                         Content-Type: image/jpeg\r\n\r\n\xFF\xD8\xFF\x00picture\r\n--B--\r\n";
            let json = br#"{"selfie":"data:image/jpeg;base64,/9j/AA==","threshold":"0.25"}"#;
            let (media_type, body) = if is_json {
                ("application/json", &json[..])
            } else {
                ("multipart/form-data; boundary=B", &form[..])
            };
            let mut body = body.to_vec();
            for (place, value) in changes {
                let length = body.len();
                body[place % length] = value;
            }
            if cut > 0 {
                body.truncate(cut);
            }
            let outcome = |chunk| match read_in_chunks(media_type, &body, chunk) {
                Ok(Submission { mut selfies, threshold, .. }) => match selfies.swap_remove(0) {
                    Ok(selfie) => (selfie, threshold, ""),
                    Err(problem) => (Bytes::new(), None, problem.code()),
                },
                Err(problem) => (Bytes::new(), None, problem.code()),
            };
            let whole = outcome(body.len().max(1));
            proptest::prop_assert_eq!(&outcome(chunk), &whole);
            let is_the_callers = matches!(
                whole.2,
                "" | "malformed_body" | "missing_selfie" | "invalid_threshold"
            );
            proptest::prop_assert!(is_the_callers, "{}", whole.2);
        }
    }
}
