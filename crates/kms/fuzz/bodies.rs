//! What each fuzz target does with one input; run by `tests/it/fuzz.rs` too, on the corpus and on mutations of it.

use std::{
    collections::HashMap,
    fs,
    future::Future,
    os::unix::fs::PermissionsExt as _,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use tempfile::TempDir;
use vutf_crypto_keys::{KeyWrapper as _, Suite};
use vutf_kernel::{Entropy, Secret};
use vutf_kms::{FileKek, FileWrapper, Share};

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());

/// Protections that cost nothing. A file sealed under a passphrase is parsed and refused: it is not what is configured.
fn protections() -> [FileKek; 2] {
    [FileKek::Unsealed, FileKek::Key(Secret::new([7; 32]))]
}

/// A sealed file opens to the key it was made with or not at all. One without a seal opens to whatever it holds, if its
/// check value is right; then it opens again.
pub(crate) fn sealed_file(input: &[u8]) {
    let path = DIRECTORY.path().join("kek");
    fs::write(&path, input).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for protection in protections() {
        let Ok(wrapper) = FileWrapper::open(&path, &protection) else {
            continue;
        };
        let again = FileWrapper::open(&path, &protection).unwrap();
        assert_eq!(wrapper.kek_id(), again.kek_id());
        if let FileKek::Key(_) = protection {
            let sealed = WRAPPED.get(&wrapper.suite()).unwrap();
            let key = ready(wrapper.unwrap(sealed, b"context"));
            assert_eq!(
                key.ok(),
                Some(Secret::new([9; 32])),
                "a sealed file opened that nobody made"
            );
        }
    }
}

/// A share has one content: what is read prints to a text that is read as the same.
pub(crate) fn share(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(share) = Share::parse(text) {
        let printed = share.to_text();
        let again = Share::parse(&printed).unwrap();
        assert_eq!(again.to_text(), printed);
    }
}

/// Inputs that each target accepts, made anew: the corpus may be older than the format.
pub(crate) fn accepted(target: &str) -> Vec<Vec<u8>> {
    match target {
        "sealed_file" => FILES.clone(),
        _ => SHARES.clone(),
    }
}

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let made = |(number, (suite, protection)): (usize, (Suite, FileKek))| {
        let path = DIRECTORY.path().join(format!("made-{number}"));
        FileWrapper::create_new(&path, &protection, suite, &mut Counted(1)).unwrap();
        fs::read(&path).unwrap()
    };
    let of_each = Suite::ALL
        .into_iter()
        .flat_map(|suite| protections().map(|protection| (suite, protection)));
    of_each.enumerate().map(made).collect()
});

static SHARES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let key = Secret::new([7; 32]);
    let shares = vutf_kms::shamir::split(KEK, &key, 2, 3, &mut Counted(2)).unwrap();
    shares
        .iter()
        .map(|share| share.to_text().as_bytes().to_vec())
        .collect()
});

const KEK: &str = "018f0000-0000-4000-8000-000000000001";

/// A key wrapped by that of the sealed file of each suite.
static WRAPPED: LazyLock<HashMap<Suite, Vec<u8>>> = LazyLock::new(|| {
    let wrapped = |sealed: usize| {
        let path = DIRECTORY.path().join("made-anew");
        fs::write(&path, &FILES[sealed]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let [_, key] = protections();
        let wrapper = FileWrapper::open(&path, &key).unwrap();
        let wrapped = ready(wrapper.wrap(&Secret::new([9; 32]), b"context")).unwrap();
        (wrapper.suite(), wrapped)
    };
    [1, 3].into_iter().map(wrapped).collect()
});

/// The file provider never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the file provider never waits"),
    }
}

/// SplitMix64: the same keys and nonces in every run.
struct Counted(u64);

impl Entropy for Counted {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}
