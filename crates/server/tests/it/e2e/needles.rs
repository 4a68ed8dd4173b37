//! Looks for planted values in bytes: plain, in base64 at any offset, and in hexadecimal.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A planted value and every form in which it could leak.
pub(super) struct Needle {
    name: String,
    /// Compared without regard to case: accounts are looked up in lower case, and hexadecimal has two.
    folded: Vec<Vec<u8>>,
    exact: Vec<Vec<u8>>,
}

impl Needle {
    /// A text that must not be found.
    pub(super) fn text(name: &str, value: &str) -> Self {
        Self::bytes(name, value.as_bytes())
    }

    /// Bytes that must not be found.
    pub(super) fn bytes(name: &str, value: &[u8]) -> Self {
        assert!(value.len() >= 8, "{name}: too short to be told from chance");
        let hex: Vec<_> = value.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            name: name.to_owned(),
            folded: vec![value.to_ascii_lowercase(), hex.concat().into_bytes()],
            exact: (0..3).flat_map(|offset| base64_at(value, offset)).collect(),
        }
    }

    fn form_in(&self, bytes: &[u8], lower: &[u8]) -> Option<String> {
        let found = |haystack: &[u8], form: &Vec<u8>| contains(haystack, form).then(|| show(form));
        let folded = self.folded.iter().find_map(|form| found(lower, form));
        folded.or_else(|| self.exact.iter().find_map(|form| found(bytes, form)))
    }
}

/// Every needle that is in `bytes`, as `place: name as form`.
pub(super) fn found_in(place: &str, bytes: &[u8], needles: &[Needle]) -> Vec<String> {
    let lower = bytes.to_ascii_lowercase();
    let hits = needles.iter().filter_map(|needle| {
        let form = needle.form_in(bytes, &lower)?;
        Some(format!("{place}: {} as {form}", needle.name))
    });
    hits.collect()
}

/// What base64 makes of `value` when it begins `offset` bytes after a group of three: the part that depends on it alone.
fn base64_at(value: &[u8], offset: usize) -> [Vec<u8>; 2] {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(value);
    let whole = padded.len() / 3 * 3;
    let skip = [0, 2, 3][offset];
    [
        STANDARD_NO_PAD.encode(&padded[..whole]),
        URL_SAFE_NO_PAD.encode(&padded[..whole]),
    ]
    .map(|text| text.as_bytes()[skip..].to_vec())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, _)) = needle.split_first() else {
        return false;
    };
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn show(form: &[u8]) -> String {
    String::from_utf8_lossy(form).into_owned()
}

#[test]
fn every_form_is_found_wherever_it_begins() {
    let value = "Planted.Value-42";
    let needles = [Needle::text("value", value)];
    for before in ["", "x", "xy", "xyz"] {
        let text = format!("{before}{value}{before}");
        let hex: Vec<_> = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let forms = [
            text.clone(),
            text.to_uppercase(),
            hex.concat(),
            STANDARD_NO_PAD.encode(&text),
            URL_SAFE_NO_PAD.encode(&text),
        ];
        for form in forms {
            assert_eq!(
                found_in("here", form.as_bytes(), &needles).len(),
                1,
                "{before:?}: {form}"
            );
        }
    }
    assert!(found_in("here", b"planted value 42, and dGVzdA", &needles).is_empty());
}
