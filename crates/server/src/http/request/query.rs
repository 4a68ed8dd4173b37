//! Query parameters: known ones only, each once, none too long.

use std::{
    collections::{BTreeMap, HashSet},
    future::{Ready, ready},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::de::{DeserializeOwned, IntoDeserializer as _, value::MapDeserializer};
use vutf_kernel::Class;

use crate::http::{
    problem::{FieldError, Problem},
    state::AppState,
};

/// The query as a struct. Give it `#[serde(deny_unknown_fields)]` and fields of type `Option<String>` or parsed from text.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let limit = request
            .app_data::<web::Data<AppState>>()
            .map_or(1_000, |state| state.config.server.query_value as usize);
        ready(parse(request.query_string(), limit).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str, limit: usize) -> Result<T, Problem> {
    let mut pairs = BTreeMap::new();
    let mut seen = HashSet::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if value.chars().count() > limit || name.chars().count() > limit {
            let detail = format!("use at most {limit} characters");
            return Err(refuse("query_value_too_long", &name, detail));
        }
        // No parameter needs one, and PostgreSQL takes no NUL in text.
        if name.chars().chain(value.chars()).any(char::is_control) {
            let detail = "leave out control characters".to_owned();
            return Err(refuse("invalid_query", &name, detail));
        }
        if !seen.insert(name.clone()) {
            return Err(refuse(
                "invalid_query",
                &name,
                "send each parameter once".to_owned(),
            ));
        }
        pairs.insert(name.into_owned(), value.into_owned());
    }
    let values = pairs.into_iter().map(|(name, value)| (name, Text(value)));
    let deserializer: MapDeserializer<'_, _, serde::de::value::Error> = MapDeserializer::new(values);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let name = error.path().to_string();
        let message = error.inner().to_string();
        let code = if message.starts_with("unknown field") {
            "unknown_query_parameter"
        } else {
            "invalid_query"
        };
        let expected = message.rsplit_once("expected ").map_or_else(
            || "see the API document".to_owned(),
            |(_, tail)| format!("expected {tail}"),
        );
        refuse(code, &name, expected)
    })
}

fn refuse(code: &'static str, name: &str, detail: String) -> Problem {
    let shown: String = name.chars().take(100).collect();
    Problem::new(Class::Invalid, code)
        .detail(detail.clone())
        .errors(vec![FieldError::new(shown, code, detail)])
}

/// A query value: text that becomes what the field asks for.
struct Text(String);

impl serde::de::IntoDeserializer<'_, serde::de::value::Error> for Text {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> serde::Deserializer<'de> for Text {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }
    fn deserialize_option<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }
    fn deserialize_bool<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0.parse() {
            Ok(yes) => visitor.visit_bool(yes),
            Err(_) => Err(not_as_expected(&visitor)),
        }
    }
    fn deserialize_u16<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u16(number),
            Err(_) => Err(not_as_expected(&visitor)),
        }
    }
    fn deserialize_u64<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => Err(not_as_expected(&visitor)),
        }
    }
    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0
            .into_deserializer()
            .deserialize_enum(name, variants, visitor)
    }
    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn not_as_expected(visitor: &dyn serde::de::Expected) -> serde::de::value::Error {
    serde::de::Error::invalid_type(serde::de::Unexpected::Other("text"), visitor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use uuid::Uuid;
    use vutf_kernel::Timestamp;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Dto {
        limit: Option<u16>,
        actor: Option<Uuid>,
        from: Option<Timestamp>,
        action: Option<String>,
        size: u64,
        witnessed: Option<bool>,
    }

    fn code(query: &str) -> &'static str {
        parse::<Dto>(query, 1_000).unwrap_err().code()
    }

    #[test]
    fn known_parameters_are_read() {
        let dto: Dto = parse(
            "limit=5&actor=01937b6e-5b5c-7d3e-8f00-000000000001&from=2026-01-01T00:00:00Z&action=user.lock",
            1_000,
        )
        .unwrap();
        assert_eq!(dto.limit, Some(5));
        assert!(dto.actor.is_some() && dto.from.is_some());
        assert_eq!(dto.action.as_deref(), Some("user.lock"));
        assert_eq!(parse::<Dto>("", 1_000).unwrap(), Dto::default());
    }

    #[test]
    fn sizes_and_yes_or_no_are_read() {
        let dto: Dto = parse("size=18446744073709551615&witnessed=true", 1_000).unwrap();
        assert_eq!((dto.size, dto.witnessed), (u64::MAX, Some(true)));
        for query in [
            "size=18446744073709551616",
            "size=-1",
            "size=",
            "witnessed=1",
            "witnessed=yes",
        ] {
            assert_eq!(code(query), "invalid_query", "{query}");
        }
    }

    #[test]
    fn mistakes_have_codes() {
        assert_eq!(code("nope=1"), "unknown_query_parameter");
        assert_eq!(code("limit=x"), "invalid_query");
        assert_eq!(code("limit=-1"), "invalid_query");
        assert_eq!(code("actor=x"), "invalid_query");
        assert_eq!(code("from=yesterday"), "invalid_query");
        assert_eq!(code("limit=1&limit=2"), "invalid_query");
        assert_eq!(
            code(&format!("action={}", "x".repeat(1_001))),
            "query_value_too_long"
        );
    }

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for query in [
            "action=%00",
            "action=user%0Alock",
            "action=a%C2%85",
            "action%00=x",
            "action=%7F",
        ] {
            assert_eq!(code(query), "invalid_query", "{query}");
        }
        let dto: Dto = parse("action=%C3%A9+x", 1_000).unwrap();
        assert_eq!(dto.action.as_deref(), Some("é x"));
    }

    proptest! {
        #[test]
        fn arbitrary_queries_never_panic(query in "\\PC{0,200}") {
            let _ = parse::<Dto>(&query, 50);
        }
    }
}
