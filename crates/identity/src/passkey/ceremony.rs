//! What a browser and an authenticator answer, and the port that checks it: Web Authentication Level 2. Whose a credential is,
//! whether its counter moves and what follows is decided here; whether bytes say what they must, by the port.

use sha2::{Digest as _, Sha256};
use vutf_kernel::{Entropy, Secret};

use super::PasskeyPolicy;
use crate::refresh::TokenHash;

/// What an authenticator signs together with the site: 256 bits that were never asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge(pub [u8; 32]);

impl Challenge {
    /// A fresh one.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(entropy.bytes())
    }
    /// The one of a sign-in that waits for its second factor: who knows the secret of the one has the other, and it ends with it.
    pub fn of_sign_in(secret: &Secret<String>) -> Self {
        let hash = Sha256::new()
            .chain_update(b"vutf/passkey/second-factor/v1\0")
            .chain_update(secret.expose());
        Self(hash.finalize().into())
    }
    /// Under which it is kept.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

/// By what an authenticator tells its keys apart: 1 to 1,023 bytes (§4, "Credential ID").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// Of what a client sent, or a store kept.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=1_023).contains(&bytes.len()).then_some(Self(bytes))
    }
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How a browser reaches an authenticator: a hint for the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A socket.
    Usb,
    /// Held to it.
    Nfc,
    /// By radio.
    Ble,
    /// A card reader.
    SmartCard,
    /// Another device, of which a code is scanned.
    Hybrid,
    /// Built in.
    Internal,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Usb,
        Self::Nfc,
        Self::Ble,
        Self::SmartCard,
        Self::Hybrid,
        Self::Internal,
    ];
    /// The word of the specification.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usb => "usb",
            Self::Nfc => "nfc",
            Self::Ble => "ble",
            Self::SmartCard => "smart-card",
            Self::Hybrid => "hybrid",
            Self::Internal => "internal",
        }
    }
    /// Reads the word; what a later specification adds is not known here.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// The answer to `navigator.credentials.create`.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Which credential it says it made.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `attestationObject`.
    pub attestation_object: Vec<u8>,
    /// `transports`.
    pub transports: Vec<Transport>,
}

/// The answer to `navigator.credentials.get`.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Which credential.
    pub credential_id: CredentialId,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// `signature`.
    pub signature: Vec<u8>,
    /// `userHandle`: whose it says it is.
    pub user_handle: Option<Vec<u8>>,
}

/// To what an answer must be bound.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The site.
    pub policy: &'a PasskeyPolicy,
    /// What was asked.
    pub challenge: Challenge,
    /// Whether the authenticator must have verified the person, by a PIN or otherwise, and not only that somebody is there.
    pub user_verification: bool,
}

/// Whether a key leaves its authenticator: Level 3, §6.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// It may be copied to other devices; this never changes.
    pub eligible: bool,
    /// It was.
    pub present: bool,
}

/// A registration that holds.
#[derive(Clone, Debug)]
pub struct Attested {
    /// A COSE key.
    pub public_key: Vec<u8>,
    /// The signature counter; 0 where there is none.
    pub sign_count: u32,
    /// Whether the authenticator verified the person.
    pub user_verified: bool,
    /// Whether the key may be copied.
    pub backup: Backup,
}

/// An assertion that holds.
#[derive(Clone, Copy, Debug)]
pub struct Asserted {
    /// The signature counter; 0 where there is none.
    pub sign_count: u32,
    /// Whether the authenticator verified the person.
    pub user_verified: bool,
    /// Whether the key may be copied.
    pub backup: Backup,
}

macro_rules! ceremony_errors {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        impl CeremonyError {
            $($(#[doc = $doc])+ pub const $name: Self = Self($text);)+
        }
    };
}

/// Why an answer does not hold. For the log: whoever sent it is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeremonyError(&'static str);

ceremony_errors! {
    /// It cannot be read.
    MALFORMED = "malformed_answer";
    /// It is of the other ceremony.
    WRONG_TYPE = "wrong_ceremony";
    /// It answers another challenge.
    WRONG_CHALLENGE = "wrong_challenge";
    /// It was given to another page.
    WRONG_ORIGIN = "wrong_origin";
    /// It was made for another site.
    WRONG_RP_ID = "wrong_rp_id";
    /// Nobody was there.
    USER_ABSENT = "user_absent";
    /// Nobody knows who was there.
    USER_NOT_VERIFIED = "user_not_verified";
    /// What cannot be copied is said to be copied.
    WRONG_BACKUP = "wrong_backup_state";
    /// No key of an algorithm that was offered.
    WRONG_KEY = "wrong_public_key";
    /// The signature is not the key's.
    WRONG_SIGNATURE = "wrong_signature";
    /// A statement of a kind that nobody asked for, or that does not hold.
    WRONG_ATTESTATION = "wrong_attestation";
}

impl CeremonyError {
    /// The stable word.
    pub const fn reason(self) -> &'static str {
        self.0
    }
}

/// The checks of the specification. Nothing in it waits.
pub trait Ceremonies: Send + Sync {
    /// Which challenge somebody says that they answer. Nothing of it is believed yet.
    fn challenge(&self, client_data: &[u8]) -> Option<Challenge>;
    /// §7.1, but for whose the credential is.
    fn register(&self, expected: &Expected<'_>, answer: &Registration) -> Result<Attested, CeremonyError>;
    /// §7.2, but for whose the credential is and for its counter.
    fn assert(
        &self,
        expected: &Expected<'_>,
        public_key: &[u8],
        answer: &Assertion,
    ) -> Result<Asserted, CeremonyError>;
}

/// For a service without passkeys: no answer holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCeremonies;

impl Ceremonies for NoCeremonies {
    fn challenge(&self, _: &[u8]) -> Option<Challenge> {
        None
    }
    fn register(&self, _: &Expected<'_>, _: &Registration) -> Result<Attested, CeremonyError> {
        Err(CeremonyError::MALFORMED)
    }
    fn assert(&self, _: &Expected<'_>, _: &[u8], _: &Assertion) -> Result<Asserted, CeremonyError> {
        Err(CeremonyError::MALFORMED)
    }
}
