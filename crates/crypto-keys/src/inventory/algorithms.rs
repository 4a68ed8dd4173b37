//! What each algorithm is in the terms of `CycloneDX`.

use super::bom::{AlgorithmFacts, Component, CryptoProperties};
use crate::Algorithm;

/// The reference of HKDF-SHA-512, which every ciphertext's keys are derived by.
pub(super) const HKDF_SHA512: &str = "algorithm:hkdf-sha-512";

pub(super) fn reference(algorithm: Algorithm) -> String {
    format!("algorithm:{algorithm}")
}

pub(super) fn component(algorithm: Algorithm) -> Component {
    let (name, facts, oid) = match algorithm {
        Algorithm::XChaCha20Poly1305 => ("XChaCha20-Poly1305", encryption(None), None),
        Algorithm::Xaes256Gcm => ("XAES-256-GCM", encryption(Some("gcm")), None),
        Algorithm::HmacSha256 => (
            "HMAC-SHA-256",
            AlgorithmFacts {
                primitive: "mac",
                parameter_set_identifier: Some("256"),
                crypto_functions: &["keygen", "tag", "verify"],
                ..symmetric()
            },
            Some("1.2.840.113549.2.9"),
        ),
        Algorithm::Ed25519 => (
            "Ed25519",
            AlgorithmFacts {
                primitive: "signature",
                parameter_set_identifier: Some("Ed25519"),
                curve: Some("edwards25519"),
                crypto_functions: &["keygen", "sign", "verify"],
                classical_security_level: 128,
                nist_quantum_security_level: 0,
                ..symmetric()
            },
            Some("1.3.101.112"),
        ),
    };
    Component::new(
        reference(algorithm),
        name.to_owned(),
        CryptoProperties::algorithm(facts, oid),
    )
}

pub(super) fn hkdf() -> Component {
    let facts = AlgorithmFacts {
        primitive: "kdf",
        parameter_set_identifier: Some("512"),
        crypto_functions: &["keyderive"],
        ..symmetric()
    };
    let properties = CryptoProperties::algorithm(facts, Some("1.2.840.113549.1.9.16.3.30"));
    Component::new(HKDF_SHA512.to_owned(), "HKDF-SHA-512".to_owned(), properties)
}

fn encryption(mode: Option<&'static str>) -> AlgorithmFacts {
    AlgorithmFacts {
        primitive: "ae",
        parameter_set_identifier: Some("256"),
        mode,
        crypto_functions: &["keygen", "encrypt", "decrypt"],
        ..symmetric()
    }
}

/// Keys of 256 bits. A search for one is what NIST's category 5 is defined by; none of the modules is validated.
const fn symmetric() -> AlgorithmFacts {
    AlgorithmFacts {
        primitive: "other",
        parameter_set_identifier: None,
        curve: None,
        mode: None,
        execution_environment: "software-plain-ram",
        implementation_platform: "generic",
        certification_level: &["none"],
        crypto_functions: &[],
        classical_security_level: 256,
        nist_quantum_security_level: 5,
    }
}
