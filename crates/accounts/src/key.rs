//! Callers' keys, and the digests that are stored of them.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A key in the clear. It is shown once, when it is made, and never stored.
#[derive(Debug)]
pub struct Key(SecretString);

/// Minimum length of a key of another service, characters. SHA-256 hides only keys that cannot be
/// guessed. Kairos' keys have 32 hexadecimal digits.
const MIN_KEY_LENGTH: usize = 16;

/// Maximum length of a key, characters: one header of this length passes every proxy.
const MAX_KEY_LENGTH: usize = 256;

/// The text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has {MIN_KEY_LENGTH} to {MAX_KEY_LENGTH} visible ASCII characters, hard to guess")]
pub struct InvalidKey;

impl Key {
    /// A new key of 128 random bits, as 32 hexadecimal digits.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self(const_hex::encode(bytes).into())
    }

    /// A key that callers of another service already have.
    ///
    /// # Errors
    /// When it is too short, too long, or cannot be a header's value.
    pub fn take_over(text: &str) -> Result<Self, InvalidKey> {
        let is_sound = (MIN_KEY_LENGTH..=MAX_KEY_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_sound { Ok(Self(text.into())) } else { Err(InvalidKey) }
    }

    /// The key itself, to show to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// The digest that is stored.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.reveal().as_bytes())
    }
}

/// SHA-256 of a key. Keys are random, so they need no salt and no slow hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyDigest(#[serde(with = "const_hex::serde::no_prefix")] pub(crate) [u8; 32]);

impl KeyDigest {
    /// The digest of the key that a caller presents.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The first eight hexadecimal digits. They tell keys apart, and are useless for calling.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        const_hex::encode(&self.0[..4])
    }

    /// The whole digest, 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        const_hex::encode(self.0)
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyDigest({}..)", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_keys_differ_and_are_valid() {
        let (key, other) = (Key::generate(), Key::generate());
        assert_ne!(key.reveal(), other.reveal());
        assert_eq!(key.reveal().len(), 32);
        assert_eq!(Key::take_over(key.reveal()).unwrap().digest(), key.digest());
    }

    #[test]
    fn a_key_that_cannot_be_sent_or_is_too_short_is_refused() {
        for bad in [
            "",
            "short",
            "fifteen letters",
            "sixteen letters!",
            "sixteen-letters\u{e9}",
            &"x".repeat(257),
        ] {
            assert_eq!(Key::take_over(bad).err(), Some(InvalidKey), "{bad}");
        }
        assert!(Key::take_over("sixteen-letters!").is_ok());
    }

    #[test]
    fn debug_output_does_not_show_a_key() {
        let key = Key::generate();
        let text = format!("{key:?} {:?}", key.digest());
        assert!(!text.contains(key.reveal()) && !text.contains(&key.digest().to_hex()));
    }

    #[test]
    fn a_digest_reads_and_prints_as_sha256sum_prints_it() {
        let digest = KeyDigest::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_hex(), text);
        assert_eq!(digest.fingerprint(), "ba7816bf");
        let read = |text: &str| serde_json::from_value::<KeyDigest>(text.into());
        assert_eq!(read(text).unwrap(), digest);
        assert_eq!(serde_json::to_value(digest).unwrap(), text);
        for bad in ["", "ba", &text[1..], &text.replace('b', "g"), &format!("+{}", &text[1..])] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
