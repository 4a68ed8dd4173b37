//! What a key is for. A key has one purpose in one tenant, and no operation takes a key for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use vutf_kernel::UserId;

use crate::{Suite, UnknownText};

/// The one use of a key. Its text is stable: stores hold it, and the record's MAC covers it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Wraps the other keys of the tenant. Text: `tenant`.
    Tenant,
    /// Encrypts the fields of a table. Text: `field:users`.
    Field {
        /// The table.
        table: String,
    },
    /// Makes the blind index of a column. Text: `index:users.email`.
    Index {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Signs tokens. Text: `token-signing`.
    TokenSigning,
    /// Signs checkpoints of the audit log. Text: `checkpoint-signing`.
    CheckpointSigning,
    /// Authenticates something of the service's own, e.g. pagination cursors. Text: `mac:cursor`.
    Mac {
        /// What it authenticates.
        name: String,
    },
    /// Encrypts the fields of one person: destroying it erases them. Text: `subject:` and the user's id.
    Subject {
        /// The person.
        subject: UserId,
    },
    /// A key that other programs use by its name. Text: `encrypt:NAME`, `hmac:NAME`, `sign:NAME`.
    Service {
        /// What they do with it.
        service: ServiceUse,
        /// Its name.
        name: String,
    },
}

/// A purpose whose names are borrowed: keys are looked up by it without a copy of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PurposeRef<'a> {
    Tenant,
    Field { table: &'a str },
    Index { table: &'a str, column: &'a str },
    TokenSigning,
    CheckpointSigning,
    Mac { name: &'a str },
    Subject { subject: UserId },
    Service { service: ServiceUse, name: &'a str },
}

impl From<PurposeRef<'_>> for Purpose {
    fn from(borrowed: PurposeRef<'_>) -> Self {
        match borrowed {
            PurposeRef::Tenant => Self::Tenant,
            PurposeRef::Field { table } => Self::field(table),
            PurposeRef::Index { table, column } => Self::index(table, column),
            PurposeRef::TokenSigning => Self::TokenSigning,
            PurposeRef::CheckpointSigning => Self::CheckpointSigning,
            PurposeRef::Mac { name } => Self::mac(name),
            PurposeRef::Subject { subject } => Self::subject(subject),
            PurposeRef::Service { service, name } => Self::service(service, name),
        }
    }
}

/// What other programs do with a named key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceUse {
    /// Encrypt and decrypt. Text: `encrypt`.
    Encrypt,
    /// Make and verify MACs. Text: `hmac`.
    Mac,
    /// Sign and verify. Text: `sign`.
    Sign,
}

impl ServiceUse {
    /// Every use.
    pub const ALL: [Self; 3] = [Self::Encrypt, Self::Mac, Self::Sign];

    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Mac => "hmac",
            Self::Sign => "sign",
        }
    }
}

impl Purpose {
    /// [`Purpose::Field`].
    pub fn field(table: &str) -> Self {
        Self::Field {
            table: table.to_owned(),
        }
    }
    /// [`Purpose::Index`].
    pub fn index(table: &str, column: &str) -> Self {
        Self::Index {
            table: table.to_owned(),
            column: column.to_owned(),
        }
    }
    /// [`Purpose::Mac`].
    pub fn mac(name: &str) -> Self {
        Self::Mac {
            name: name.to_owned(),
        }
    }
    /// [`Purpose::Subject`].
    pub const fn subject(subject: UserId) -> Self {
        Self::Subject { subject }
    }
    /// [`Purpose::Service`].
    pub fn service(service: ServiceUse, name: &str) -> Self {
        Self::Service {
            service,
            name: name.to_owned(),
        }
    }
    pub(crate) fn borrowed(&self) -> PurposeRef<'_> {
        match self {
            Self::Tenant => PurposeRef::Tenant,
            Self::Field { table } => PurposeRef::Field { table },
            Self::Index { table, column } => PurposeRef::Index { table, column },
            Self::TokenSigning => PurposeRef::TokenSigning,
            Self::CheckpointSigning => PurposeRef::CheckpointSigning,
            Self::Mac { name } => PurposeRef::Mac { name },
            Self::Subject { subject } => PurposeRef::Subject { subject: *subject },
            Self::Service { service, name } => PurposeRef::Service {
                service: *service,
                name,
            },
        }
    }
    /// The person whose data alone the key protects.
    pub const fn subject_id(&self) -> Option<UserId> {
        match self {
            Self::Subject { subject } => Some(*subject),
            _ => None,
        }
    }
    /// The algorithm that new keys of this purpose get.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Tenant
            | Self::Field { .. }
            | Self::Subject { .. }
            | Self::Service {
                service: ServiceUse::Encrypt,
                ..
            } => Algorithm::XChaCha20Poly1305,
            Self::Index { .. }
            | Self::Mac { .. }
            | Self::Service {
                service: ServiceUse::Mac,
                ..
            } => Algorithm::HmacSha256,
            Self::TokenSigning
            | Self::CheckpointSigning
            | Self::Service {
                service: ServiceUse::Sign,
                ..
            } => Algorithm::Ed25519,
        }
    }
    /// Whether a new version of the key is all that its rotation takes. The other purposes need work on the data as well:
    /// keys rewrapped (tenant), indexes made again, or what a MAC authenticates made out anew; or on the side of others, who
    /// have to be given the new public key before they believe it (checkpoints).
    pub const fn rotates_alone(&self) -> bool {
        match self {
            Self::TokenSigning | Self::Field { .. } | Self::Subject { .. } | Self::Service { .. } => true,
            Self::Tenant | Self::CheckpointSigning | Self::Index { .. } | Self::Mac { .. } => false,
        }
    }
    /// Whether a new version can be made by itself: of what rotates alone, of the tenant key and of the key of checkpoints. The
    /// predecessor of a tenant key goes on to unwrap what it wrapped, until a rewrap has moved the keys below it
    /// ([`crate::rewrap`]); that of a key of checkpoints goes on to verify what it signed.
    pub const fn is_rotatable(&self) -> bool {
        self.rotates_alone() || matches!(self, Self::Tenant | Self::CheckpointSigning)
    }
    /// Whether the names in it are ones that the text can carry: 1 to 63 of `[a-z0-9_-]`.
    pub fn is_valid(&self) -> bool {
        self.to_string().parse().as_ref() == Ok(self)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Field { table } => write!(f, "field:{table}"),
            Self::Index { table, column } => write!(f, "index:{table}.{column}"),
            Self::TokenSigning => f.write_str("token-signing"),
            Self::CheckpointSigning => f.write_str("checkpoint-signing"),
            Self::Mac { name } => write!(f, "mac:{name}"),
            Self::Subject { subject } => write!(f, "subject:{subject}"),
            Self::Service { service, name } => write!(f, "{}:{name}", service.as_str()),
        }
    }
}

impl FromStr for Purpose {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let purpose = match text.split_once(':') {
            None if text == "tenant" => Some(Self::Tenant),
            None if text == "token-signing" => Some(Self::TokenSigning),
            None if text == "checkpoint-signing" => Some(Self::CheckpointSigning),
            Some(("field", table)) if is_name(table) => Some(Self::field(table)),
            Some(("mac", name)) if is_name(name) => Some(Self::mac(name)),
            Some(("index", place)) => place
                .split_once('.')
                .filter(|(table, column)| is_name(table) && is_name(column))
                .map(|(table, column)| Self::index(table, column)),
            // Only the canonical form: the record's MAC covers the text.
            Some(("subject", id)) => id
                .parse::<UserId>()
                .ok()
                .filter(|subject| subject.to_string() == id)
                .map(Self::subject),
            Some((service, name)) if is_name(name) => ServiceUse::ALL
                .into_iter()
                .find(|known| known.as_str() == service)
                .map(|service| Self::service(service, name)),
            _ => None,
        };
        purpose.ok_or_else(|| UnknownText {
            what: "key purpose",
            text: text.to_owned(),
        })
    }
}

impl Serialize for Purpose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purpose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// What a key computes. A key has one algorithm for life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// Authenticated encryption, draft-irtf-cfrg-xchacha-03. Text: `xchacha20-poly1305`.
    #[serde(rename = "xchacha20-poly1305")]
    XChaCha20Poly1305,
    /// Authenticated encryption, C2SP XAES-256-GCM. Text: `xaes-256-gcm`.
    #[serde(rename = "xaes-256-gcm")]
    Xaes256Gcm,
    /// Message authentication, FIPS 198-1. Text: `hmac-sha-256`.
    #[serde(rename = "hmac-sha-256")]
    HmacSha256,
    /// Signatures, RFC 8032. Text: `ed25519`.
    #[serde(rename = "ed25519")]
    Ed25519,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [
        Self::XChaCha20Poly1305,
        Self::Xaes256Gcm,
        Self::HmacSha256,
        Self::Ed25519,
    ];

    /// The stable text that stores and wire formats hold.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
            Self::Xaes256Gcm => "xaes-256-gcm",
            Self::HmacSha256 => "hmac-sha-256",
            Self::Ed25519 => "ed25519",
        }
    }
    /// The ciphertext suite of keys with this algorithm; `None` when they do not encrypt.
    pub const fn suite(self) -> Option<Suite> {
        match self {
            Self::XChaCha20Poly1305 => Some(Suite::XChaCha20Poly1305),
            Self::Xaes256Gcm => Some(Suite::Xaes256Gcm),
            Self::HmacSha256 | Self::Ed25519 => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownText {
                what: "key algorithm",
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn purposes_read_as_documented() {
        for (purpose, text) in [
            (Purpose::Tenant, "tenant"),
            (Purpose::field("users"), "field:users"),
            (Purpose::index("users", "email"), "index:users.email"),
            (Purpose::TokenSigning, "token-signing"),
            (Purpose::CheckpointSigning, "checkpoint-signing"),
            (Purpose::mac("cursor"), "mac:cursor"),
            (
                Purpose::subject(UserId::from_uuid(uuid::Uuid::from_bytes([7; 16]))),
                "subject:07070707-0707-0707-0707-070707070707",
            ),
            (Purpose::service(ServiceUse::Encrypt, "orders"), "encrypt:orders"),
            (Purpose::service(ServiceUse::Mac, "webhook"), "hmac:webhook"),
            (Purpose::service(ServiceUse::Sign, "release"), "sign:release"),
        ] {
            assert_eq!(purpose.to_string(), text);
            assert_eq!(text.parse(), Ok(purpose.clone()));
            assert_eq!(serde_json::to_value(&purpose).unwrap(), text);
        }
    }

    #[test]
    fn only_keys_whose_data_needs_no_work_rotate_alone() {
        let alone = [Purpose::TokenSigning, Purpose::field("users")];
        let with_work = [
            Purpose::Tenant,
            Purpose::CheckpointSigning,
            Purpose::index("users", "email"),
            Purpose::mac("cursor"),
        ];
        assert!(alone.iter().all(Purpose::rotates_alone));
        assert!(!with_work.iter().any(Purpose::rotates_alone));
        let by_command = with_work.iter().filter(|purpose| purpose.is_rotatable());
        assert_eq!(
            by_command.collect::<Vec<_>>(),
            [&Purpose::Tenant, &Purpose::CheckpointSigning]
        );
        assert!(alone.iter().all(Purpose::is_rotatable));
    }

    #[test]
    fn a_name_that_would_make_the_text_ambiguous_is_not_valid() {
        assert!(!Purpose::index("a.b", "c").is_valid());
        assert!(!Purpose::field("").is_valid());
        assert!(!Purpose::mac("UPPER").is_valid());
        assert!(Purpose::index("a", "b").is_valid());
    }

    #[test]
    fn algorithms_round_trip() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_back(text in "(tenant|token-signing|field|index|mac|encrypt|hmac|sign|x)?:?[a-z0-9_.:-]{0,20}") {
            if let Ok(purpose) = text.parse::<Purpose>() {
                prop_assert_eq!(purpose.to_string(), text);
            }
        }
    }
}
