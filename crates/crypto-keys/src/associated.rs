//! Unambiguous associated data: every part carries its length, so no two lists of parts make the same bytes.

use crate::CryptoError;

/// Associated data up to this length is built on the stack. That of a field with UUIDs is 175 bytes where table and
/// column have five letters each; named keys have contexts of the caller's, which may be longer.
const SHORT: usize = 320;

/// Calls `f` with `LP(domain) ‖ LP(part) ‖ … ‖ header`.
pub(crate) fn with_associated_data<T>(
    domain: &str,
    parts: &[&[u8]],
    header: &[u8],
    f: impl FnOnce(&[u8]) -> Result<T, CryptoError>,
) -> Result<T, CryptoError> {
    let length = length_of(domain.as_bytes(), parts) + header.len();
    let (mut short, mut long) = ([0_u8; SHORT], Vec::new());
    let whole = if let Some(whole) = short.get_mut(..length) {
        whole
    } else {
        long.resize(length, 0);
        &mut long[..]
    };
    let mut room = put_prefixed(whole, domain.as_bytes())?;
    for part in parts {
        room = put_prefixed(room, part)?;
    }
    put(room, header)?;
    f(whole)
}

/// `LP(part) ‖ LP(part) ‖ …`, where `LP` puts the length before the bytes as a 32-bit big-endian number.
pub(crate) fn length_prefixed(parts: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + PREFIX).sum());
    for part in parts {
        out.extend_from_slice(&prefix(part)?);
        out.extend_from_slice(part);
    }
    Ok(out)
}

const PREFIX: usize = 4;

fn prefix(part: &[u8]) -> Result<[u8; PREFIX], CryptoError> {
    let length = u32::try_from(part.len()).map_err(|_| CryptoError::TooLong)?;
    Ok(length.to_be_bytes())
}

fn length_of(domain: &[u8], parts: &[&[u8]]) -> usize {
    let lengths = parts.iter().map(|part| part.len() + PREFIX);
    lengths.sum::<usize>() + domain.len() + PREFIX
}

fn put_prefixed<'a>(room: &'a mut [u8], part: &[u8]) -> Result<&'a mut [u8], CryptoError> {
    put(put(room, &prefix(part)?)?, part)
}

/// Writes `bytes` at the beginning of `room`, and gives what comes after them.
fn put<'a>(room: &'a mut [u8], bytes: &[u8]) -> Result<&'a mut [u8], CryptoError> {
    let (to, rest) = room
        .split_at_mut_checked(bytes.len())
        .ok_or(CryptoError::TooLong)?;
    to.copy_from_slice(bytes);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// On the stack and on the heap: the lengths go beyond what is short.
        #[test]
        fn associated_data_is_its_parts_prefixed_and_the_header(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..6),
            header in prop::collection::vec(any::<u8>(), 0..81),
        ) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let domain_first: Vec<&[u8]> = std::iter::once(&b"domain"[..]).chain(parts.iter().copied()).collect();
            let expected = [&length_prefixed(&domain_first).unwrap()[..], &header].concat();
            let made = with_associated_data("domain", &parts, &header, |aad| Ok(aad.to_vec()));
            prop_assert_eq!(made, Ok(expected));
        }

        #[test]
        fn no_two_lists_collide(
            left in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..4),
            right in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..4),
        ) {
            let bytes = |list: &[Vec<u8>]| length_prefixed(&list.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(left == right, bytes(&left) == bytes(&right));
        }
    }

    #[test]
    fn that_of_a_field_is_as_long_as_told() {
        let subject = vutf_kernel::UserId::from_uuid(uuid::Uuid::from_bytes([1; 16]));
        let field = crate::FieldRef {
            organization_id: vutf_kernel::OrganizationId::DEFAULT,
            table: "users",
            column: "email",
            row: subject.as_bytes(),
            subject: Some(subject),
        };
        let header = [0; crate::envelope::HEADER];
        let length = field.with_parts(|parts| {
            with_associated_data(crate::field::DOMAIN, parts, &header, |whole| Ok(whole.len()))
        });
        assert_eq!(length.unwrap(), 175);
    }
}
