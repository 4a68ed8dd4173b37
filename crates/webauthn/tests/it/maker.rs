//! An authenticator with keys of each algorithm. What it says may be wrong in any part.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ciborium::Value;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use vutf_identity::passkey::{Assertion, Challenge, CredentialId, Expected, PasskeyPolicy, Registration};

pub(crate) const CHALLENGE: Challenge = Challenge([0xC4; 32]);
pub(crate) const ORIGIN: &str = "https://app.example.org";
pub(crate) const RP_ID: &str = "example.org";

pub(crate) fn policy() -> PasskeyPolicy {
    PasskeyPolicy {
        rp_id: RP_ID.to_owned(),
        origins: vec![ORIGIN.to_owned()],
        ..PasskeyPolicy::default()
    }
}

pub(crate) fn expected(policy: &PasskeyPolicy, user_verification: bool) -> Expected<'_> {
    Expected {
        policy,
        challenge: CHALLENGE,
        user_verification,
    }
}

/// A private key.
pub(crate) enum Key {
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
    Rs256(Box<RsaKeyPair>),
}

impl Key {
    pub(crate) fn es256() -> Self {
        Self::Es256(Box::new(
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
        ))
    }
    pub(crate) fn eddsa() -> Self {
        Self::EdDsa(Box::new(Ed25519KeyPair::generate().unwrap()))
    }
    pub(crate) fn rs256() -> Self {
        Self::Rs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }
    /// As pairs of labels and values.
    pub(crate) fn cose(&self) -> Vec<(i64, Value)> {
        match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                vec![
                    (1, 2.into()),
                    (3, (-7).into()),
                    (-1, 1.into()),
                    (-2, Value::Bytes(point[1..33].to_vec())),
                    (-3, Value::Bytes(point[33..].to_vec())),
                ]
            }
            Self::EdDsa(key) => vec![
                (1, 1.into()),
                (3, (-8).into()),
                (-1, 6.into()),
                (-2, Value::Bytes(key.public_key().as_ref().to_vec())),
            ],
            Self::Rs256(key) => {
                // RSAPublicKey (RFC 8017, A.1.1) of 2048 bits: n is 256 bytes behind nine of headers, e is the last three.
                let der = key.public_key().as_ref();
                vec![
                    (1, 3.into()),
                    (3, (-257).into()),
                    (-1, Value::Bytes(der[9..265].to_vec())),
                    (-2, Value::Bytes(der[der.len() - 3..].to_vec())),
                ]
            }
        }
    }
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; 256];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }
}

/// What it says.
pub(crate) struct Maker {
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
    pub(crate) cose: Vec<(i64, Value)>,
    pub(crate) client_data: serde_json::Value,
    pub(crate) rp_id: &'static str,
    pub(crate) flags: u8,
    pub(crate) count: u32,
    pub(crate) format: &'static str,
    pub(crate) statement: Vec<(Value, Value)>,
    /// After everything else in the authenticator's data.
    pub(crate) rest: Vec<u8>,
}

impl Maker {
    pub(crate) fn new(key: Key) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(CHALLENGE.0);
        Self {
            cose: key.cose(),
            key,
            id: vec![7; 32],
            client_data: json!({
                "type": "webauthn.create", "challenge": challenge, "origin": ORIGIN, "crossOrigin": false,
            }),
            rp_id: RP_ID,
            flags: 0b0000_0101,
            count: 3,
            format: "none",
            statement: Vec::new(),
            rest: Vec::new(),
        }
    }
    /// For an assertion.
    pub(crate) fn signing(key: Key) -> Self {
        let mut maker = Self::new(key);
        maker.client_data["type"] = "webauthn.get".into();
        maker
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let map = self
            .cose
            .iter()
            .map(|(label, value)| ((*label).into(), value.clone()));
        cbor(&Value::Map(map.collect()))
    }
    fn data(&self, attested: bool) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(self.flags | if attested { 1 << 6 } else { 0 });
        data.extend(self.count.to_be_bytes());
        if attested {
            data.extend([0xAA; 16]);
            data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend(&self.id);
            data.extend(self.public_key());
        }
        data.extend(&self.rest);
        data
    }
    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.client_data.to_string()).to_vec()
    }
    /// Has the key itself vouch for what is said of it.
    pub(crate) fn self_attested(mut self, algorithm: i64) -> Self {
        let signature = self.key.sign(&[self.data(true), self.hash()].concat());
        self.format = "packed";
        self.statement = vec![
            ("alg".into(), algorithm.into()),
            ("sig".into(), Value::Bytes(signature)),
        ];
        self
    }
    pub(crate) fn registration(&self) -> Registration {
        let object = Value::Map(vec![
            ("fmt".into(), self.format.into()),
            ("attStmt".into(), Value::Map(self.statement.clone())),
            ("authData".into(), Value::Bytes(self.data(true))),
        ]);
        Registration {
            credential_id: self.id.clone(),
            client_data: self.client_data.to_string().into_bytes(),
            attestation_object: cbor(&object),
            transports: Vec::new(),
        }
    }
    pub(crate) fn assertion(&self) -> Assertion {
        let data = self.data(false);
        Assertion {
            credential_id: CredentialId::new(self.id.clone()).unwrap(),
            client_data: self.client_data.to_string().into_bytes(),
            signature: self.key.sign(&[data.clone(), self.hash()].concat()),
            authenticator_data: data,
            user_handle: None,
        }
    }
}

pub(crate) fn cbor(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
