//! Syslog: messages of RFC 5424, framed by counted octets (RFC 6587, section 3.4.1; RFC 5425, section 4.3).

use std::fmt::Write as _;

use vutf_kernel::Timestamp;

use super::{
    Exported, Source, hex,
    kind::{Kind, Severity},
};

/// Facility 13, log audit (RFC 5424, section 6.2.1).
const FACILITY: u8 = 13;
/// The structured data's name. 32473 is the enterprise number for documentation (RFC 5612): this project has none of its own.
const SD_ID: &str = "vutf@32473";
/// RFC 5424, section 6: the longest `MSGID`.
const MSGID: usize = 32;
/// The longest `HOSTNAME`.
const HOSTNAME: usize = 255;
/// Digits of a frame's length: a message is shorter than 100 MB.
const DIGITS: usize = 8;

/// A message with `text`, which is UTF-8.
pub(super) fn record(record: &Exported, source: &Source, text: &str) -> String {
    let body = &record.body;
    let priority = FACILITY * 8 + severity(Kind::of(body).severity_of(&body.outcome));
    let mut message = format!(
        "<{priority}>1 {} {} {} - {} [{SD_ID} seq=\"{}\" prev=\"{}\" leaf=\"{}\" chain=\"{}\" event=\"",
        timestamp(body.occurred_at),
        name(&source.host, HOSTNAME),
        Source::PRODUCT,
        name(&body.action, MSGID),
        record.seq,
        hex(&record.previous),
        hex(&record.leaf_hash),
        hex(&record.chain),
    );
    push_param(&mut message, &body.id.to_string());
    message.push_str("\"] ");
    // RFC 5424, section 6.4: what is not plain ASCII begins with a byte-order mark.
    if !text.is_ascii() {
        message.push('\u{feff}');
    }
    message.push_str(text);
    message
}

/// The message with its length in octets before it.
pub fn frame(message: &str) -> String {
    format!("{} {message}", message.len())
}

/// The first message of `bytes`, and how many octets its frame takes; `Ok(None)` while it is not whole.
///
/// # Errors
/// They do not begin with a length in decimal digits and a space.
pub fn unframe(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, FrameError> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > DIGITS || (digits == 0 && !bytes.is_empty()) || bytes.first() == Some(&b'0') {
        return Err(FrameError);
    }
    match bytes.get(digits) {
        None => return Ok(None),
        Some(b' ') => {}
        Some(_) => return Err(FrameError),
    }
    let (length, rest) = (&bytes[..digits], &bytes[digits + 1..]);
    let length = std::str::from_utf8(length).map_err(|_| FrameError)?;
    let length: usize = length.parse().map_err(|_| FrameError)?;
    Ok(rest.get(..length).map(|message| (message, digits + 1 + length)))
}

/// The bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a length in octets and a space")]
pub struct FrameError;

fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 2,
        Severity::Critical => 1,
    }
}

/// RFC 3339 with at most six digits of a second, or `-` for what has no such form.
fn timestamp(at: Timestamp) -> String {
    let text = at.rfc3339();
    if text.starts_with('@') { "-".into() } else { text }
}

/// 1 to `limit` of `PRINTUSASCII`; any other character becomes `_`.
fn name(text: &str, limit: usize) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let name: String = text.chars().map(printable).take(limit).collect();
    if name.is_empty() { "-".into() } else { name }
}

/// RFC 5424, section 6.3.3: `"`, `\` and `]` are escaped.
fn push_param(text: &mut String, value: &str) {
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            text.push('\\');
        }
        let _infallible = write!(text, "{c}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_frame_is_waited_for_and_what_is_none_is_refused() {
        assert_eq!(unframe(b""), Ok(None));
        assert_eq!(unframe(b"12"), Ok(None));
        assert_eq!(unframe(b"3 ab"), Ok(None));
        assert_eq!(unframe(b"3 abcd"), Ok(Some((&b"abc"[..], 5))));
        for bad in [
            &b" x"[..],
            b"x",
            b"0 ",
            b"012 x",
            b"3abc",
            b"123456789 x",
            b"-1 x",
        ] {
            assert_eq!(unframe(bad), Err(FrameError), "{bad:?}");
        }
    }

    #[test]
    fn parameters_and_names_cannot_end_what_they_stand_in() {
        let mut text = String::new();
        push_param(&mut text, r#"a"]\b"#);
        assert_eq!(text, r#"a\"\]\\b"#);
        assert_eq!(name("a b\u{e9}\n", 32), "a_b__");
        assert_eq!(name("", 32), "-");
        assert_eq!(name(&"x".repeat(40), 32).len(), 32);
    }
}
