//! Rows of passkeys.

use uuid::Uuid;

use super::{Authenticated, Message};

/// What a passkey's row says, but for its name, its transports and its last use, which let nobody in.
pub(crate) struct PasskeyRow<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) credential_id: &'a [u8],
    pub(crate) public_key: &'a [u8],
    pub(crate) sign_count: u32,
    /// Eligible, present.
    pub(crate) backup: (bool, bool),
    pub(crate) password_changed_at: Option<i64>,
}

impl Authenticated for PasskeyRow<'_> {
    const TABLE: &'static str = "passkeys";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        let (eligible, present) = self.backup;
        Message::new("vutf/row/passkeys/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.user.as_bytes())
            .part(self.credential_id)
            .part(self.public_key)
            .part(&self.sign_count.to_be_bytes())
            .part(&[u8::from(eligible), u8::from(present)])
            .optional(self.password_changed_at.map(i64::to_be_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_anything_changes_the_message() {
        let row = || PasskeyRow {
            organization: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            user: Uuid::from_u128(3),
            credential_id: b"id",
            public_key: b"key",
            sign_count: 4,
            backup: (true, false),
            password_changed_at: None,
        };
        let edits: [fn(&mut PasskeyRow<'static>); 9] = [
            |row| row.organization = Uuid::from_u128(9),
            |row| row.id = Uuid::from_u128(9),
            |row| row.user = Uuid::from_u128(9),
            |row| row.credential_id = b"other",
            |row| row.public_key = b"other",
            |row| row.sign_count = 3,
            |row| row.backup = (false, false),
            |row| row.backup = (true, true),
            |row| row.password_changed_at = Some(0),
        ];
        for edit in edits {
            let mut changed = row();
            edit(&mut changed);
            assert_ne!(changed.message().bytes(), row().message().bytes());
        }
    }
}
