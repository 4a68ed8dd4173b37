//! XAES-256-GCM against the vectors of its specification, the accumulated ones included.

use serde_json::Value;
use shake::{ExtendableOutput as _, Shake128, Update as _, XofReader};

use super::{NONCE, wycheproof::Tally, xaes::XaesKey};

pub(super) fn xaes_256_gcm() -> Tally {
    let text = include_str!("../../tests/data/xaes/vectors.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let mut tally = Tally::default();
    for vector in file["vectors"].as_array().unwrap() {
        let field = |name: &str| hex::decode(vector[name].as_str().unwrap()).unwrap();
        let key = XaesKey::new(&field("key").try_into().unwrap()).unwrap();
        let nonce = field("nonce").try_into().unwrap();
        let sealed = sealed(&key, &nonce, &field("aad"), &field("plaintext"));
        assert_eq!(sealed, field("ciphertext"));
        tally.reproduced += 1;
    }
    for (name, iterations) in [("iters_10000", 10_000), ("iters_1000000", 1_000_000)] {
        let expected = file["accumulated"][name].as_str().unwrap();
        assert_eq!(accumulated(iterations), expected, "{name}");
        tally.reproduced += 1;
    }
    tally
}

/// The ciphertext, after it was opened again.
fn sealed(key: &XaesKey, nonce: &[u8; NONCE], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = plaintext.to_vec();
    let tag = key.encrypt(nonce, aad, &mut sealed).unwrap();
    let opened = key.decrypt(nonce, aad, &sealed, &tag).unwrap();
    assert_eq!(opened.expose(), plaintext);
    sealed.extend_from_slice(&tag);
    sealed
}

/// "Accumulated randomized tests": keys, nonces and messages from one SHAKE-128, ciphertexts into another.
fn accumulated(iterations: usize) -> String {
    let mut random = Shake128::default().finalize_xof();
    let mut hash = Shake128::default();
    for _ in 0..iterations {
        let (mut key, mut nonce) = ([0; 32], [0; NONCE]);
        random.read(&mut key);
        random.read(&mut nonce);
        let plaintext = vector(&mut random);
        let aad = vector(&mut random);
        let key = XaesKey::new(&key).unwrap();
        hash.update(&sealed(&key, &nonce, &aad, &plaintext));
    }
    let mut digest = [0; 32];
    hash.finalize_xof().read(&mut digest);
    hex::encode(digest)
}

/// `opaque <0..255>` of RFC 8446, section 3.
fn vector(random: &mut impl XofReader) -> Vec<u8> {
    let mut length = [0];
    random.read(&mut length);
    let mut bytes = vec![0; length[0].into()];
    random.read(&mut bytes);
    bytes
}
