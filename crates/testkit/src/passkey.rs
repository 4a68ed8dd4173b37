//! An authenticator and its browser, in software: a key pair (Ed25519), a counter, and the bytes that Web Authentication wants of
//! them. Everything that a test may want to be wrong is a field.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::random;

/// Somebody was there.
pub const USER_PRESENT: u8 = 1;
/// It was they.
pub const USER_VERIFIED: u8 = 1 << 2;
/// The key may be copied.
pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// It was.
pub const BACKED_UP: u8 = 1 << 4;
/// A new credential follows.
const ATTESTED: u8 = 1 << 6;

/// One passkey, with the page that uses it.
#[derive(Clone, Debug)]
pub struct SoftPasskey {
    /// The credential's id.
    pub id: Vec<u8>,
    /// The private key.
    pub seed: [u8; 32],
    /// Whose: the user handle, in base64url; `None` for a key that remembers nobody.
    pub handle: Option<String>,
    /// The site that it signs for.
    pub rp_id: String,
    /// The page that asks.
    pub origin: String,
    /// How often it signed; `None` where it does not count.
    pub count: Option<u32>,
    /// What it says of the person and of itself.
    pub flags: u8,
}

impl SoftPasskey {
    /// Makes one as a page at `origin` is told by `options`, the `public_key` of a registration; and what the browser answers.
    ///
    /// # Errors
    /// When the options lack something.
    pub fn create(origin: &str, options: &Value) -> Result<(Self, Value)> {
        let made = Self {
            id: random::bytes::<32>().to_vec(),
            seed: random::bytes(),
            handle: Some(text(&options["user"]["id"])?.to_owned()),
            rp_id: text(&options["rp"]["id"])?.to_owned(),
            origin: origin.to_owned(),
            count: Some(0),
            flags: USER_PRESENT | USER_VERIFIED,
        };
        let answer = made.register(text(&options["challenge"])?);
        Ok((made, answer))
    }

    /// What the browser answers to `navigator.credentials.create` for this key.
    pub fn register(&self, challenge: &str) -> Value {
        let client_data = self.client_data("webauthn.create", challenge);
        json!({
            "type": "public-key",
            "id": encoded(&self.id),
            "rawId": encoded(&self.id),
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": encoded(&client_data),
                "attestationObject": encoded(&self.attestation_object()),
                "transports": ["internal", "a-later-one"],
            },
        })
    }

    /// What the browser answers to `navigator.credentials.get`, asked by `options`: the `public_key` of a sign-in.
    ///
    /// # Errors
    /// When the options have no challenge.
    pub fn answer(&mut self, options: &Value) -> Result<Value> {
        if let Some(count) = &mut self.count {
            *count += 1;
        }
        Ok(self.sign(text(&options["challenge"])?))
    }

    /// The same for a challenge, without counting.
    pub fn sign(&self, challenge: &str) -> Value {
        let client_data = self.client_data("webauthn.get", challenge);
        let data = self.authenticator_data(self.flags);
        let hash = Sha256::digest(&client_data);
        let signature = self.keys().sk.sign([&data[..], &hash[..]].concat(), None);
        json!({
            "type": "public-key",
            "id": encoded(&self.id),
            "rawId": encoded(&self.id),
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data),
                "authenticatorData": encoded(&data),
                "signature": encoded(&signature[..]),
                "userHandle": self.handle,
            },
        })
    }

    /// `{"fmt": "none", "attStmt": {}, "authData": …}`, in CBOR.
    pub fn attestation_object(&self) -> Vec<u8> {
        let mut data = self.authenticator_data(self.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap_or(u16::MAX).to_be_bytes());
        data.extend(&self.id);
        // {1: 1 (OKP), 3: -8 (EdDSA), -1: 6 (Ed25519), -2: the point}: RFC 9053, sections 2.2 and 7.2.
        data.extend([0xA4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32]);
        data.extend(*self.keys().pk);
        let mut object = b"\xA3\x63fmt\x64none\x67attStmt\xA0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
        object.extend(data);
        object
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let data = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.count.unwrap_or(0).to_be_bytes());
        data
    }

    fn keys(&self) -> KeyPair {
        KeyPair::from_seed(Seed::new(self.seed))
    }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("the options lack a text")
}

/// Base64url.
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
