//! The fields of a JSON body, read in one pass. Pictures are borrowed, and unknown fields take no
//! memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::takes::Takes;

/// Pictures kept of a list: one more than `max_batch` can be set to. The rest is skipped.
const MOST_SELFIES: usize = 1001;

/// The fields that an endpoint reads.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    /// Pictures as text.
    pub selfies: Vec<Cow<'a, str>>,
    pub threshold: Option<Scalar>,
    pub security_level: Option<Scalar>,
}

/// A value of a field that takes a number or a text.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar {
    Number(f64),
    Text(String),
    /// Any other type, `null` too.
    Other,
}

/// Reads the fields that `takes` names from the object in `text`.
///
/// # Errors
/// If `text` is not one JSON object, or one of those fields is repeated.
pub(crate) fn read(text: &[u8], takes: Takes) -> Result<Fields<'_>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let fields = takes.deserialize(&mut json)?;
    json.end()?;
    Ok(fields)
}

impl<'de> DeserializeSeed<'de> for Takes {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Fields<'de>, D::Error> {
        value.deserialize_map(Object(self))
    }
}

struct Object(Takes);

impl<'de> Visitor<'de> for Object {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let takes = self.0;
        let is_batch = matches!(takes, Takes::Selfies(_));
        let (mut selfies, mut threshold, mut security_level) = (None, None, None);
        while let Some(Text(key)) = map.next_key()? {
            let is_repeated = match &*key {
                "selfie" if !is_batch => {
                    let text = map.next_value::<Option<Text<'_>>>()?;
                    selfies.replace(text.map(|Text(text)| text).into_iter().collect()).is_some()
                }
                "selfies" if is_batch => {
                    let list = map.next_value::<Option<List<'_>>>()?;
                    selfies.replace(list.map(|List(texts)| texts).unwrap_or_default()).is_some()
                }
                "threshold" => threshold.replace(map.next_value()?).is_some(),
                "security_level" if takes.level() => {
                    security_level.replace(map.next_value()?).is_some()
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if is_repeated {
                return Err(A::Error::custom("a field comes twice"));
            }
        }
        Ok(Fields { selfies: selfies.unwrap_or_default(), threshold, security_level })
    }
}

/// Borrowed unless it has escapes, as a picture is large.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Texts, [`MOST_SELFIES`] at most.
struct List<'a>(Vec<Cow<'a, str>>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<List<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(Text(text)) = texts.next_element()? {
                    if list.len() < MOST_SELFIES {
                        list.push(text);
                    }
                }
                Ok(List(list))
            }
        }
        value.deserialize_seq(Texts)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number as f64))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Scalar, A::Error> {
                IgnoredAny.visit_seq(list).map(|_| Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scalar, A::Error> {
                IgnoredAny.visit_map(map).map(|_| Scalar::Other)
            }
        }
        value.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_not_copied_and_unknown_fields_are_not_kept() {
        let text = br#"{"other":[[1,2],{"a":null}],"selfie":"AAAA","threshold":[0,0,0]}"#;
        let fields = read(text, Takes::SelfieAndLevel).unwrap();
        assert!(matches!(fields.selfies[..], [Cow::Borrowed("AAAA")]));
        assert_eq!(fields.threshold, Some(Scalar::Other));
        assert_eq!(fields.security_level, None);
        let many = format!("{{\"selfies\":[{}\"\"]}}", "\"\",".repeat(5000));
        let fields = read(many.as_bytes(), Takes::Selfies(1000)).unwrap();
        assert_eq!(fields.selfies.len(), MOST_SELFIES);
    }

    #[test]
    fn numbers_and_texts_are_told_apart() {
        let threshold = |text: &str| {
            let body = format!("{{\"threshold\":{text}}}");
            match read(body.as_bytes(), Takes::Selfie).unwrap().threshold.unwrap() {
                Scalar::Number(number) => number.to_string(),
                Scalar::Text(text) => format!("{text:?}"),
                Scalar::Other => "other".to_owned(),
            }
        };
        for (text, is) in [
            ("0.5", "0.5"),
            ("1", "1"),
            ("-1", "-1"),
            ("1e-1", "0.1"),
            ("\"0.5\"", "\"0.5\""),
            ("\"\\u0031\"", "\"1\""),
            ("null", "other"),
            ("true", "other"),
            ("[1]", "other"),
            ("{\"a\":1}", "other"),
        ] {
            assert_eq!(threshold(text), is, "{text}");
        }
    }

    #[test]
    fn other_values_than_objects_and_repeated_fields_are_refused() {
        for text in [
            "[\"AAAA\",0.5]",
            "\"AAAA\"",
            "null",
            "",
            "{",
            "{} {}",
            "{\"selfie\":5}",
            "{\"selfie\":\"a\",\"selfie\":\"b\"}",
            "{\"selfie\":null,\"selfie\":\"b\"}",
            "{\"threshold\":1,\"threshold\":1}",
            "{\"security_level\":1,\"security_level\":1}",
        ] {
            assert!(read(text.as_bytes(), Takes::SelfieAndLevel).is_err(), "{text}");
        }
        assert!(read(b"{\"selfies\":[5]}", Takes::Selfies(3)).is_err());
        // Kairos' endpoints ignore these fields.
        assert!(
            read(b"{\"selfies\":5,\"security_level\":1,\"security_level\":1}", Takes::Selfie)
                .is_ok()
        );
    }
}
