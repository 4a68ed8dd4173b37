//! What a key ring of one policy does with keys and ciphertexts of each suite.

use vutf_kernel::{Env, OrganizationId, OsEntropy, Secret, SystemClock};

use super::{Suite, SuitePolicy};
use crate::authenticated::Authenticated as _;
use crate::{
    Algorithm, CryptoError, FieldRef, KeyRecord, KeyState, Keyring, LoadError, Purpose,
    memory::MemoryWrapper, plan_missing_under, plan_rotation_under, record::fingerprint, tenant::Tenant,
};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const EMAIL: FieldRef<'static> = FieldRef {
    organization_id: HOME,
    table: "users",
    column: "email",
    row: b"r",
    subject: None,
};

struct Registry {
    wrapper: MemoryWrapper,
    rows: Vec<KeyRecord>,
}

impl Registry {
    /// One tenant key and one field key, both of `suite`, truly wrapped and authenticated; with ids and bytes of the field key
    /// that are the same for every suite.
    async fn of(suite: Suite) -> Self {
        let wrapper = MemoryWrapper::new("k", Secret::new([1; 32])).unwrap();
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let policy = SuitePolicy::PROFILES
            .into_iter()
            .find(|policy| policy.new_keys() == suite);
        let wanted = [Purpose::field("users")];
        let mut rows = plan_missing_under(policy.unwrap(), &mut env, &wrapper, HOME, &[], &wanted)
            .await
            .unwrap();
        let tenant = rows.iter().find(|row| row.purpose == Purpose::Tenant).unwrap();
        let tenant = Tenant::unwrap(&wrapper, tenant).await.unwrap();
        let field = rows
            .iter_mut()
            .find(|row| row.purpose != Purpose::Tenant)
            .unwrap();
        field.id = crate::record::key_id_from_bytes([0x22; 16]);
        let (key, context) = (Secret::new([7; 32]), field.context().unwrap());
        field.fingerprint = fingerprint(field.id, &key).unwrap();
        field.wrapped = tenant.wrapping.wrap(&key, &context, &mut OsEntropy).unwrap();
        *field = field.clone().authenticated(&tenant.registry_key).unwrap();
        Self { wrapper, rows }
    }

    async fn load(&self, policy: SuitePolicy) -> Result<Keyring, LoadError> {
        let ring = Keyring::with_policy(policy);
        ring.load(&self.wrapper, self.rows.clone()).await?;
        Ok(ring)
    }

    /// The same with the row of `purpose` edited and authenticated anew, as the service itself would.
    async fn with(mut self, purpose: &Purpose, edit: impl Fn(&mut KeyRecord)) -> Self {
        let tenant = self
            .rows
            .iter()
            .find(|row| row.purpose == Purpose::Tenant)
            .unwrap();
        let key = Tenant::unwrap(&self.wrapper, tenant).await.unwrap().registry_key;
        for row in self.rows.iter_mut().filter(|row| row.purpose == *purpose) {
            edit(row);
            *row = row.clone().authenticated(&key).unwrap();
        }
        self
    }
}

fn seal(ring: &Keyring) -> Vec<u8> {
    ring.seal(&EMAIL, b"ada@example.org", &mut OsEntropy).unwrap()
}

#[tokio::test]
async fn keys_of_each_suite_seal_open_and_wrap_where_they_are_admitted() {
    for suite in Suite::ALL {
        for policy in SuitePolicy::PROFILES
            .into_iter()
            .filter(|policy| policy.admits(suite))
        {
            let registry = Registry::of(suite).await;
            assert!(registry.rows.iter().all(|row| row.algorithm == suite.algorithm()));
            let ring = registry.load(policy).await.unwrap();
            assert_eq!(ring.policy(), policy);
            let sealed = seal(&ring);
            assert_eq!(sealed[2], suite.byte());
            assert_eq!(ring.open(&EMAIL, &sealed).unwrap().expose(), b"ada@example.org");
            ring.self_test().unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_of_a_suite_that_is_not_admitted_stops_the_load_and_is_named() {
    let suite = Suite::XChaCha20Poly1305;
    let all_old = Registry::of(suite).await;
    let tenant_id = all_old
        .rows
        .iter()
        .find(|row| row.purpose == Purpose::Tenant)
        .unwrap()
        .id;
    match all_old.load(SuitePolicy::FIPS).await.unwrap_err() {
        LoadError::SuiteNotAdmitted {
            key_id, suite: named, ..
        } => {
            assert_eq!((key_id, named), (tenant_id, suite));
        }
        other => panic!("{other}"),
    }
    let only_field = Registry::of(suite)
        .await
        .with(&Purpose::Tenant, |row| row.algorithm = Algorithm::Xaes256Gcm)
        .await;
    let error = only_field.load(SuitePolicy::FIPS).await.unwrap_err();
    assert!(matches!(error, LoadError::SuiteNotAdmitted { .. }), "{error}");
    assert_eq!(error.fault(), vutf_kernel::Fault::Other);
}

#[tokio::test]
async fn a_destroyed_key_of_another_suite_may_stay_in_the_registry() {
    let registry = Registry::of(Suite::Xaes256Gcm)
        .await
        .with(&Purpose::field("users"), |row| {
            row.algorithm = Algorithm::XChaCha20Poly1305;
            row.state = KeyState::Destroyed;
            row.wrapped.clear();
        })
        .await;
    registry.load(SuitePolicy::FIPS).await.unwrap();
}

#[tokio::test]
async fn a_ciphertext_of_a_suite_that_is_not_admitted_is_refused_before_its_key_is_looked_for() {
    let old = Registry::of(Suite::XChaCha20Poly1305).await;
    let sealed = seal(&old.load(SuitePolicy::ALL).await.unwrap());
    let ring = Registry::of(Suite::Xaes256Gcm)
        .await
        .load(SuitePolicy::FIPS)
        .await
        .unwrap();
    for ring in [&ring, &Keyring::with_policy(SuitePolicy::FIPS)] {
        assert_eq!(
            ring.open(&EMAIL, &sealed).unwrap_err(),
            CryptoError::SuiteNotAdmitted(Suite::XChaCha20Poly1305)
        );
    }
}

/// Both key rings hold the same 256 bits under the same key id, each for another suite.
#[tokio::test]
async fn a_forged_suite_byte_opens_nothing_under_the_same_key_id() {
    let [one, two] = Suite::ALL;
    for (made_by, forged_to) in [(one, two), (two, one)] {
        let maker = Registry::of(made_by).await.load(SuitePolicy::ALL).await.unwrap();
        let other = Registry::of(forged_to)
            .await
            .load(SuitePolicy::ALL)
            .await
            .unwrap();
        let mut sealed = seal(&maker);
        let foreign = |named, own| CryptoError::ForeignSuite { named, own };
        assert_eq!(
            other.open(&EMAIL, &sealed).unwrap_err(),
            foreign(made_by, forged_to)
        );
        sealed[2] = forged_to.byte();
        assert_eq!(
            maker.open(&EMAIL, &sealed).unwrap_err(),
            foreign(forged_to, made_by)
        );
        assert_eq!(
            other.open(&EMAIL, &sealed).unwrap_err(),
            CryptoError::CommitmentMismatch
        );
    }
}

#[tokio::test]
async fn a_row_whose_algorithm_was_changed_by_hand_is_not_authentic() {
    let mut registry = Registry::of(Suite::XChaCha20Poly1305).await;
    for row in registry
        .rows
        .iter_mut()
        .filter(|row| row.purpose != Purpose::Tenant)
    {
        row.algorithm = Algorithm::Xaes256Gcm;
    }
    let error = registry.load(SuitePolicy::ALL).await.unwrap_err();
    assert!(matches!(error, LoadError::RecordMac { .. }), "{error}");
}

impl Registry {
    /// Its rows after tenant key and field key were rotated to the other suite; the old field key stays under the old tenant key.
    async fn rotated(&self) -> Vec<KeyRecord> {
        let mut rows = self.rows.clone();
        for purpose in [Purpose::Tenant, Purpose::field("users")] {
            let mut env = Env {
                clock: &SystemClock,
                entropy: &mut OsEntropy,
            };
            let policy = SuitePolicy::FIPS_TRANSITION;
            let rotation = plan_rotation_under(policy, &mut env, &self.wrapper, &rows, HOME, &purpose)
                .await
                .unwrap();
            assert_eq!(rotation.new.algorithm, Algorithm::Xaes256Gcm);
            rows.retain(|row| rotation.previous.iter().all(|previous| previous.id != row.id));
            rows.extend(rotation.previous);
            rows.push(rotation.new);
        }
        rows
    }
}

#[tokio::test]
async fn a_tenant_moves_to_another_suite_by_rotating_its_tenant_key_first() {
    let registry = Registry::of(Suite::XChaCha20Poly1305).await;
    let old = seal(&registry.load(SuitePolicy::ALL).await.unwrap());
    let ring = Keyring::with_policy(SuitePolicy::FIPS_TRANSITION);
    ring.load(&registry.wrapper, registry.rotated().await)
        .await
        .unwrap();
    assert_eq!(ring.open(&EMAIL, &old).unwrap().expose(), b"ada@example.org");
    let new = seal(&ring);
    assert_eq!(new[2], Suite::Xaes256Gcm.byte());
    assert_eq!(ring.open(&EMAIL, &new).unwrap().expose(), b"ada@example.org");
}

/// It only vouches for rows, its own among them.
#[tokio::test]
async fn a_tenant_key_of_another_suite_may_stay_once_it_wraps_nothing_that_is_used() {
    let registry = Registry::of(Suite::XChaCha20Poly1305).await;
    let mut rows = registry.rotated().await;
    let fips = Keyring::with_policy(SuitePolicy::FIPS);
    let error = fips.load(&registry.wrapper, rows.clone()).await.unwrap_err();
    let LoadError::SuiteNotAdmitted { purpose, version, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((purpose, version), (Purpose::Tenant, 1));

    let is_old = |row: &KeyRecord, tenant| (row.purpose == Purpose::Tenant) == tenant && row.version == 1;
    let tenant = rows.iter().find(|row| is_old(row, true)).unwrap();
    let key = Tenant::unwrap(&registry.wrapper, tenant)
        .await
        .unwrap()
        .registry_key;
    for row in rows.iter_mut().filter(|row| is_old(row, false)) {
        row.state = KeyState::Destroyed;
        row.wrapped.clear();
        *row = row.clone().authenticated(&key).unwrap();
    }
    fips.load(&registry.wrapper, rows).await.unwrap();
    assert_eq!(seal(&fips)[2], Suite::Xaes256Gcm.byte());
}
