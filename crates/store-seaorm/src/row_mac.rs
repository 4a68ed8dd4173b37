//! Authenticates rows as a whole, beyond what their ciphertexts are bound to.
//!
//! A ciphertext that stood in the same cell before opens there again, and a status or an epoch is no ciphertext at all. So a
//! row carries MACs over what it says: over the values and not over their ciphertexts, so that re-encryption leaves them as
//! they are. A user has two: one over what is personal, which is verified when it is opened, and one over the rest and the
//! first, which is verified with every request without opening anything.

pub(crate) mod custom_role;
pub(crate) mod passkey;

use uuid::Uuid;
use vutf_crypto_keys::Keyring;
use vutf_kernel::{OrganizationId, PortError, Timestamp};

use crate::{purposes::ROWS, row::corrupt};

/// What a user's row says that is not personal.
pub(crate) struct Standing<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) kind: &'a str,
    pub(crate) version: i64,
    pub(crate) status: &'a str,
    pub(crate) epoch: i64,
    pub(crate) email_verified_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) erased_at: Option<i64>,
    pub(crate) pii_mac: Option<&'a [u8]>,
}

/// What a user's row says that is personal.
pub(crate) struct Personal<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) version: i64,
    pub(crate) username: &'a str,
    pub(crate) email: &'a str,
    pub(crate) display_name: Option<&'a str>,
    pub(crate) phone: Option<&'a str>,
}

/// What a password's row says.
pub(crate) struct Password<'a> {
    pub(crate) organization: Uuid,
    pub(crate) user: Uuid,
    pub(crate) changed_at: Timestamp,
    pub(crate) must_change_at: Option<Timestamp>,
    pub(crate) beside_factor: bool,
    pub(crate) phc: &'a str,
}

/// What an authenticator app's row says.
pub(crate) struct Totp<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) secret: &'a str,
    pub(crate) confirmed_at: Option<i64>,
    pub(crate) last_step: i64,
}

/// What an API key's row says, but for its name and its last use, which let nobody in.
pub(crate) struct ApiKeyRow<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) lookup: &'a str,
    pub(crate) secret: &'a [u8],
    pub(crate) scopes: &'a str,
    pub(crate) networks: Option<&'a str>,
    pub(crate) expires_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) successor: Option<Uuid>,
    pub(crate) version: i64,
}

/// What the row of a mailed link says.
pub(crate) struct MailedLink<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) purpose: &'a str,
    pub(crate) hash: &'a [u8],
    pub(crate) address: &'a str,
    pub(crate) expires_at: i64,
    pub(crate) created_at: i64,
}

/// What the row of an invitation says.
pub(crate) struct Invited<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) hash: &'a [u8],
    pub(crate) email: &'a str,
    pub(crate) roles: &'a str,
    pub(crate) expires_at: i64,
    pub(crate) created_by: Option<Uuid>,
}

/// What a policy's row says.
pub(crate) struct PolicyRow<'a> {
    pub(crate) organization: Uuid,
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) permissions: &'a str,
    pub(crate) roles: &'a str,
    pub(crate) conditions: &'a str,
    pub(crate) version: i64,
}

/// What the row of an account behind glass says.
pub(crate) struct GlassRow<'a> {
    pub(crate) organization: Uuid,
    pub(crate) user: Uuid,
    pub(crate) secret: &'a [u8],
    pub(crate) sealed_at: i64,
    pub(crate) opened_at: Option<i64>,
    pub(crate) session: Option<Uuid>,
}

/// A row, as it is authenticated.
pub(crate) trait Authenticated {
    const TABLE: &'static str;
    const COLUMN: &'static str;
    fn tenant(&self) -> Uuid;
    fn row(&self) -> Uuid;
    /// Domain and parts, so that no two rows say the same.
    fn message(&self) -> Message;

    fn mac(&self, keyring: &Keyring) -> Result<Vec<u8>, PortError> {
        let tenant = OrganizationId::from_uuid(self.tenant());
        keyring
            .mac(tenant, ROWS, &self.message().0)
            .map(Vec::from)
            .map_err(|error| error.into_port("row.mac"))
    }

    /// Refuses a row that was changed by somebody else than this service.
    fn verify(&self, keyring: &Keyring, mac: Option<&[u8]>) -> Result<(), PortError> {
        let tenant = OrganizationId::from_uuid(self.tenant());
        let matches = keyring
            .verify_mac(tenant, ROWS, &self.message().0, mac.unwrap_or_default())
            .map_err(|error| error.into_port("row.verify"))?;
        if matches {
            return Ok(());
        }
        let problem = "the row is not as this service wrote it";
        Err(corrupt(Self::TABLE, Self::COLUMN, self.row(), problem))
    }
}

impl Authenticated for Standing<'_> {
    const TABLE: &'static str = "users";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        // An account of a program has a message of its own; those of persons are what they were before there were others.
        let domain = match self.kind {
            "person" => "vutf/row/users/v1".to_owned(),
            other => format!("vutf/row/users/{other}/v1"),
        };
        Message::new(&domain)
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(&self.version.to_be_bytes())
            .part(self.status.as_bytes())
            .part(&self.epoch.to_be_bytes())
            .optional(self.email_verified_at.map(i64::to_be_bytes))
            .optional(self.deleted_at.map(i64::to_be_bytes))
            .optional(self.erased_at.map(i64::to_be_bytes))
            .optional(self.pii_mac)
    }
}

impl Authenticated for Personal<'_> {
    const TABLE: &'static str = "users";
    const COLUMN: &'static str = "pii_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/users/personal/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(&self.version.to_be_bytes())
            .part(self.username.as_bytes())
            .part(self.email.as_bytes())
            .optional(self.display_name)
            .optional(self.phone)
    }
}

impl Authenticated for Password<'_> {
    const TABLE: &'static str = "passwords";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.user
    }
    fn message(&self) -> Message {
        // One that is to be changed has a message of its own, and one that is good beside a second factor only; the others are what
        // they were before there were such.
        let since = self.must_change_at.map(|since| since.as_micros().to_be_bytes());
        let message = match since {
            _ if self.beside_factor => Message::new("vutf/row/passwords/beside/v1").optional(since),
            None => Message::new("vutf/row/passwords/v1"),
            Some(since) => Message::new("vutf/row/passwords/due/v1").part(&since),
        };
        message
            .part(self.organization.as_bytes())
            .part(self.user.as_bytes())
            .part(&self.changed_at.as_micros().to_be_bytes())
            .part(self.phc.as_bytes())
    }
}

impl Authenticated for PolicyRow<'_> {
    const TABLE: &'static str = "policies";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/policies/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.name.as_bytes())
            .part(self.permissions.as_bytes())
            .part(self.roles.as_bytes())
            .part(self.conditions.as_bytes())
            .part(&self.version.to_be_bytes())
    }
}

impl Authenticated for GlassRow<'_> {
    const TABLE: &'static str = "break_glass";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.user
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/break_glass/v1")
            .part(self.organization.as_bytes())
            .part(self.user.as_bytes())
            .part(self.secret)
            .part(&self.sealed_at.to_be_bytes())
            .optional(self.opened_at.map(i64::to_be_bytes))
            .optional(self.session.map(Uuid::into_bytes))
    }
}

impl Authenticated for Totp<'_> {
    const TABLE: &'static str = "totp_factors";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/totp_factors/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.user.as_bytes())
            .part(self.secret.as_bytes())
            .optional(self.confirmed_at.map(i64::to_be_bytes))
            .part(&self.last_step.to_be_bytes())
    }
}

impl Authenticated for ApiKeyRow<'_> {
    const TABLE: &'static str = "api_keys";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/api_keys/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.user.as_bytes())
            .part(self.lookup.as_bytes())
            .part(self.secret)
            .part(self.scopes.as_bytes())
            .optional(self.networks)
            .part(&self.expires_at.to_be_bytes())
            .optional(self.revoked_at.map(i64::to_be_bytes))
            .optional(self.successor.map(Uuid::into_bytes))
            .part(&self.version.to_be_bytes())
    }
}

impl Authenticated for MailedLink<'_> {
    const TABLE: &'static str = "account_links";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/account_links/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.user.as_bytes())
            .part(self.purpose.as_bytes())
            .part(self.hash)
            .part(self.address.as_bytes())
            .part(&self.expires_at.to_be_bytes())
            .part(&self.created_at.to_be_bytes())
    }
}

impl Authenticated for Invited<'_> {
    const TABLE: &'static str = "invitations";
    const COLUMN: &'static str = "row_mac";
    fn tenant(&self) -> Uuid {
        self.organization
    }
    fn row(&self) -> Uuid {
        self.id
    }
    fn message(&self) -> Message {
        Message::new("vutf/row/invitations/v1")
            .part(self.organization.as_bytes())
            .part(self.id.as_bytes())
            .part(self.hash)
            .part(self.email.as_bytes())
            .part(self.roles.as_bytes())
            .part(&self.expires_at.to_be_bytes())
            .optional(self.created_by.map(|by| *by.as_bytes()))
    }
}

/// Parts, each with its length before it; what is absent is told apart from what is empty. Personal: zeroised.
pub(crate) struct Message(zeroize::Zeroizing<Vec<u8>>);

impl Message {
    pub(crate) fn new(domain: &str) -> Self {
        // Room for all of it: a vector that grows leaves copies behind.
        Self(zeroize::Zeroizing::new(Vec::with_capacity(2_048))).part(domain.as_bytes())
    }
    /// For a key to authenticate.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
    pub(crate) fn part(mut self, bytes: &[u8]) -> Self {
        self.0
            .extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }
    pub(crate) fn optional(self, bytes: Option<impl AsRef<[u8]>>) -> Self {
        match bytes {
            Some(bytes) => self.part(&[1]).part(bytes.as_ref()),
            None => self.part(&[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing<'static> {
        Standing {
            organization: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            kind: "person",
            version: 3,
            status: "active",
            epoch: 4,
            email_verified_at: None,
            deleted_at: None,
            erased_at: None,
            pii_mac: Some(b"mac"),
        }
    }

    #[test]
    fn a_change_of_anything_changes_the_message() {
        let edits: [fn(&mut Standing<'static>); 10] = [
            |row| row.kind = "service",
            |row| row.organization = Uuid::from_u128(9),
            |row| row.id = Uuid::from_u128(9),
            |row| row.version = 9,
            |row| row.status = "locked",
            |row| row.epoch = 9,
            |row| row.email_verified_at = Some(0),
            |row| row.deleted_at = Some(0),
            |row| row.erased_at = Some(0),
            |row| row.pii_mac = None,
        ];
        let mut seen = vec![standing().message().0];
        for edit in edits {
            let mut row = standing();
            edit(&mut row);
            let message = row.message().0;
            assert!(!seen.contains(&message));
            seen.push(message);
        }
    }

    #[test]
    fn a_change_of_anything_of_a_factor_changes_the_message() {
        let factor = || Totp {
            organization: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            user: Uuid::from_u128(3),
            secret: "AAAA",
            confirmed_at: None,
            last_step: 4,
        };
        let edits: [fn(&mut Totp<'static>); 6] = [
            |row| row.organization = Uuid::from_u128(9),
            |row| row.id = Uuid::from_u128(9),
            |row| row.user = Uuid::from_u128(9),
            |row| row.secret = "BBBB",
            |row| row.confirmed_at = Some(0),
            |row| row.last_step = 3,
        ];
        for edit in edits {
            let mut row = factor();
            edit(&mut row);
            assert_ne!(row.message().0, factor().message().0);
        }
    }

    #[test]
    fn a_change_of_anything_of_an_api_key_changes_the_message() {
        let key = || ApiKeyRow {
            organization: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            user: Uuid::from_u128(3),
            lookup: "AbCd0129",
            secret: b"hash",
            scopes: "users:read",
            networks: None,
            expires_at: 4,
            revoked_at: None,
            successor: None,
            version: 1,
        };
        let edits: [fn(&mut ApiKeyRow<'static>); 11] = [
            |row| row.organization = Uuid::from_u128(9),
            |row| row.id = Uuid::from_u128(9),
            |row| row.user = Uuid::from_u128(9),
            |row| row.lookup = "AbCd0120",
            |row| row.secret = b"other",
            |row| row.scopes = "users:read users:write",
            |row| row.networks = Some("10.0.0.0/8"),
            |row| row.expires_at = 5,
            |row| row.revoked_at = Some(0),
            |row| row.successor = Some(Uuid::from_u128(9)),
            |row| row.version = 2,
        ];
        for edit in edits {
            let mut row = key();
            edit(&mut row);
            assert_ne!(row.message().0, key().message().0);
        }
    }

    #[test]
    fn a_change_of_anything_of_a_policy_changes_the_message() {
        let policy = || PolicyRow {
            organization: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            name: "hours",
            permissions: "keys:*",
            roles: "admin",
            conditions: "{}",
            version: 1,
        };
        let edits: [fn(&mut PolicyRow<'static>); 7] = [
            |row| row.organization = Uuid::from_u128(9),
            |row| row.id = Uuid::from_u128(9),
            |row| row.name = "other",
            |row| row.permissions = "keys:read",
            |row| row.roles = "",
            |row| row.conditions = r#"{"when":[]}"#,
            |row| row.version = 2,
        ];
        for edit in edits {
            let mut row = policy();
            edit(&mut row);
            assert_ne!(row.message().0, policy().message().0);
        }
    }

    #[test]
    fn a_change_of_anything_behind_glass_changes_the_message() {
        let glass = || GlassRow {
            organization: Uuid::from_u128(1),
            user: Uuid::from_u128(2),
            secret: b"hash",
            sealed_at: 1,
            opened_at: None,
            session: None,
        };
        let edits: [fn(&mut GlassRow<'static>); 6] = [
            |row| row.organization = Uuid::from_u128(9),
            |row| row.user = Uuid::from_u128(9),
            |row| row.secret = b"other",
            |row| row.sealed_at = 2,
            |row| row.opened_at = Some(0),
            |row| row.session = Some(Uuid::from_u128(9)),
        ];
        for edit in edits {
            let mut row = glass();
            edit(&mut row);
            assert_ne!(row.message().0, glass().message().0);
        }
    }

    #[test]
    fn what_is_absent_is_not_what_is_empty() {
        let personal = |display_name, phone| Personal {
            organization: Uuid::nil(),
            id: Uuid::nil(),
            version: 1,
            username: "a",
            email: "b",
            display_name,
            phone,
        };
        let all = [
            personal(None, None),
            personal(Some(""), None),
            personal(None, Some("")),
            personal(Some("x"), None),
            personal(None, Some("x")),
        ]
        .map(|row| row.message().0);
        for (place, one) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|other| one != other));
        }
    }
}
