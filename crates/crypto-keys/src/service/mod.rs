//! Cryptography as a service: keys that other programs use by name, and never see.
//!
//! ```text
//! ciphertext   vutf:v<version>:<base64url(envelope)>   envelope: as for fields, domain "vutf/service/v1",
//!              bound to tenant, key name and context
//! MAC          vutf:v<version>:<base64url(tag)>        tag = HMAC-SHA-256(key, LP("vutf/service-mac/v1") ‖ LP(tenant) ‖
//!              LP(key name) ‖ LP(input))
//! signature    vutf:v<version>:<base64url(signature)>  Ed25519 (RFC 8032) over the input as it is, so that anybody can verify
//!              it with the public key
//! ```
//!
//! A key name belongs to one tenant and one use: `encrypt:orders` and `hmac:orders` are different keys.

pub mod action;
mod text;

use std::sync::Arc;

use vutf_kernel::{Entropy, KeyId, OrganizationId, Secret};

pub use self::text::Versioned;
use crate::{
    CryptoError, Decision, Keyring, Operation, Purpose, ServiceUse, VerifyingKey,
    associated::length_prefixed,
    envelope,
    hazmat::mac,
    signing,
    snapshot::{Loaded, Snapshot},
};

const DOMAIN: &str = "vutf/service/v1";
const MAC_DOMAIN: &[u8] = b"vutf/service-mac/v1";

/// What a ciphertext is bound to besides its key: 1 to 4,096 bytes that name what was encrypted, e.g. `orders/4711/iban`. It is
/// not secret and is not in the ciphertext; who decrypts says it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context<'a>(&'a [u8]);

impl<'a> Context<'a> {
    /// Bytes at most.
    pub const MAX: usize = 4_096;

    /// # Errors
    /// Without a context a ciphertext would open in any place; a longer one is refused, too.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, ContextError> {
        match bytes.len() {
            0 => Err(ContextError::Empty),
            1..=Self::MAX => Ok(Self(bytes)),
            _ => Err(ContextError::TooLong),
        }
    }

    /// As it was given.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Why bytes are no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// It must say something.
    #[error("the context is empty: say what is encrypted")]
    Empty,
    /// More than [`Context::MAX`] bytes.
    #[error("the context is longer than {} bytes", Context::MAX)]
    TooLong,
}

/// A named key with all its versions, as they were at one moment. A handle: it shows no key.
pub struct ServiceKey<'a> {
    ring: &'a Keyring,
    snapshot: Arc<Snapshot>,
    organization_id: OrganizationId,
    purpose: Purpose,
}

impl Keyring {
    /// The key `name` of `organization` for `service`.
    ///
    /// # Errors
    /// [`CryptoError::KeyNotLoaded`] when there is none, or none yet in this process.
    pub fn service_key(
        &self,
        organization: OrganizationId,
        service: ServiceUse,
        name: &str,
    ) -> Result<ServiceKey<'_>, CryptoError> {
        let (snapshot, purpose) = (self.snapshot(), Purpose::service(service, name));
        if snapshot.versions(organization, purpose.borrowed()).is_empty() {
            return Err(CryptoError::KeyNotLoaded {
                organization_id: organization,
                purpose,
                key_id: None,
            });
        }
        Ok(ServiceKey {
            ring: self,
            snapshot,
            organization_id: organization,
            purpose,
        })
    }
}

impl ServiceKey<'_> {
    /// Id and version of the key that protects now: the newest active one.
    pub fn newest(&self) -> Result<(KeyId, u32), CryptoError> {
        let key = self
            .snapshot
            .protecting(self.organization_id, self.purpose.borrowed())?;
        Ok((key.id, key.version))
    }

    /// The id of a version; `None` when there is no such version.
    pub fn id_of(&self, version: u32) -> Option<KeyId> {
        self.versions()
            .find(|key| key.version == version)
            .map(|key| key.id)
    }

    /// Encrypts under the newest active version, bound to tenant, name and `context`.
    pub fn encrypt(
        &self,
        context: Context<'_>,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Versioned, CryptoError> {
        let key = self.protecting()?;
        key.usage.count(plaintext.len());
        let sealed = envelope::seal(DOMAIN, key.cipher()?, &self.parts(context), plaintext, entropy)?;
        Ok(Versioned::new(key.version, sealed))
    }

    /// Decrypts what [`ServiceKey::encrypt`] made for the same context, under whichever version it names.
    pub fn decrypt(
        &self,
        context: Context<'_>,
        ciphertext: &Versioned,
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let hint = envelope::key_hint(ciphertext.bytes())?;
        if hint.key_version != ciphertext.version() {
            return Err(CryptoError::Malformed);
        }
        self.ring.policy().check(hint.suite)?;
        let Some(key) = self.snapshot.by_id(hint.key_id) else {
            return Err(self.not_loaded(Some(hint.key_id)));
        };
        if (key.organization_id, &key.purpose) != (self.organization_id, &self.purpose) {
            return Err(CryptoError::ForeignKey(hint.key_id));
        }
        self.ring.admit(key)?;
        envelope::open(DOMAIN, key.cipher()?, &self.parts(context), ciphertext.bytes())
    }

    /// Encrypts anew under the newest active version what an older one protects. The context stays, and nobody sees the
    /// plaintext.
    pub fn rewrap(
        &self,
        context: Context<'_>,
        ciphertext: &Versioned,
        entropy: &mut dyn Entropy,
    ) -> Result<Versioned, CryptoError> {
        let plaintext = self.decrypt(context, ciphertext)?;
        self.encrypt(context, plaintext.expose(), entropy)
    }

    /// The MAC of `input` under the newest active version.
    pub fn mac(&self, input: &[u8]) -> Result<Versioned, CryptoError> {
        let key = self.protecting()?;
        key.usage.count(input.len());
        Ok(Versioned::new(key.version, self.tag(key, input)?.to_vec()))
    }

    /// Whether `tag` is the MAC of `input` under the version that it names, compared in constant time.
    pub fn verify_mac(&self, input: &[u8], tag: &Versioned) -> Result<bool, CryptoError> {
        let key = self.believed(tag.version())?;
        if tag.bytes().len() != mac::MAC {
            return Err(CryptoError::Malformed);
        }
        Ok(mac::equal(&self.tag(key, input)?, tag.bytes()))
    }

    /// The Ed25519 signature of `input` under the newest active version.
    pub fn sign(&self, input: &[u8]) -> Result<Versioned, CryptoError> {
        let key = self.protecting()?;
        key.usage.count(input.len());
        Ok(Versioned::new(key.version, key.signer()?.sign(input)?.to_vec()))
    }

    /// Whether `signature` over `input` is by the version that it names.
    pub fn verify_signature(&self, input: &[u8], signature: &Versioned) -> Result<bool, CryptoError> {
        let key = self.believed(signature.version())?;
        if signature.bytes().len() != signing::SIGNATURE {
            return Err(CryptoError::Malformed);
        }
        let public_key = key.signer()?.public_key();
        Ok(signing::verify(&public_key, input, signature.bytes()))
    }

    /// The public keys whose signatures are believed, newest first; none for keys that do not sign.
    pub fn public_keys(&self) -> Vec<VerifyingKey> {
        self.ring.verifying_keys(self.organization_id, &self.purpose)
    }

    fn versions(&self) -> impl Iterator<Item = &Loaded> {
        let versions = self
            .snapshot
            .versions(self.organization_id, self.purpose.borrowed());
        versions.iter().map(|key| &**key)
    }

    fn protecting(&self) -> Result<&Loaded, CryptoError> {
        self.ring
            .protecting(&self.snapshot, self.organization_id, self.purpose.borrowed())
    }

    /// A version whose MACs and signatures mean something: with a compromised key anybody may have made them.
    fn believed(&self, version: u32) -> Result<&Loaded, CryptoError> {
        let key = self
            .versions()
            .find(|key| key.version == version)
            .ok_or_else(|| self.not_loaded(None))?;
        if key.may(Operation::Process) == Decision::AllowFlagged {
            return Err(CryptoError::Refused(key.state));
        }
        self.ring.admit(key)?;
        Ok(key)
    }

    fn not_loaded(&self, key_id: Option<KeyId>) -> CryptoError {
        CryptoError::KeyNotLoaded {
            organization_id: self.organization_id,
            purpose: self.purpose.clone(),
            key_id,
        }
    }

    fn parts<'b>(&'b self, context: Context<'b>) -> [&'b [u8]; 3] {
        [self.organization_id.as_bytes(), self.name(), context.as_bytes()]
    }

    fn tag(&self, key: &Loaded, input: &[u8]) -> Result<[u8; mac::MAC], CryptoError> {
        let message = length_prefixed(&[MAC_DOMAIN, self.organization_id.as_bytes(), self.name(), input])?;
        Ok(key.mac_key()?.tag(&[&message]))
    }

    fn name(&self) -> &[u8] {
        match &self.purpose {
            Purpose::Service { name, .. } => name.as_bytes(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;
