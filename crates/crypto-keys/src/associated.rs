//! Unambiguous associated data: every part carries its length, so no two lists of parts make the same bytes.

use crate::CryptoError;

/// `LP(part) ‖ LP(part) ‖ …`, where `LP` puts the length before the bytes as a 32-bit big-endian number.
pub(crate) fn length_prefixed(parts: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    append_length_prefixed(&mut out, parts.iter().copied())?;
    Ok(out)
}

/// The same, at the end of `out`.
pub(crate) fn append_length_prefixed<'a>(
    out: &mut Vec<u8>,
    parts: impl Iterator<Item = &'a [u8]>,
) -> Result<(), CryptoError> {
    for part in parts {
        let length = u32::try_from(part.len()).map_err(|_| CryptoError::TooLong)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_lists_collide(
            left in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..4),
            right in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..4),
        ) {
            let bytes = |list: &[Vec<u8>]| length_prefixed(&list.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(left == right, bytes(&left) == bytes(&right));
        }
    }
}
