//! RFC 8785 (JSON Canonicalization Scheme), limited to what an event holds: text, yes/no, whole numbers, lists, objects.
//!
//! Without fractions the scheme needs no number formatting of its own, so a writer of this size is the whole of it.

use std::borrow::Cow;

/// The largest whole number that every JSON reader keeps exactly, 2^53 - 1 (RFC 7493, section 2.2).
pub const MAX_EXACT: i64 = 9_007_199_254_740_991;

/// A value that has exactly one canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; one beyond ±[`MAX_EXACT`] is written as text, because readers would round it.
    Number(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list; its order is kept.
    List(Vec<Value<'a>>),
    /// An object; the writer sorts it. Names must differ.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
    /// An object from named values.
    pub fn object(members: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Self {
        Self::Object(
            members
                .into_iter()
                .map(|(name, value)| (Cow::Borrowed(name), value))
                .collect(),
        )
    }
    /// The canonical bytes, UTF-8.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::new();
        write(self, &mut out);
        out.into_bytes()
    }
}

fn write(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(n) if (-MAX_EXACT..=MAX_EXACT).contains(n) => out.push_str(&n.to_string()),
        Value::Number(n) => write_text(&n.to_string(), out),
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

fn write_object(members: &[(Cow<'_, str>, Value<'_>)], out: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    // By UTF-16 code units (section 3.2.3), which differs from UTF-8 order above the basic plane.
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (i, (name, value)) in sorted.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// Section 3.2.2.2: only what must be escaped is, in its shortest form, hexadecimal in lower case.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // Runs that need no escape are copied whole. What needs one is a single byte, so that the cuts lie between characters.
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        let (plain, after) = rest.split_at(at);
        out.push_str(plain);
        let mut after = after.chars();
        if let Some(c) = after.next() {
            write_escaped(c, out);
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn write_escaped(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        c => {
            out.push_str(if u32::from(c) < 0x10 { "\\u000" } else { "\\u001" });
            out.extend(char::from_digit(u32::from(c) & 0xf, 16));
        }
    }
}

/// Writes an object of known names member by member, without a [`Value`] of it: an entry is written for every event, and read and
/// written again for every entry that is verified. Names are given in their order (section 3.2.3), as they need no escape.
pub(crate) struct Members<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Members<'a> {
    /// Begins an object.
    pub(crate) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Where the value of the next member is to be written.
    pub(crate) fn name(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        write_text(name, self.out);
        self.out.push(':');
        self.out
    }

    /// A member that is text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        write_text(text, self.name(name));
    }

    /// A member that is the text of an id or an instant, which needs no escape.
    pub(crate) fn plain(&mut self, name: &str, text: impl std::fmt::Display) {
        use std::fmt::Write as _;
        // Writing to a `String` cannot fail.
        let _written = write!(self.name(name), "\"{text}\"");
    }

    /// A member of any kind.
    pub(crate) fn value(&mut self, name: &str, value: &Value<'_>) {
        write(value, self.name(name));
    }

    /// Ends it.
    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// Whether names that are sorted as UTF-8 are sorted by UTF-16 code units as well: the two differ only where characters beyond the
/// basic plane meet those from U+E000 on.
pub(crate) fn sorts_alike(name: &str) -> bool {
    name.bytes().all(|b| b < 0xee)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(value: &Value<'_>) -> String {
        String::from_utf8(value.to_bytes()).unwrap()
    }

    #[test]
    fn names_are_sorted_as_in_rfc_8785_section_3_2_3() {
        let names = ["\u{20ac}", "\r", "\u{fb33}", "1", "\u{1f600}", "\u{80}", "\u{f6}"];
        let object = Value::object(names.map(|name| (name, Value::Bool(true))));
        assert_eq!(
            canonical(&object),
            "{\"\\r\":true,\"1\":true,\"\u{80}\":true,\"\u{f6}\":true,\"\u{20ac}\":true,\"\u{1f600}\":true,\"\u{fb33}\":true}"
        );
    }

    #[test]
    fn text_is_escaped_as_in_rfc_8785_section_3_2_2_2() {
        let text = Value::text("\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{1f}\u{7f}\u{8}\u{c}\t\r");
        assert_eq!(
            canonical(&text),
            "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\u001f\u{7f}\\b\\f\\t\\r\""
        );
    }

    #[test]
    fn numbers_that_a_reader_would_round_become_text() {
        assert_eq!(canonical(&Value::Number(MAX_EXACT)), "9007199254740991");
        assert_eq!(canonical(&Value::Number(-MAX_EXACT)), "-9007199254740991");
        assert_eq!(canonical(&Value::Number(MAX_EXACT + 1)), "\"9007199254740992\"");
        assert_eq!(canonical(&Value::Number(i64::MIN)), "\"-9223372036854775808\"");
    }

    proptest! {
        #[test]
        fn any_text_reads_back_the_same(text in any::<String>()) {
            let bytes = Value::text(text.as_str()).to_bytes();
            prop_assert_eq!(serde_json::from_slice::<String>(&bytes).unwrap(), text);
        }

        #[test]
        fn the_order_in_which_members_were_given_does_not_matter(
            members in proptest::collection::btree_map(any::<String>(), -MAX_EXACT..=MAX_EXACT, 0..12),
        ) {
            let forward: Vec<_> = members.iter().map(|(k, v)| (k.as_str(), Value::Number(*v))).collect();
            let backward: Vec<_> = forward.iter().cloned().rev().collect();
            let bytes = Value::object(forward).to_bytes();
            prop_assert_eq!(&bytes, &Value::object(backward).to_bytes());
            let read: std::collections::BTreeMap<String, i64> = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(read, members);
        }
    }
}
