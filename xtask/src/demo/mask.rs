//! Replaces what differs from run to run by its name: ids, instants, tokens, hashes, and the address.

/// What the guide shows instead of `base`.
const SHOWN_BASE: &str = "http://127.0.0.1:8080";
/// A run of hexadecimal digits that is as long is random or a hash.
const HEX: usize = 16;

/// Masks the output of a step of a service that listens on `base`.
pub(super) fn mask(output: &str, base: &str) -> String {
    let text = output.replace(base, SHOWN_BASE);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let (length, name) = volatile(rest).unwrap_or_else(|| {
            let word = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            (word.max(first.len_utf8()), "")
        });
        masked.push_str(if name.is_empty() { &rest[..length] } else { name });
        rest = &rest[length..];
    }
    masked
}

/// Length and name of what `text` begins with, if that differs from run to run.
fn volatile(text: &str) -> Option<(usize, &'static str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let span = |matches: &dyn Fn(char) -> bool| text.find(|c: char| !matches(c)).unwrap_or(text.len());
    for (prefix, name) in [
        ("v4.public.", "<access token>"),
        ("vutf_rt_", "<refresh token>"),
        ("vutf_bootstrap_", "<bootstrap token>"),
    ] {
        if text.starts_with(prefix) {
            return Some((span(&is_token), name));
        }
    }
    if has_form(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") {
        return Some((36, "<id>"));
    }
    if has_form(text, "dddd-dd-ddTdd:dd:dd") {
        let length = span(&|c| c.is_ascii_digit() || matches!(c, '-' | 'T' | ':' | '.' | 'Z'));
        return Some((length, "<time>"));
    }
    let hex = span(&|c| c.is_ascii_hexdigit());
    (hex >= HEX).then_some((hex, "<hex>"))
}

/// Whether `text` begins with `form`, in which `h` is a hexadecimal digit and `d` a decimal one.
fn has_form(text: &str, form: &str) -> bool {
    text.len() >= form.len()
        && form
            .bytes()
            .zip(text.bytes())
            .all(|(wanted, found)| match wanted {
                b'h' => found.is_ascii_hexdigit(),
                b'd' => found.is_ascii_digit(),
                other => other == found,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_what_does_not_stays() {
        for (output, shown) in [
            (
                r#"{"id":"01937b6e-5b5c-7d3e-8f00-000000000001","version":1}"#,
                r#"{"id":"<id>","version":1}"#,
            ),
            (r#""at":"2026-01-02T03:04:05.678Z","#, r#""at":"<time>","#),
            (
                r#""access_token":"v4.public.AA-_b.cc","x""#,
                r#""access_token":"<access token>","x""#,
            ),
            (
                "vutf_rt_Ab-_9 vutf_bootstrap_Zz",
                "<refresh token> <bootstrap token>",
            ),
            ("chain 0123456789abcdef0123 seq 21", "chain <hex> seq 21"),
            ("http://127.0.0.1:34567/docs", "http://127.0.0.1:8080/docs"),
            ("E5010100|deadbeef", "E5010100|deadbeef"),
            ("zdeadbeefdeadbeefdeadbeef", "zdeadbeefdeadbeefdeadbeef"),
            ("naïve – ok\n", "naïve – ok\n"),
            ("2026-01-02", "2026-01-02"),
        ] {
            assert_eq!(mask(output, "http://127.0.0.1:34567"), shown);
        }
    }
}
