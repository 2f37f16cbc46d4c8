//! Pictures as text: base64 and `data:` URLs.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};

/// True if bytes can be base64 or a `data:` URL. No picture can: every format has bytes outside the
/// alphabet.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let is_base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
    };
    !bytes.is_empty() && (bytes.starts_with(b"data:") || bytes.iter().all(is_base64))
}

/// Decodes base64 or a base64 `data:` URL: standard or URL-safe alphabet, padded or not, with or
/// without line breaks.
pub(crate) fn picture_of_text(text: &[u8]) -> Option<Vec<u8>> {
    let base64 = match text.strip_prefix(b"data:") {
        None => text,
        Some(rest) => {
            let comma = rest.iter().position(|&byte| byte == b',')?;
            let (media_type, data) = rest.split_at(comma);
            if !media_type.to_ascii_lowercase().ends_with(b";base64") {
                return None;
            }
            &data[1..]
        }
    };
    let compact: Cow<'_, [u8]> = if base64.iter().any(u8::is_ascii_whitespace) {
        base64.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
    } else {
        base64.into()
    };
    STANDARD_PAD_INDIFFERENT
        .decode(&compact)
        .or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(&compact))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_base64_gives_the_same_picture() {
        let picture: &[u8] = &[0xFB, 0xEF, 0xFF, 0x00, 0x10];
        for text in [
            "++//ABA=",
            "++//ABA",
            "--__ABA=",
            " ++//\r\nABA=\n",
            "data:image/jpeg;base64,++//ABA=",
            "data:;BASE64,++//ABA=",
            "data:image/png;name=a;base64,--__ABA",
        ] {
            assert!(is_text(text.as_bytes()), "{text}");
            assert_eq!(picture_of_text(text.as_bytes()).as_deref(), Some(picture), "{text}");
        }
        for text in ["data:image/jpeg,++//ABA=", "data:image/jpeg;base64", "a", "data:"] {
            assert_eq!(picture_of_text(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn no_picture_looks_like_text() {
        for head in [
            &b"\xFF\xD8\xFF"[..],
            b"\x89PNG\r\n",
            b"GIF89a\x10\x00",
            b"BM\x36\x00",
            b"II*\x00",
            b"MM\x00*",
            b"RIFF\x10\x00\x00\x00WEBP",
            b"",
        ] {
            assert!(!is_text(head), "{head:?}");
        }
    }
}
