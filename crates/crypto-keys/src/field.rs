//! Where a field stands: what its ciphertext is bound to.

use vutf_kernel::{OrganizationId, UserId};

use crate::purpose::PurposeRef;

pub(crate) const DOMAIN: &str = "vutf/field/v1";

/// The place of a field. A ciphertext that is moved to another tenant, table, column, row or person does not open.
#[derive(Clone, Copy, Debug)]
pub struct FieldRef<'a> {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The primary key of the row, as bytes.
    pub row: &'a [u8],
    /// The person whose data it is, where that can be said; bound as empty where it cannot.
    pub subject: Option<UserId>,
}

impl<'a> FieldRef<'a> {
    /// What the key of the field is for.
    pub(crate) const fn purpose(&self) -> PurposeRef<'a> {
        PurposeRef::Field { table: self.table }
    }

    /// Calls `f` with the parts of the associated data, in the order of the format.
    pub(crate) fn with_parts<T>(&self, f: impl FnOnce(&[&[u8]]) -> T) -> T {
        let subject = self.subject.map(|id| *id.as_bytes());
        f(&[
            self.organization_id.as_bytes(),
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row,
            subject.as_ref().map(<[u8; 16]>::as_slice).unwrap_or_default(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Entropy, OrganizationId, Secret, UserId};

    use super::*;
    use crate::{
        Suite,
        envelope::{self, EnvelopeKey},
        record::key_id_from_bytes,
    };

    struct Nonce;

    impl Entropy for Nonce {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0x33);
        }
    }

    /// Computed by a second implementation, in Python: HKDF from `hmac` and `hashlib` (RFC 5869), HChaCha20 written from
    /// draft-irtf-cfrg-xchacha-03 and held against the example of its section 2.2.1, XAES written from C2SP XAES-256-GCM and
    /// held against its second vector, and ChaCha20-Poly1305, AES and AES-GCM of the package `cryptography`. Data that was
    /// stored once must open for ever.
    #[test]
    fn the_format_is_pinned() {
        assert_eq!(
            sealed_by(Suite::XChaCha20Poly1305),
            concat!(
                "e50101002222222222222222222222222222222200000007333333333333333333333333333333333333333333333333",
                "15dbcaead1a91ffd311efa536a55226d113fffe9a0c90f9e7b182a873b7fa6fa1d43950cc33889e073f67bf3baee068b",
                "0439c403af10fd98788b14a4ef8ea7"
            )
        );
        assert_eq!(
            sealed_by(Suite::Xaes256Gcm),
            concat!(
                "e50102002222222222222222222222222222222200000007333333333333333333333333333333333333333333333333",
                "898abf7675e838fb01ed1f53bfd77c7ba727a27f44a9296d00605e461221437785c564ce035a220a0aa2ebe0dd339931",
                "57cbe227e296259ed7bc7c314f8be8"
            )
        );
    }

    fn sealed_by(suite: Suite) -> String {
        let id = key_id_from_bytes([0x22; 16]);
        let key = EnvelopeKey::new(suite, id, 7, &Secret::new([0x11; 32])).unwrap();
        let field = FieldRef {
            organization_id: OrganizationId::from_uuid(uuid::Uuid::from_bytes([0x44; 16])),
            table: "users",
            column: "email",
            row: b"row-1",
            subject: Some(UserId::from_uuid(uuid::Uuid::from_bytes([0x55; 16]))),
        };
        let sealed = field
            .with_parts(|parts| envelope::seal(DOMAIN, &key, parts, b"ada@example.org", &mut Nonce))
            .unwrap();
        hex::encode(sealed)
    }
}
