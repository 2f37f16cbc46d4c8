//! A request's body to the bytes of a picture and a threshold.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use http_body_util::{LengthLimitError, Limited};
use liveness::Threshold;
use multer::{Field, Multipart};
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::admission::{NoRoom, announced_length};
use crate::config::Config;
use crate::fields::{self, Scalar};
use crate::picture_text::{is_text, picture_of_text};
use crate::problem::Problem;
use crate::rescan::{EndlessHead, Rescan};

/// More text than any number or level needs.
const MAX_TERM_BYTES: usize = 256;

/// What an endpoint reads of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// One `selfie` and a threshold, as Kairos has it: a part named `security_level` is one of those that mean nothing.
    Selfie,
    /// One `selfie`, and a threshold or a security level.
    SelfieAndLevel,
    /// So many selfies at most, and a threshold or a security level: parts named `selfie`, or the list `selfies`.
    Selfies(usize),
}

impl Takes {
    fn most(self) -> usize {
        match self {
            Self::Selfie | Self::SelfieAndLevel => 1,
            Self::Selfies(most) => most,
        }
    }

    pub(crate) fn level(self) -> bool {
        self != Self::Selfie
    }

    /// What one selfie too many is.
    fn too_many(self) -> Problem {
        match self {
            // Which of two would be the one that is meant?
            Self::Selfie | Self::SelfieAndLevel => {
                Problem::MalformedBody("`selfie` must be sent once.")
            }
            Self::Selfies(limit) => Problem::TooManySelfies { limit },
        }
    }
}

/// What a caller sends.
pub(crate) struct Submission {
    /// The pictures' bytes, whatever they are, in the order sent: one at least. Text that stands for no bytes is a
    /// problem of that picture alone.
    pub selfies: Vec<Result<Vec<u8>, Problem>>,
    pub threshold: Option<Threshold>,
    /// As sent; what it means is for the endpoint to say.
    pub security_level: Option<String>,
}

/// Reads a body of either type, never more of it than may come, and not when it stops coming.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    config: &Config,
    takes: Takes,
) -> Result<Submission, Problem> {
    let max_bytes = config.max_body_bytes;
    let too_large = Problem::BodyTooLarge { limit_bytes: max_bytes };
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large);
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.ok_or(Problem::UnsupportedMediaType)?;
    let pause = Duration::from_millis(config.body_timeout_ms);
    let body = Body::new(TimeoutBody::new(pause, Limited::new(body, max_bytes))).into_data_stream();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    // Room for what was announced, which takes no memory until it comes; a buffer that grew by doubling would take
    // up to twice as much.
    let room = announced.map_or(0, |length| length as usize);
    let submission = if essence.eq_ignore_ascii_case("multipart/form-data") {
        read_form(media_type, body, room, takes).await
    } else if essence.eq_ignore_ascii_case("application/json") {
        read_json(body, room, takes).await
    } else {
        return Err(Problem::UnsupportedMediaType);
    };
    submission.map_err(|fault| match fault {
        Fault::TooLarge => too_large,
        Fault::NoRoom => Problem::Overloaded,
        Fault::Stopped => Problem::RequestTimeout { paused_ms: config.body_timeout_ms },
        Fault::Problem(problem) => problem,
    })
}

/// Why a body could not be read.
enum Fault {
    TooLarge,
    NoRoom,
    Stopped,
    Problem(Problem),
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Fault {
    fn of_stream(error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| (**error).source());
        let is_from = |is: fn(&(dyn std::error::Error + 'static)) -> bool| chain.clone().any(is);
        if is_from(<dyn std::error::Error>::is::<LengthLimitError>) {
            Self::TooLarge
        } else if is_from(<dyn std::error::Error>::is::<NoRoom>) {
            Self::NoRoom
        } else if is_from(<dyn std::error::Error>::is::<TimeoutError>) {
            Self::Stopped
        } else {
            Problem::MalformedBody(if is_from(<dyn std::error::Error>::is::<EndlessHead>) {
                "The head of a part does not end."
            } else {
                "The body ended before it was complete."
            })
            .into()
        }
    }
}

impl From<multer::Error> for Fault {
    fn from(error: multer::Error) -> Self {
        match &error {
            multer::Error::StreamReadFailed(cause) => Self::of_stream(&**cause),
            multer::Error::NoBoundary => {
                Problem::MalformedBody("The `Content-Type` has no multipart boundary.").into()
            }
            multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
                Problem::MalformedBody("The multipart body ended before its last boundary.").into()
            }
            _ => Problem::MalformedBody("The multipart body cannot be parsed.").into(),
        }
    }
}

async fn read_form(
    media_type: &str,
    body: BodyDataStream,
    room: usize,
    takes: Takes,
) -> Result<Submission, Fault> {
    let boundary = multer::parse_boundary(media_type)?;
    let rescan = Rescan::default();
    let mut form = Multipart::new(rescan.watch(body), boundary);
    let (mut selfies, mut threshold, mut security_level) = (Vec::new(), None, None);
    let mut selfie_bytes = 0;
    while let Some(mut field) = form.next_field().await? {
        rescan.begin_anew();
        match field.name() {
            Some("selfie") if selfies.len() < takes.most() => {
                let bytes = Vec::with_capacity(room.saturating_sub(selfie_bytes));
                let mut selfie = collect(&mut field, &rescan, bytes, usize::MAX).await?;
                selfie_bytes += selfie.len();
                if takes.most() > 1 {
                    // The room that is left is for those that follow.
                    selfie.shrink_to_fit();
                }
                selfies.push(selfie);
            }
            Some("threshold") if threshold.is_none() => {
                threshold = Some(collect(&mut field, &rescan, Vec::new(), MAX_TERM_BYTES).await?);
            }
            Some("security_level") if takes.level() && security_level.is_none() => {
                security_level =
                    Some(collect(&mut field, &rescan, Vec::new(), MAX_TERM_BYTES).await?);
            }
            Some("selfie") => return Err(takes.too_many().into()),
            Some("threshold") => {
                return Err(Problem::MalformedBody("`threshold` must be sent once.").into());
            }
            Some("security_level") if takes.level() => {
                return Err(Problem::MalformedBody("`security_level` must be sent once.").into());
            }
            _ => drop(collect(&mut field, &rescan, Vec::new(), 0).await?),
        }
        rescan.begin_anew();
    }
    let threshold = threshold
        .map(|text| {
            let text = std::str::from_utf8(&text).ok();
            text.filter(|text| text.len() <= MAX_TERM_BYTES)
                .and_then(|text| text.parse().ok())
                .ok_or(Problem::InvalidThreshold)
        })
        .transpose()?;
    let security_level = security_level.map(|text| String::from_utf8_lossy(&text).into_owned());
    if selfies.is_empty() {
        return Err(Problem::MissingSelfie.into());
    }
    // Anything that only looks like text is for the decoder to refuse.
    let picture = |selfie: Vec<u8>| match is_text(&selfie).then(|| picture_of_text(&selfie)) {
        Some(Some(picture)) => picture,
        _ => selfie,
    };
    let selfies = selfies.into_iter().map(|selfie| Ok(picture(selfie))).collect();
    Ok(Submission { selfies, threshold, security_level })
}

/// A part's bytes, added to `bytes`; of one that is longer than `enough`, more than that many and not all.
async fn collect(
    field: &mut Field<'_>,
    rescan: &Rescan,
    mut bytes: Vec<u8>,
    enough: usize,
) -> Result<Vec<u8>, multer::Error> {
    while let Some(chunk) = field.chunk().await? {
        rescan.begin_anew();
        if bytes.len() <= enough {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}

async fn read_json(
    mut body: BodyDataStream,
    room: usize,
    takes: Takes,
) -> Result<Submission, Fault> {
    let mut text = Vec::with_capacity(room);
    while let Some(chunk) = body.next().await {
        let chunk: Bytes = chunk.map_err(|error| Fault::of_stream(&error))?;
        text.extend_from_slice(&chunk);
    }
    let fields::Fields { selfies, threshold, security_level } = fields::read(&text, takes)
        .map_err(|_| {
            Problem::MalformedBody("The JSON body cannot be parsed as the expected object.")
        })?;
    let threshold = threshold.map(|value| match value {
        Scalar::Number(number) => number.try_into().map_err(|_| Problem::InvalidThreshold),
        Scalar::Text(text) => text.parse().map_err(|_| Problem::InvalidThreshold),
        Scalar::Other => Err(Problem::InvalidThreshold),
    });
    let threshold = threshold.transpose()?;
    if selfies.is_empty() {
        return Err(Problem::MissingSelfie.into());
    }
    if selfies.len() > takes.most() {
        return Err(takes.too_many().into());
    }
    let picture = |text: &Cow<'_, str>| {
        let problem = Problem::MalformedBody("`selfie` must be base64 or a base64 data: URL.");
        picture_of_text(text.as_bytes()).ok_or(problem)
    };
    let selfies = selfies.iter().map(picture).collect();
    let security_level = security_level.map(|value| match value {
        Scalar::Text(text) => text.into_owned(),
        // What is no text is no level either.
        Scalar::Number(_) | Scalar::Other => String::new(),
    });
    Ok(Submission { selfies, threshold, security_level })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `body` as it would come over the wire, in chunks of `chunk` bytes.
    fn read_in_chunks(media_type: &str, body: &[u8], chunk: usize) -> Result<Submission, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        let chunks: Vec<Result<Bytes, std::io::Error>> =
            body.chunks(chunk).map(|bytes| Ok(Bytes::copy_from_slice(bytes))).collect();
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let config = Config { max_body_bytes: 1 << 16, ..Config::default() };
        runtime.block_on(read(&headers, body, &config, Takes::SelfieAndLevel))
    }

    proptest::proptest! {
        /// Whatever is sent, and however it is cut into chunks, the answer is a submission or a problem
        /// of the caller's, and the same for every cutting.
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
                    Err(problem) => (Vec::new(), None, problem.code()),
                },
                Err(problem) => (Vec::new(), None, problem.code()),
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
