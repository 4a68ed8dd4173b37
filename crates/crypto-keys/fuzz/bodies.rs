//! What each fuzz target does with one input: it must not panic, and what it accepts must be what was made. The same functions
//! are run by `tests/it/fuzz.rs`, on the corpus and on mutations of it.

use std::{
    future::Future,
    pin::pin,
    str::FromStr,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use vutf_crypto_keys::{
    Algorithm, FieldRef, KeyState, Keyring, Purpose, Suite, SuitePolicy, WrappedBy, WrappingKey, Wraps,
    memory::MemoryWrapper, plan_missing_under, service::Versioned,
};
use vutf_kernel::{Clock, Entropy, Env, OrganizationId, Secret, Timestamp};

const FIELD: FieldRef<'static> = FieldRef {
    organization_id: OrganizationId::DEFAULT,
    table: "users",
    column: "email",
    row: b"row-1",
    subject: None,
};
const CONTEXT: &[u8] = b"context";

/// Ciphertexts of both suites, each with the key ring that opens it.
static FIELDS: LazyLock<Vec<(Keyring, Vec<u8>)>> = LazyLock::new(|| {
    [SuitePolicy::ALL, SuitePolicy::FIPS]
        .map(|policy| {
            let ring = ring(policy);
            let sealed = ring.seal(&FIELD, b"ada@example.org", &mut Counted(9)).unwrap();
            (ring, sealed)
        })
        .into()
});

/// Wrapped keys of both suites, each with the key that unwraps it.
static WRAPPED: LazyLock<Vec<(WrappingKey, Vec<u8>)>> = LazyLock::new(|| {
    Suite::ALL
        .map(|suite| {
            let kek = WrappingKey::of_suite(suite, "kek", Secret::new([7; 32])).unwrap();
            let wrapped = kek.wrap(&Secret::new([9; 32]), CONTEXT, &mut Counted(9)).unwrap();
            (kek, wrapped)
        })
        .into()
});

/// A field's ciphertext opens only if it is the very one that was sealed; and what it opens to can be sealed again.
pub(crate) fn field_ciphertext(input: &[u8]) {
    for (ring, sealed) in &*FIELDS {
        if let Ok(plaintext) = ring.open(&FIELD, input) {
            assert_eq!(input, sealed, "a ciphertext opened that nobody made");
            let again = ring.seal(&FIELD, plaintext.expose(), &mut Counted(10)).unwrap();
            assert_eq!(ring.open(&FIELD, &again).unwrap(), plaintext);
        }
    }
}

/// The same for a wrapped key.
pub(crate) fn wrapped_key(input: &[u8]) {
    for (kek, wrapped) in &*WRAPPED {
        if let Ok(key) = kek.unwrap(input, CONTEXT) {
            assert_eq!(input, wrapped, "a key was unwrapped that nobody wrapped");
            assert_eq!(key.expose(), &[9; 32]);
        }
    }
}

/// A container of wraps has one encoding.
pub(crate) fn wraps(input: &[u8]) {
    if let Ok(wraps) = Wraps::decode(input) {
        assert_eq!(wraps.encode(), input);
        assert_eq!(
            Wraps::new(wraps.iter().cloned().collect()).unwrap().encode(),
            input
        );
    }
}

/// What parses prints back: a text that a row's MAC covers has one form.
pub(crate) fn texts(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    prints_back::<Purpose>(text);
    prints_back::<WrappedBy>(text);
    prints_back::<KeyState>(text);
    prints_back::<Algorithm>(text);
    prints_back::<SuitePolicy>(text);
    prints_back::<Versioned>(text);
}

/// Inputs that each target accepts, made anew: the corpus may be older than the format.
pub(crate) fn accepted(target: &str) -> Vec<Vec<u8>> {
    match target {
        "field_ciphertext" => FIELDS.iter().map(|(_, sealed)| sealed.clone()).collect(),
        "wrapped_key" => WRAPPED.iter().map(|(_, wrapped)| wrapped.clone()).collect(),
        _ => Vec::new(),
    }
}

fn prints_back<T: FromStr + ToString>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fn ring(policy: SuitePolicy) -> Keyring {
    let mut env = Env {
        clock: &Stopped,
        entropy: &mut Counted(1),
    };
    let wrapper = MemoryWrapper::new("fuzz", Secret::new([7; 32])).unwrap();
    let wanted = [Purpose::field("users")];
    let existing = [];
    let home = OrganizationId::DEFAULT;
    let planned = plan_missing_under(policy, &mut env, &wrapper, home, &existing, &wanted);
    let planned = ready(planned).unwrap();
    let ring = Keyring::with_policy(policy);
    ready(ring.load(&wrapper, planned)).unwrap();
    ring
}

/// The in-memory twins never wait.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the in-memory twins never wait"),
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }
}

/// SplitMix64: the same keys and nonces in every run, so that a finding is one tomorrow.
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
