//! SHA-256 digests, written as 64 hexadecimal digits.

use std::io::{Read, Write};

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::Digest as _;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Digest(
    #[serde(
        serialize_with = "const_hex::serde::no_prefix::serialize",
        deserialize_with = "of_64_digits"
    )]
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    [u8; 32],
);

/// Without this, `const_hex` would read `0x` before the digits too.
fn of_64_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = Some(text).filter(|text| text.len() == 64);
    let digest = digits.and_then(|digits| const_hex::decode_to_array(digits).ok());
    digest.ok_or_else(|| D::Error::custom("a SHA-256 digest is 64 hexadecimal digits"))
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Copies all of `from` to `to`, and returns the digest and the number of bytes.
    pub(crate) fn of_copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<(Self, u64)> {
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return Ok((Self(hasher.finalize().into()), length));
            }
            hasher.update(&buffer[..read]);
            to.write_all(&buffer[..read])?;
            length += read as u64;
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&const_hex::encode(self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_prints_as_it_reads() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        let read = |text: &str| toml::Value::from(text).try_into::<Digest>();
        assert_eq!(read(empty), Ok(Digest::of(b"")));
        let prefixed = format!("0x{empty}");
        for bad in ["", "e3", &empty[1..], &empty.replace('e', "g"), &prefixed, &prefixed[..64]] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_schema_of_a_digest_is_64_hexadecimal_digits_with_the_fields_description() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Holder {
            /// A description.
            digest: Digest,
        }
        let schema = schemars::schema_for!(Holder);
        let expected = schemars::json_schema!({
            "description": "A description.",
            "pattern": "^[0-9a-f]{64}$",
            "type": "string",
        });
        assert_eq!(schema.as_value()["properties"]["digest"], *expected.as_value());
    }
}
