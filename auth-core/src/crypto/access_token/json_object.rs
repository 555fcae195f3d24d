use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads one JSON object in which no object has two members of one name.
///
/// Readers differ in which of two equal members they believe, so a text that has them can say
/// one thing to one reader and another to the next (RFC 8725 §2.6, RFC 7519 §4).
pub(super) fn parse(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<UniqueMembers>(text).ok()?;
    serde_json::from_slice(text).ok()
}

/// Any JSON value whose objects have unique members; keeps nothing of it.
struct UniqueMembers;

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("duplicate member"));
            }
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_an_object_with_unique_members_is_read() {
        for text in [r#"{}"#, r#" {"a":1,"b":[null,true,-1,1.5,"x",{"a":2}]} "#] {
            assert!(parse(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "",
            "[]",
            r#"["EdDSA","at+jwt","k"]"#,
            "null",
            "{}{}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"{"a":NaN}"#,
            r#"{"a":1,}"#,
        ] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_none());
        assert!(parse("[".repeat(4_000).as_bytes()).is_none());
    }
}
