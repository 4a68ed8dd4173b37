//! Where a field stands: what its ciphertext is bound to.

use vutf_kernel::{OrganizationId, UserId};

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

impl FieldRef<'_> {
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

    /// Computed by a second implementation, written from the formats and from draft-irtf-cfrg-xchacha-03 and C2SP
    /// XAES-256-GCM alone: data that was stored once must open for ever.
    #[test]
    fn the_format_is_pinned() {
        assert_eq!(
            sealed_by(Suite::XChaCha20Poly1305),
            concat!(
                "e50101002222222222222222222222222222222200000007333333333333333333333333333333333333333333333333",
                "a4f8ffdbfecce36319c3f75b038deb23ede1ed94c3a8726da751990ea3a4dbc97164f15510dda1ecc2aa8b39f877f65f",
                "37e4611ead547a1a0a664d77d46253"
            )
        );
        assert_eq!(
            sealed_by(Suite::Xaes256Gcm),
            concat!(
                "e50102002222222222222222222222222222222200000007333333333333333333333333333333333333333333333333",
                "1ca0d519a21c9553f5598487810dd1d0148c2624628c60b344c5f171bb0041691515922ad3a3f47a0fd1071aec25e860",
                "3254aec619fc0dcee1c1bfac83a367"
            )
        );
    }

    fn sealed_by(suite: Suite) -> String {
        let id = key_id_from_bytes([0x22; 16]);
        let key = EnvelopeKey::new(suite, id, 7, Secret::new([0x11; 32])).unwrap();
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
