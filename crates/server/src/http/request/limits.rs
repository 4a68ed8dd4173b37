//! Limits on JSON, checked before anything is built from it: nesting, keys, strings, and keys that occur twice (which
//! parsers disagree on, RFC 8259, section 4).

use std::{cell::RefCell, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// How large a document may be in each respect.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Arrays and objects within one another.
    pub depth: usize,
    /// Keys in the whole document.
    pub keys: usize,
    /// Characters in one string or key.
    pub string: usize,
}

/// What is wrong, as a stable code, and where, as a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    /// `json_too_deep`, `json_too_many_keys`, `json_string_too_long`, `duplicate_key` or `invalid_json`.
    pub code: &'static str,
    /// Where.
    pub pointer: String,
    /// What would be accepted.
    pub detail: String,
}

/// Reads `text` once and keeps nothing of it.
pub fn check(text: &str, limits: JsonLimits) -> Result<(), LimitError> {
    let walk = Walk {
        limits,
        state: RefCell::default(),
    };
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = Node {
        walk: &walk,
        depth: 0,
    }
    .deserialize(&mut parser)
    .and_then(|()| parser.end());
    let Err(error) = read else { return Ok(()) };
    let state = walk.state.into_inner();
    Err(state.found.unwrap_or_else(|| LimitError {
        code: "invalid_json",
        pointer: pointer(&state.path),
        detail: format!("not JSON at line {}, column {}", error.line(), error.column()),
    }))
}

#[derive(Default)]
struct State {
    keys: usize,
    path: Vec<String>,
    found: Option<LimitError>,
}

struct Walk {
    limits: JsonLimits,
    state: RefCell<State>,
}

impl Walk {
    fn refuse<E: serde::de::Error>(&self, code: &'static str, detail: String) -> E {
        let mut state = self.state.borrow_mut();
        let pointer = pointer(&state.path);
        state.found = Some(LimitError {
            code,
            pointer,
            detail,
        });
        E::custom(code)
    }
    fn string<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        // Bytes are never fewer than characters: the count is needed only for long texts.
        if text.len() > self.limits.string && text.chars().count() > self.limits.string {
            let detail = format!("use at most {} characters", self.limits.string);
            return Err(self.refuse("json_string_too_long", detail));
        }
        Ok(())
    }
    fn enter<E: serde::de::Error>(&self, depth: usize) -> Result<(), E> {
        if depth > self.limits.depth {
            let detail = format!("nest at most {} levels", self.limits.depth);
            return Err(self.refuse("json_too_deep", detail));
        }
        Ok(())
    }
    fn key<E: serde::de::Error>(&self, seen: &mut HashSet<String>, key: &str) -> Result<(), E> {
        self.string(key)?;
        let keys = {
            let mut state = self.state.borrow_mut();
            state.path.push(key.to_owned());
            state.keys += 1;
            state.keys
        };
        if keys > self.limits.keys {
            let detail = format!("use at most {} keys", self.limits.keys);
            return Err(self.refuse("json_too_many_keys", detail));
        }
        if !seen.insert(key.to_owned()) {
            return Err(self.refuse("duplicate_key", "send each key once".to_owned()));
        }
        Ok(())
    }
    fn leave(&self) {
        self.state.borrow_mut().path.pop();
    }
}

/// Any JSON value at some depth.
#[derive(Clone, Copy)]
struct Node<'a> {
    walk: &'a Walk,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.walk.string(text)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.depth + 1;
        self.walk.enter(depth)?;
        for at in 0_usize.. {
            self.walk.state.borrow_mut().path.push(at.to_string());
            if items.next_element_seed(Node { depth, ..self })?.is_none() {
                self.walk.leave();
                break;
            }
            self.walk.leave();
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.depth + 1;
        self.walk.enter(depth)?;
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.walk.key::<A::Error>(&mut seen, &key)?;
            entries.next_value_seed(Node { depth, ..self })?;
            self.walk.leave();
        }
        Ok(())
    }
}

/// RFC 6901. The whole document is the empty pointer.
pub(super) fn pointer<S: AsRef<str>>(path: &[S]) -> String {
    path.iter().fold(String::new(), |mut text, part| {
        text.push('/');
        let shown: String = part.as_ref().chars().take(100).collect();
        text.push_str(&shown.replace('~', "~0").replace('/', "~1"));
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: JsonLimits = JsonLimits {
        depth: 10,
        keys: 1_000,
        string: 10_000,
    };

    fn code(text: &str) -> Option<&'static str> {
        check(text, LIMITS).err().map(|error| error.code)
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    fn keyed(count: usize) -> String {
        let members: Vec<_> = (0..count).map(|at| format!("\"k{at}\":1")).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn the_limits_are_inclusive() {
        assert_eq!(code(&nested(10)), None);
        assert_eq!(code(&nested(11)), Some("json_too_deep"));
        assert_eq!(code(&nested(100_000)), Some("json_too_deep"));
        assert_eq!(code(&keyed(1_000)), None);
        assert_eq!(code(&keyed(1_001)), Some("json_too_many_keys"));
        assert_eq!(code(&format!("\"{}\"", "é".repeat(10_000))), None);
        assert_eq!(
            code(&format!("\"{}\"", "é".repeat(10_001))),
            Some("json_string_too_long")
        );
        assert_eq!(
            code(&format!("{{\"{}\":1}}", "k".repeat(10_001))),
            Some("json_string_too_long")
        );
    }

    #[test]
    fn a_key_that_occurs_twice_is_named_even_when_it_is_escaped() {
        let error = check(r#"{"a":{"role":"user","r\u006fle":"admin"}}"#, LIMITS).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), ("duplicate_key", "/a/role"));
        assert_eq!(code(r#"[{"a":1},{"a":1}]"#), None);
    }

    #[test]
    fn pointers_follow_rfc_6901() {
        let text = format!(r#"{{"a/b":[0,{{"m~n":"{}"}}]}}"#, "x".repeat(10_001));
        assert_eq!(check(&text, LIMITS).unwrap_err().pointer, "/a~1b/1/m~0n");
    }

    #[test]
    fn what_is_no_json_is_named() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "nul",
            "1 2",
            "\"\u{1}\"",
            "{'a':1}",
            "NaN",
            "\u{feff}{}",
        ] {
            assert_eq!(code(bad), Some("invalid_json"), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            let _ = check(&text, LIMITS);
        }

        #[test]
        fn what_passes_is_json(text in "[\\[\\]{}\",:0-9a-z\\\\ ]{0,60}") {
            let passed = check(&text, LIMITS).is_ok();
            prop_assert!(!passed || serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
