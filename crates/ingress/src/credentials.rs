//! Who may call.

use axum::http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Both spellings are in use; header names have no case.
const ID_HEADERS: [&str; 2] = ["app_id", "app-id"];
const KEY_HEADERS: [&str; 2] = ["app_key", "app-key"];

/// One caller.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// What the caller sends as `app_id`.
    pub app_id: String,
    /// SHA-256 of what it sends as `app_key`: the key itself is kept nowhere.
    pub app_key_sha256: KeyDigest,
}

impl Credential {
    /// Whether a caller can send these: an id that survives as a header's value, and a key at all.
    pub(crate) fn can_be_sent(&self) -> bool {
        !self.app_id.is_empty()
            && self.app_id.bytes().all(|byte| byte.is_ascii_graphic())
            && self.app_key_sha256 != KeyDigest::of("")
    }
}

/// SHA-256 of a key, 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of `key`.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }
}

/// A text is no digest of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`app_key_sha256` is 64 hexadecimal digits: printf %s KEY | sha256sum")]
pub struct KeyDigestError;

impl TryFrom<String> for KeyDigest {
    type Error = KeyDigestError;

    fn try_from(text: String) -> Result<Self, KeyDigestError> {
        let digest: liveness::Digest = text.parse().map_err(|_| KeyDigestError)?;
        Ok(Self(digest.into()))
    }
}

/// Everyone who may call.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Digest of the id, digest of the key.
    apps: Vec<([u8; 32], [u8; 32])>,
}

impl Credentials {
    /// Everyone in `list`.
    #[must_use]
    pub fn new(list: &[Credential]) -> Self {
        let app = |c: &Credential| (Sha256::digest(&c.app_id).into(), c.app_key_sha256.0);
        Self { apps: list.iter().map(app).collect() }
    }

    /// Whether the headers name someone who may call. Missing, unknown and wrong take the same time:
    /// what is presented is hashed and compared with every entry, to the last byte.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> bool {
        let (id, key) = (presented(headers, ID_HEADERS), presented(headers, KEY_HEADERS));
        let complete = Choice::from(u8::from(id.is_some() && key.is_some()));
        let id: [u8; 32] = Sha256::digest(id.unwrap_or_default()).into();
        let key: [u8; 32] = Sha256::digest(key.unwrap_or_default()).into();
        let known = self.apps.iter().fold(Choice::from(0), |known, (app_id, app_key)| {
            known | (app_id.ct_eq(&id) & app_key.ct_eq(&key))
        });
        (known & complete).into()
    }
}

/// The one value that the headers called `names` have. Two that differ are none: whoever sent both
/// spellings must mean the same by them.
fn presented<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a [u8]> {
    let values = names.iter().flat_map(|name| headers.get_all(*name));
    let mut values = values.map(HeaderValue::as_bytes);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(headers: &[(&'static str, &str)]) -> bool {
        let credential =
            |id: &str, key| Credential { app_id: id.into(), app_key_sha256: KeyDigest::of(key) };
        let credentials = Credentials::new(&[credential("one", "k1"), credential("two", "k2")]);
        let mut map = HeaderMap::new();
        for &(name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        credentials.admit(&map)
    }

    #[test]
    fn both_spellings_are_taken_and_mixed() {
        assert!(admits(&[("app_id", "one"), ("app_key", "k1")]));
        assert!(admits(&[("app-id", "two"), ("app-key", "k2")]));
        assert!(admits(&[("app-id", "two"), ("app_key", "k2")]));
        assert!(admits(&[
            ("app_id", "one"),
            ("app-id", "one"),
            ("app_key", "k1"),
            ("app-key", "k1")
        ]));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(!admits(&[]));
        assert!(!admits(&[("app_id", "one")]));
        assert!(!admits(&[("app_key", "k1")]));
        assert!(!admits(&[("app_id", "one"), ("app_key", "k2")]));
        assert!(!admits(&[("app_id", "three"), ("app_key", "k1")]));
        assert!(!admits(&[("app_id", ""), ("app_key", "")]));
        assert!(!admits(&[("app_id", "one"), ("app-id", "two"), ("app_key", "k1")]));
        assert!(!admits(&[("app_id", "one"), ("app_key", "k1"), ("app_key", "k2")]));
    }

    #[test]
    fn nobody_may_call_where_nobody_is_listed() {
        assert!(!Credentials::default().admit(&HeaderMap::new()));
    }
}
