//! Named keys: round trips, versions, and everything that must not open.

use proptest::prelude::*;
use vutf_kernel::{Env, OsEntropy, SystemClock};

use super::*;
use crate::authenticated::Authenticated as _;
use crate::{
    KeyRecord, KeyState, Suite, decide,
    envelope::{EnvelopeKey, OVERHEAD},
    memory::MemoryWrapper,
    plan_missing, plan_rotation,
    record::key_id_from_bytes,
    tenant::Tenant,
};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const USES: [(ServiceUse, &str); 4] = [
    (ServiceUse::Encrypt, "orders"),
    (ServiceUse::Encrypt, "invoices"),
    (ServiceUse::Mac, "orders"),
    (ServiceUse::Sign, "orders"),
];

struct Made {
    wrapper: MemoryWrapper,
    ring: Keyring,
    rows: Vec<KeyRecord>,
}

async fn made() -> Made {
    let mut made = Made {
        wrapper: MemoryWrapper::new("k", Secret::new([1; 32])).unwrap(),
        ring: Keyring::new(),
        rows: Vec::new(),
    };
    made.provision(HOME).await;
    made
}

fn context(text: &str) -> Context<'_> {
    Context::new(text.as_bytes()).unwrap()
}

fn flipped(value: &Versioned, at: usize, by: u8) -> Versioned {
    let mut bytes = value.bytes().to_vec();
    bytes[at] ^= by;
    Versioned::new(value.version(), bytes)
}

impl Made {
    async fn provision(&mut self, organization: OrganizationId) {
        let wanted = USES.map(|(service, name)| Purpose::service(service, name));
        let mut entropy = OsEntropy;
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut entropy,
        };
        let new = plan_missing(&mut env, &self.wrapper, organization, &self.rows, &wanted).await;
        self.rows.extend(new.unwrap());
        self.load().await;
    }

    async fn rotate(&mut self, service: ServiceUse) {
        let mut entropy = OsEntropy;
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut entropy,
        };
        let purpose = Purpose::service(service, "orders");
        let rotation = plan_rotation(&mut env, &self.wrapper, &self.rows, HOME, &purpose).await;
        let rotation = rotation.unwrap();
        self.rows
            .retain(|row| rotation.previous.iter().all(|old| old.id != row.id));
        self.rows.extend(rotation.previous);
        self.rows.push(rotation.new);
        self.load().await;
    }

    /// Every named key in `state`, truly authenticated.
    async fn set_state(&mut self, state: KeyState) {
        let parent = self.rows.iter().find(|row| row.purpose == Purpose::Tenant);
        let key = Tenant::unwrap(&self.wrapper, parent.unwrap()).await.unwrap();
        for row in self.rows.iter_mut().filter(|row| row.purpose != Purpose::Tenant) {
            row.state = state;
            row.revision += 1;
            if state == KeyState::Destroyed {
                row.wrapped.clear();
            }
            *row = row.clone().authenticated(&key.registry_key).unwrap();
        }
        self.load().await;
    }

    async fn load(&self) {
        self.ring.load(&self.wrapper, self.rows.clone()).await.unwrap();
    }

    fn key(&self, service: ServiceUse) -> ServiceKey<'_> {
        self.ring.service_key(HOME, service, "orders").unwrap()
    }

    fn encrypt(&self, text: &str) -> Versioned {
        let key = self.key(ServiceUse::Encrypt);
        key.encrypt(context("row 1"), text.as_bytes(), &mut OsEntropy)
            .unwrap()
    }

    fn decrypt(&self, ciphertext: &Versioned) -> Result<Vec<u8>, CryptoError> {
        let opened = self
            .key(ServiceUse::Encrypt)
            .decrypt(context("row 1"), ciphertext);
        opened.map(|plaintext| plaintext.expose().clone())
    }
}

/// Computed by the second implementation that [`crate::field`] names: what another program stored must open for ever.
#[test]
fn the_format_is_pinned() {
    struct Nonce;
    impl Entropy for Nonce {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(0x33);
        }
    }
    let id = key_id_from_bytes([0x22; 16]);
    let key = EnvelopeKey::new(Suite::XChaCha20Poly1305, id, 7, &Secret::new([0x11; 32])).unwrap();
    let organization = [0x44; 16];
    let parts: [&[u8]; 3] = [&organization, b"orders", b"row 1"];
    let sealed = envelope::seal(DOMAIN, &key, &parts, b"4111111111111111", &mut Nonce).unwrap();
    let text = Versioned::new(7, sealed).to_string();
    assert_eq!(text, include_str!("pinned.txt").trim_end());
}

#[test]
fn a_context_says_something_and_has_an_end() {
    assert_eq!(Context::new(b""), Err(ContextError::Empty));
    let long = [0; Context::MAX + 1];
    assert_eq!(Context::new(&long), Err(ContextError::TooLong));
    assert_eq!(Context::new(&long[1..]).unwrap().as_bytes().len(), Context::MAX);
}

#[tokio::test]
async fn what_is_encrypted_opens_in_its_place_and_in_no_other() {
    let mut made = made().await;
    let neighbour = OrganizationId::generate(&SystemClock, &mut OsEntropy);
    made.provision(neighbour).await;
    let ciphertext = made.encrypt("secret");
    assert_eq!(ciphertext.version(), 1);
    assert_eq!(ciphertext.bytes().len(), "secret".len() + OVERHEAD);
    assert_eq!(made.decrypt(&ciphertext), Ok(b"secret".to_vec()));
    let key = made.key(ServiceUse::Encrypt);
    for other in ["row 2", "row", "row 1 "] {
        let refused = key.decrypt(context(other), &ciphertext).unwrap_err();
        assert_eq!(refused, CryptoError::Authentication, "{other}");
    }
    for (organization, name) in [(HOME, "invoices"), (neighbour, "orders")] {
        let other = made
            .ring
            .service_key(organization, ServiceUse::Encrypt, name)
            .unwrap();
        let refused = other.decrypt(context("row 1"), &ciphertext).unwrap_err();
        assert!(
            matches!(refused, CryptoError::ForeignKey(_)),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_key_does_what_it_is_for_and_nothing_else() {
    let made = made().await;
    let (encrypt, mac, sign) = (
        made.key(ServiceUse::Encrypt),
        made.key(ServiceUse::Mac),
        made.key(ServiceUse::Sign),
    );
    for key in [&mac, &sign] {
        assert!(key.encrypt(context("c"), b"x", &mut OsEntropy).is_err());
    }
    for key in [&encrypt, &sign] {
        assert!(key.mac(b"x").is_err());
    }
    for key in [&encrypt, &mac] {
        assert!(key.sign(b"x").is_err());
        assert!(key.public_keys().is_empty());
    }
    let unknown = made.ring.service_key(HOME, ServiceUse::Mac, "invoices");
    assert!(matches!(unknown.err(), Some(CryptoError::KeyNotLoaded { .. })));
}

#[tokio::test]
async fn every_changed_bit_and_every_other_version_is_refused() {
    let made = made().await;
    let ciphertext = made.encrypt("secret");
    for at in 0..ciphertext.bytes().len() {
        for bit in 0..8 {
            let changed = flipped(&ciphertext, at, 1 << bit);
            assert!(made.decrypt(&changed).is_err(), "byte {at}, bit {bit}");
        }
    }
    for length in 0..ciphertext.bytes().len() {
        let cut = Versioned::new(1, ciphertext.bytes()[..length].to_vec());
        assert!(made.decrypt(&cut).is_err(), "cut to {length}");
    }
    for version in [2, u32::MAX] {
        let other = Versioned::new(version, ciphertext.bytes().to_vec());
        assert_eq!(made.decrypt(&other), Err(CryptoError::Malformed), "{version}");
    }
}

#[tokio::test]
async fn the_newest_version_protects_older_ones_open_and_rewrap_brings_them_up() {
    let mut made = made().await;
    let old = made.encrypt("secret");
    made.rotate(ServiceUse::Encrypt).await;
    assert_eq!(made.encrypt("x").version(), 2);
    assert_eq!(made.decrypt(&old), Ok(b"secret".to_vec()));
    let key = made.key(ServiceUse::Encrypt);
    let new = key.rewrap(context("row 1"), &old, &mut OsEntropy).unwrap();
    assert_eq!(new.version(), 2);
    assert_eq!(made.decrypt(&new), Ok(b"secret".to_vec()));
    let elsewhere = key.rewrap(context("row 2"), &old, &mut OsEntropy);
    assert_eq!(elsewhere.unwrap_err(), CryptoError::Authentication);
    assert_eq!(key.newest().unwrap().1, 2);
    assert_ne!(key.id_of(1), key.id_of(2));
    assert_eq!(key.id_of(3), None);
}

#[tokio::test]
async fn macs_are_verified_by_the_version_that_they_name() {
    let mut made = made().await;
    let old = made.key(ServiceUse::Mac).mac(b"input").unwrap();
    made.rotate(ServiceUse::Mac).await;
    let key = made.key(ServiceUse::Mac);
    let new = key.mac(b"input").unwrap();
    assert_eq!((old.version(), new.version()), (1, 2));
    assert_eq!(key.mac(b"input"), Ok(new.clone()));
    for tag in [&old, &new] {
        assert_eq!(key.verify_mac(b"input", tag), Ok(true));
        assert_eq!(key.verify_mac(b"other", tag), Ok(false));
        for at in 0..32 {
            assert_eq!(key.verify_mac(b"input", &flipped(tag, at, 1)), Ok(false));
        }
    }
    let relabelled = Versioned::new(2, old.bytes().to_vec());
    assert_eq!(key.verify_mac(b"input", &relabelled), Ok(false));
    let cut = Versioned::new(2, new.bytes()[..31].to_vec());
    assert_eq!(key.verify_mac(b"input", &cut), Err(CryptoError::Malformed));
    let unknown = key.verify_mac(b"input", &Versioned::new(9, vec![0; 32]));
    assert!(matches!(unknown, Err(CryptoError::KeyNotLoaded { .. })));
}

#[tokio::test]
async fn a_mac_is_bound_to_tenant_and_name() {
    let made = made().await;
    let key = made.key(ServiceUse::Mac);
    let loaded = key.protecting().unwrap();
    let message = length_prefixed(&[MAC_DOMAIN, HOME.as_bytes(), b"orders", b"input"]).unwrap();
    let expected = loaded.mac_key().unwrap().tag(&[&message]);
    assert_eq!(key.mac(b"input").unwrap().bytes(), expected);
}

#[tokio::test]
async fn anybody_can_verify_a_signature_with_the_public_key() {
    let mut made = made().await;
    let old = made.key(ServiceUse::Sign).sign(b"release").unwrap();
    made.rotate(ServiceUse::Sign).await;
    let key = made.key(ServiceUse::Sign);
    let public = key.public_keys();
    assert_eq!(public.iter().map(|key| key.version).collect::<Vec<_>>(), [2, 1]);
    assert!(signing::verify(&public[1].public_key, b"release", old.bytes()));
    assert_eq!(key.verify_signature(b"release", &old), Ok(true));
    assert_eq!(key.verify_signature(b"other", &old), Ok(false));
    let relabelled = Versioned::new(2, old.bytes().to_vec());
    assert_eq!(key.verify_signature(b"release", &relabelled), Ok(false));
    let cut = Versioned::new(1, old.bytes()[1..].to_vec());
    assert_eq!(
        key.verify_signature(b"release", &cut),
        Err(CryptoError::Malformed)
    );
}

#[tokio::test]
async fn every_operation_follows_the_state_of_its_key() {
    let mut made = made().await;
    let ciphertext = made.encrypt("secret");
    let tag = made.key(ServiceUse::Mac).mac(b"x").unwrap();
    let signature = made.key(ServiceUse::Sign).sign(b"x").unwrap();
    for state in KeyState::ALL {
        made.set_state(state).await;
        let protects = decide(state, Operation::Protect) == Decision::Allow;
        let process = decide(state, Operation::Process);
        let (encrypt, mac, sign) = (
            made.key(ServiceUse::Encrypt),
            made.key(ServiceUse::Mac),
            made.key(ServiceUse::Sign),
        );
        let sealed = encrypt.encrypt(context("c"), b"x", &mut OsEntropy);
        let done = [
            sealed.is_ok(),
            mac.mac(b"x").is_ok(),
            sign.sign(b"x").is_ok(),
            encrypt.newest().is_ok(),
            encrypt
                .rewrap(context("row 1"), &ciphertext, &mut OsEntropy)
                .is_ok(),
        ];
        assert_eq!(done, [protects; 5], "{state}");
        let reads = process != Decision::Refuse;
        assert_eq!(made.decrypt(&ciphertext).is_ok(), reads, "{state}");
        // Who stole a key could have made them, too.
        let believed = process == Decision::Allow;
        assert_eq!(mac.verify_mac(b"x", &tag).is_ok(), believed, "{state}");
        assert_eq!(
            sign.verify_signature(b"x", &signature).is_ok(),
            believed,
            "{state}"
        );
    }
}

proptest! {
    #[test]
    fn bytes_that_nobody_made_never_open(
        version in 1_u32..4,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        plausible: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made = runtime.block_on(made());
        let mut bytes = bytes;
        if plausible && bytes.len() > 24 {
            bytes[..4].copy_from_slice(&[0xE5, 1, 1, 0]);
            bytes[4..20].copy_from_slice(made.key(ServiceUse::Encrypt).id_of(1).unwrap().as_bytes());
            bytes[20..24].copy_from_slice(&version.to_be_bytes());
        }
        let forged = Versioned::new(version, bytes);
        prop_assert!(made.decrypt(&forged).is_err());
        prop_assert_ne!(made.key(ServiceUse::Mac).verify_mac(b"x", &forged), Ok(true));
        prop_assert_ne!(made.key(ServiceUse::Sign).verify_signature(b"x", &forged), Ok(true));
    }
}
