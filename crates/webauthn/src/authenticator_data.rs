//! What the authenticator says, and signs: WebAuthn Level 2, §6.1.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use vutf_identity::passkey::{Backup, CeremonyError, Expected};

use crate::cose;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// The longest credential id: §4, "Credential ID".
const CREDENTIAL_ID: usize = 1_023;

/// The parts, as they stand in the bytes.
#[derive(Debug)]
pub(crate) struct AuthenticatorData<'a> {
    rp_id_hash: [u8; 32],
    flags: u8,
    pub(crate) sign_count: u32,
    pub(crate) credential: Option<NewCredential<'a>>,
}

/// What a registration adds: §6.5.1.
#[derive(Debug)]
pub(crate) struct NewCredential<'a> {
    pub(crate) id: &'a [u8],
    /// A COSE key.
    pub(crate) public_key: &'a [u8],
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], CeremonyError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(CeremonyError::MALFORMED)?;
    *rest = tail;
    Ok(head)
}

impl<'a> AuthenticatorData<'a> {
    /// All of it, and nothing after it.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, CeremonyError> {
        let mut rest = bytes;
        let rp_id_hash = *take::<32>(&mut rest)?;
        let [flags] = *take::<1>(&mut rest)?;
        let sign_count = u32::from_be_bytes(*take::<4>(&mut rest)?);
        let credential = if flags & ATTESTED == 0 {
            None
        } else {
            Some(new_credential(&mut rest)?)
        };
        if flags & EXTENSIONS != 0 {
            let extensions = cose::take_item(&mut rest)?;
            extensions.as_map().ok_or(CeremonyError::MALFORMED)?;
        }
        if !rest.is_empty() {
            return Err(CeremonyError::MALFORMED);
        }
        Ok(Self {
            rp_id_hash,
            flags,
            sign_count,
            credential,
        })
    }

    /// §7.1 steps 13 to 15, §7.2 steps 15 to 17.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), CeremonyError> {
        let rp_id: [u8; 32] = Sha256::digest(expected.policy.rp_id.as_bytes()).into();
        if !bool::from(rp_id.ct_eq(&self.rp_id_hash)) {
            return Err(CeremonyError::WRONG_RP_ID);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(CeremonyError::USER_ABSENT);
        }
        if expected.user_verification && !self.user_verified() {
            return Err(CeremonyError::USER_NOT_VERIFIED);
        }
        Ok(())
    }

    pub(crate) fn user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// Level 3, §6.1.3: what cannot be copied is not copied.
    pub(crate) fn backup(&self) -> Result<Backup, CeremonyError> {
        let backup = Backup {
            eligible: self.flags & BACKUP_ELIGIBLE != 0,
            present: self.flags & BACKED_UP != 0,
        };
        if backup.present && !backup.eligible {
            return Err(CeremonyError::WRONG_BACKUP);
        }
        Ok(backup)
    }
}

fn new_credential<'a>(rest: &mut &'a [u8]) -> Result<NewCredential<'a>, CeremonyError> {
    let _aaguid = take::<16>(rest)?;
    let length = usize::from(u16::from_be_bytes(*take::<2>(rest)?));
    if length == 0 || length > CREDENTIAL_ID {
        return Err(CeremonyError::MALFORMED);
    }
    let (id, after) = rest.split_at_checked(length).ok_or(CeremonyError::MALFORMED)?;
    *rest = after;
    cose::take_item(rest)?;
    let length = after.len() - rest.len();
    let public_key = after.get(..length).ok_or(CeremonyError::MALFORMED)?;
    Ok(NewCredential { id, public_key })
}
