//! Parts of a request that must be what the document says: by itself serde takes a list of the values of its fields for an object, and
//! `{"word": null}` for a word.
//!
//! Not for: what the values may be (`input.rs`).

use serde::de::value::MapAccessDeserializer;
use serde::de::{IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// Read from an object alone.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// An object within another one.
pub(crate) fn object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Object::deserialize(from).map(|Object(value)| value)
}

/// The same where it may be left out or null.
pub(crate) fn maybe_object<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Object<T>>::deserialize(from)?.map(|Object(value)| value))
}

/// Several of them.
pub(crate) fn objects<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let all = Vec::<Object<T>>::deserialize(from)?.into_iter();
    Ok(all.map(|Object(value)| value).collect())
}

/// One of some words.
pub(crate) fn word<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(String::deserialize(from)?.into_deserializer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        a: u32,
        #[serde(default)]
        b: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
        Two,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        #[serde(deserialize_with = "object")]
        inner: Inner,
        #[serde(default, deserialize_with = "maybe_object")]
        maybe: Option<Inner>,
        #[serde(default, deserialize_with = "objects")]
        many: Vec<Inner>,
        #[serde(deserialize_with = "word")]
        kind: Kind,
    }

    #[test]
    fn objects_are_objects_and_words_are_words() {
        let read = |text: &str| serde_json::from_str::<Outer>(text).map_err(|e| e.to_string());
        let whole = read(r#"{"inner":{"a":1},"maybe":null,"many":[{"a":2,"b":"c"}],"kind":"two"}"#);
        let whole = whole.unwrap();
        assert_eq!(
            (whole.inner.a, whole.maybe, whole.kind),
            (1, None, Kind::Two)
        );
        assert_eq!(whole.many[0].b.as_deref(), Some("c"));
        assert!(read(r#"{"inner":{"a":1},"maybe":{"a":3},"kind":"one"}"#).is_ok());
        for wrong in [
            r#"{"inner":[1,null],"kind":"one"}"#,
            r#"{"inner":{"a":1},"maybe":[1,"b"],"kind":"one"}"#,
            r#"{"inner":{"a":1},"many":[[1,"b"]],"kind":"one"}"#,
            r#"{"inner":{"a":1},"many":{"a":1},"kind":"one"}"#,
        ] {
            assert!(read(wrong).unwrap_err().contains("invalid type"), "{wrong}");
        }
        assert!(read(r#"{"inner":{"a":1},"kind":{"one":null}}"#).is_err());
        assert!(
            read(r#"{"inner":{"a":1},"kind":"three"}"#)
                .unwrap_err()
                .contains("three")
        );
    }
}
