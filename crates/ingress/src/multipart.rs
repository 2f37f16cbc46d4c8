//! The parts of a form (RFC 7578) in a body that has arrived whole. Contents are not copied.

use std::borrow::Cow;
use std::ops::Range;

use httparse::{EMPTY_HEADER, Status};
use memchr::memmem;
use memchr::memmem::Finder;

/// The most header lines of a part.
const MAX_HEADERS: usize = 32;
/// What begins a boundary, and also follows the last one.
const DASHES: &[u8] = b"--";
const LINE_END: &[u8] = b"\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The reason why a body is not a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormError {
    /// The media type has no boundary, or is no form's.
    NoBoundary,
    /// The body ended before its last boundary.
    CutShort,
    /// A part's head cannot be parsed.
    Malformed,
}

/// A part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The name of its field.
    pub name: Option<Cow<'a, str>>,
    /// Where its content is in the body.
    pub content: Range<usize>,
}

/// The parts of a form, one after the other, up to the last boundary. What follows that is ignored.
pub(crate) struct Parts<'a> {
    body: &'a [u8],
    /// Finds a boundary behind a part's content.
    boundary: Finder<'a>,
    /// Behind the boundary in front of the next part.
    place: usize,
}

/// The boundary that a form's media type names.
///
/// # Errors
/// [`FormError::NoBoundary`], and [`FormError::Malformed`] for an invalid media type.
pub(crate) fn boundary(media_type: &str) -> Result<String, FormError> {
    let media_type: mime::Mime = media_type.parse().map_err(|_| FormError::Malformed)?;
    let boundary = media_type.get_param(mime::BOUNDARY).ok_or(FormError::NoBoundary)?;
    Ok(format!("\r\n--{boundary}"))
}

impl<'a> Parts<'a> {
    /// The parts of `body`. `boundary` is what [`boundary`] gave.
    ///
    /// # Errors
    /// [`FormError::CutShort`], if the body has no boundary.
    pub(crate) fn new(body: &'a [u8], boundary: &'a str) -> Result<Self, FormError> {
        let boundary = boundary.as_bytes();
        // No line need end in front of the first boundary.
        let first = boundary.strip_prefix(LINE_END).unwrap_or(boundary);
        let place = memmem::find(body, first).ok_or(FormError::CutShort)? + first.len();
        Ok(Self { body, boundary: Finder::new(boundary), place })
    }

    /// The next part.
    ///
    /// # Errors
    /// If the body ends before its last boundary, or the part's head cannot be parsed.
    pub(crate) fn next(&mut self) -> Result<Option<Part<'a>>, FormError> {
        let rest = &self.body[self.place..];
        if rest.starts_with(DASHES) {
            return Ok(None);
        }
        let padding = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        let head = padding.and_then(|padding| rest[padding..].strip_prefix(LINE_END));
        let head = head.ok_or(FormError::CutShort)?;
        let head_length = memmem::find(head, HEAD_END).ok_or(FormError::CutShort)?;
        let (head, rest) = head.split_at(head_length + HEAD_END.len());
        let name = field_name(head)?;
        let length = self.boundary.find(rest).ok_or(FormError::CutShort)?;
        let begin = self.body.len() - rest.len();
        let content = begin..begin + length;
        self.place = content.end + self.boundary.needle().len();
        Ok(Some(Part { name, content }))
    }
}

/// The name of the field whose part has this head.
fn field_name(head: &[u8]) -> Result<Option<Cow<'_, str>>, FormError> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let Ok(Status::Complete((_, headers))) = httparse::parse_headers(head, &mut headers) else {
        return Err(FormError::Malformed);
    };
    let is_meant = |name: &str| name.eq_ignore_ascii_case("content-disposition");
    // Of several, the last counts.
    let disposition = headers.iter().rfind(|header| is_meant(header.name));
    Ok(disposition.and_then(|header| name_of(header.value)))
}

/// The parameter `name` of a `Content-Disposition`, quoted or not. Old clients do not quote it.
fn name_of(mut disposition: &[u8]) -> Option<Cow<'_, str>> {
    const NAME: &[u8] = b"name";
    loop {
        let place = memmem::find(disposition, NAME)?;
        let (before, rest) = (&disposition[..place], &disposition[place + NAME.len()..]);
        // `filename` has another letter in front.
        if before.last().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b';') {
            let value = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
            return if let Some(quoted) = value.strip_prefix(b"\"") {
                unquoted(quoted)
            } else {
                let end = memchr::memchr2(b';', b' ', value).unwrap_or(value.len());
                std::str::from_utf8(&value[..end]).ok().map(Cow::from)
            };
        }
        disposition = rest;
    }
}

/// The text up to the quotation mark that is not escaped.
fn unquoted(text: &[u8]) -> Option<Cow<'_, str>> {
    let mut end = memchr::memchr(b'"', text)?;
    let mut is_escaped = false;
    while end > 0 && text[end - 1] == b'\\' {
        is_escaped = true;
        end = end + 1 + memchr::memchr(b'"', &text[end + 1..])?;
    }
    let text = std::str::from_utf8(&text[..end]).ok()?;
    Some(if is_escaped { text.replace("\\\"", "\"").into() } else { text.into() })
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::stream;
    use multer::Multipart;
    use proptest::prelude::*;

    use super::*;

    const FORM: &[u8] =
        b"--B \r\nContent-Disposition: form-data; name=\"threshold\"\r\n\r\n0.5\r\n\
        --B\r\nContent-Disposition: form-data; filename=\"a\"; name=\"a \\\"selfie\\\"\"\r\n\
        Content-Type: image/jpeg\r\n\r\n\xFF\xD8\xFF\x00\r\n--A\r\n--B\t\r\n\
        content-disposition: form-data; name = plain; filename=a\r\n\r\n\r\n--B--\r\n";

    type Fields = Result<Vec<(Option<String>, Vec<u8>)>, FormError>;

    fn fields(body: &[u8], media_type: &str) -> Fields {
        let boundary = boundary(media_type)?;
        let mut parts = Parts::new(body, &boundary)?;
        let mut fields = Vec::new();
        while let Some(Part { name, content }) = parts.next()? {
            fields.push((name.map(Cow::into_owned), body[content].to_vec()));
        }
        Ok(fields)
    }

    /// The same by the crate `multer`.
    fn fields_by_multer(body: &[u8], media_type: &str) -> Fields {
        let kind = |error: multer::Error| match error {
            multer::Error::NoBoundary => FormError::NoBoundary,
            multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
                FormError::CutShort
            }
            _ => FormError::Malformed,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let boundary = multer::parse_boundary(media_type).map_err(kind)?;
            let whole: Result<Bytes, std::io::Error> = Ok(Bytes::copy_from_slice(body));
            let mut form = Multipart::new(stream::iter([whole]), boundary);
            let mut fields = Vec::new();
            while let Some(field) = form.next_field().await.map_err(kind)? {
                let name = field.name().map(str::to_owned);
                fields.push((name, field.bytes().await.map_err(kind)?.to_vec()));
            }
            Ok(fields)
        })
    }

    #[test]
    fn names_and_contents_are_found() {
        let field = |name: &str, content: &[u8]| (Some(name.to_owned()), content.to_vec());
        let expected = vec![
            field("threshold", b"0.5"),
            field("a \"selfie\"", b"\xFF\xD8\xFF\x00\r\n--A"),
            field("plain", b""),
        ];
        assert_eq!(fields(FORM, "multipart/form-data; boundary=B"), Ok(expected));
    }

    #[test]
    fn a_form_without_boundary_is_refused() {
        let refused = |media_type| fields(FORM, media_type).unwrap_err();
        assert_eq!(refused("multipart/form-data"), FormError::NoBoundary);
        assert_eq!(refused("multipart/form-data; boundary"), FormError::Malformed);
        assert_eq!(refused("multipart/form-data; boundary=C"), FormError::CutShort);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// The form above, damaged, is what `multer` finds in it.
        #[test]
        fn a_damaged_form_is_read_as_multer_reads_it(
            changes in prop::collection::vec((0..FORM.len(), any::<u8>()), 0..6),
            moved in (0..FORM.len(), 0..FORM.len(), 0_usize..60),
            cut in 0..FORM.len(),
            is_quoted in any::<bool>(),
        ) {
            let mut body = FORM.to_vec();
            let (from, to, length) = moved;
            let copied = body[from..(from + length).min(FORM.len())].to_vec();
            body.splice(to..to, copied);
            for (place, value) in changes {
                body[place] = value;
            }
            body.truncate(body.len() - cut / 4);
            let media_type = if is_quoted {
                "Multipart/Form-Data; charset=utf-8; boundary=\"B\""
            } else {
                "multipart/form-data; boundary=B; boundary=C"
            };
            prop_assert_eq!(fields(&body, media_type), fields_by_multer(&body, media_type));
        }
    }
}
