//! The fields of a JSON body, in one pass: pictures are not copied, and what means nothing is passed over and takes no
//! memory, however much of it there is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::body::Takes;

/// More pictures than any batch may have are counted no further.
const MOST_SELFIES: usize = 1001;

/// What is in a body for an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    /// Texts that stand for pictures.
    pub selfies: Vec<Cow<'a, str>>,
    pub threshold: Option<Scalar<'a>>,
    pub security_level: Option<Scalar<'a>>,
}

/// A value that is to be a number or a text.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Number(f64),
    Text(Cow<'a, str>),
    /// Neither; `null` too.
    Other,
}

/// Reads what `takes` says out of the object in `text`.
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
            let is_again = match &*key {
                "selfie" if !is_batch => {
                    let one = map.next_value::<Option<Text<'_>>>()?;
                    selfies.replace(one.map(|Text(text)| text).into_iter().collect()).is_some()
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
            if is_again {
                // Which of two would be the one that is meant?
                return Err(A::Error::custom("a field comes twice"));
            }
        }
        Ok(Fields { selfies: selfies.unwrap_or_default(), threshold, security_level })
    }
}

/// Borrowed where it holds no escapes: a picture is large.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Texts, [`MOST_SELFIES`] at most: all others are passed over.
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

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number as f64))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        value.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_not_copied_and_what_means_nothing_is_not_kept() {
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
    fn what_is_no_object_or_has_a_field_twice_is_refused() {
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
        // To Kairos these mean nothing.
        assert!(
            read(b"{\"selfies\":5,\"security_level\":1,\"security_level\":1}", Takes::Selfie)
                .is_ok()
        );
    }
}
