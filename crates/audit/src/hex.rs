//! Hashes in hexadecimal, which has one form here: lower case.

use std::fmt::Write as _;

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

/// The 32 bytes that [`hex`] wrote so; `None` for any other text.
pub(crate) fn unhex32(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(unhex32(&hex(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_what_would_be_written_or_nothing(text in "\\PC{0,70}") {
            if let Some(bytes) = unhex32(&text) {
                prop_assert_eq!(hex(&bytes), text);
            }
        }
    }

    #[test]
    fn there_is_one_form() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        let good = "0f".repeat(32);
        assert_eq!(unhex32(&good), Some([15; 32]));
        for bad in [
            &good[1..],
            &good[2..],
            &format!("{good}0f"),
            &"0F".repeat(32),
            &"+f".repeat(32),
            &"é".repeat(32),
        ] {
            assert_eq!(unhex32(bad), None, "{bad}");
        }
    }
}
