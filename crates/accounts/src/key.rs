//! Keys, and the only form in which they are kept.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A key in the clear: made or taken over once, shown once, kept nowhere.
pub struct Key(String);

/// The shortest key that is taken over from another service, characters. SHA-256 hides a key only as
/// well as nobody can guess it; those of Kairos have 32 hexadecimal digits.
const MIN_KEY_LENGTH: usize = 16;

/// The longest one, characters: what passes every proxy as one header.
const MAX_KEY_LENGTH: usize = 256;

/// A text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key has {MIN_KEY_LENGTH} to {MAX_KEY_LENGTH} visible ASCII characters, \
     hard to guess"
)]
pub struct InvalidKey;

impl Key {
    /// A new one of 128 random bits, as 32 hexadecimal digits.
    ///
    /// # Panics
    /// When the system has no randomness to give; nothing can be kept secret then.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self(const_hex::encode(bytes))
    }

    /// One that callers have already.
    ///
    /// # Errors
    /// When it is too short, too long, or does not survive as a header's value.
    pub fn take_over(text: &str) -> Result<Self, InvalidKey> {
        let is_sound = (MIN_KEY_LENGTH..=MAX_KEY_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_sound { Ok(Self(text.to_owned())) } else { Err(InvalidKey) }
    }

    /// The key itself, for its owner's eyes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// SHA-256 of a key. Keys are random, so no salt and no slow hash is needed to hide them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyDigest(#[serde(with = "const_hex::serde::no_prefix")] pub(crate) [u8; 32]);

impl KeyDigest {
    /// The digest of what a caller presents.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The first eight hexadecimal digits: enough to tell keys apart, useless for calling.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        const_hex::encode(&self.0[..4])
    }

    /// All of it, 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        const_hex::encode(self.0)
    }

    /// Whether the two are equal, in a time that does not tell where they differ.
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
    fn new_keys_differ_and_could_be_taken_over() {
        let (one, two) = (Key::generate(), Key::generate());
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(one.reveal().len(), 32);
        assert_eq!(Key::take_over(one.reveal()).unwrap().digest(), one.digest());
    }

    #[test]
    fn what_callers_could_not_send_or_others_would_guess_is_refused() {
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
    fn nothing_that_is_printed_of_a_key_is_the_key() {
        let key = Key::generate();
        let text = format!("{key:?} {:?}", key.digest());
        assert!(!text.contains(key.reveal()) && !text.contains(&key.digest().to_hex()));
    }

    #[test]
    fn a_digest_is_the_one_that_sha256sum_prints() {
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
