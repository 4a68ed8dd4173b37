//! One or more organizations with keys, in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use vutf_crypto_keys::{
    KeyReader as _, KeyRecord, KeyState, KeyWrapper, Keyring, KeysTx, Keyset, KeysetPolicy,
    LifecycleReader as _, LoadError, LoadReport, Purpose, ReasonCode, Registry, Rotation, commit_keyset,
    commit_new, commit_rotation, commit_transition,
    due::active,
    memory::{MemoryKeys, MemoryWrapper},
    plan_keyset, plan_missing, plan_rotation, plan_transition,
    succession::plan_next,
};
use vutf_kernel::{
    Actor, Clock as _, Ctx, Env, Fault, OrganizationId, OsEntropy, PortError, RequestId, Secret, SystemClock,
    Transaction,
};

/// A provider that counts what it is asked, and can be switched off.
pub(crate) struct Provider {
    inner: MemoryWrapper,
    pub(crate) calls: AtomicUsize,
    pub(crate) left: AtomicUsize,
}

impl Provider {
    pub(crate) fn new(kek_id: &str) -> Self {
        Self {
            inner: MemoryWrapper::new(kek_id, Secret::new([0xA7; 32])).unwrap(),
            calls: AtomicUsize::new(0),
            left: AtomicUsize::new(usize::MAX),
        }
    }
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
    pub(crate) fn switch_off(&self) {
        self.left.store(0, Ordering::SeqCst);
    }
    pub(crate) fn switch_on(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }
    fn count(&self) -> Result<(), PortError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.left.load(Ordering::SeqCst) == 0 {
            return Err(PortError::new("kek", Fault::Unreachable, "switched off"));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyWrapper for Provider {
    fn kek_id(&self) -> &str {
        self.inner.kek_id()
    }
    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        self.count()?;
        self.inner.wrap(key, context).await
    }
    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        self.count()?;
        self.inner.unwrap(wrapped, context).await
    }
    async fn ping(&self) -> Result<(), PortError> {
        self.count()
    }
    fn technology(&self) -> &'static str {
        "test"
    }
}

pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) keys: MemoryKeys,
    pub(crate) ring: Keyring,
}

pub(crate) const HOME: OrganizationId = OrganizationId::DEFAULT;

pub(crate) fn wanted() -> Vec<Purpose> {
    vec![
        Purpose::Tenant,
        Purpose::field("users"),
        Purpose::field("sessions"),
        Purpose::index("users", "email"),
        Purpose::TokenSigning,
        Purpose::mac("cursor"),
    ]
}

pub(crate) fn ctx() -> Ctx {
    let request = RequestId::parse("test").unwrap();
    Ctx::internal(HOME, Actor::Operator, request)
}

/// The default organization with every key that is wanted, loaded.
pub(crate) async fn world() -> World {
    let world = World {
        provider: Provider::new("kek-1"),
        keys: MemoryKeys::default(),
        ring: Keyring::new(),
    };
    world.provision(HOME).await;
    world
}

impl World {
    pub(crate) async fn provision(&self, organization: OrganizationId) {
        let planned = self.plan(organization).await.unwrap();
        self.commit_new(&planned).await.unwrap();
        self.reload().await.unwrap();
    }

    pub(crate) async fn plan(&self, organization: OrganizationId) -> Result<Vec<KeyRecord>, LoadError> {
        let existing = self.rows().await;
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        plan_missing(&mut env, &self.provider, organization, &existing, &wanted()).await
    }

    pub(crate) async fn commit_new(&self, planned: &[KeyRecord]) -> Result<(), PortError> {
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        let mut tx = Box::new(self.keys.begin());
        commit_new(&ctx(), &mut env, &mut *tx, planned).await?;
        tx.commit().await
    }

    pub(crate) async fn plan_rotation(&self, purpose: &Purpose) -> Result<Rotation, LoadError> {
        let existing = self.rows().await;
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        plan_rotation(&mut env, &self.provider, &existing, HOME, purpose).await
    }

    pub(crate) async fn commit_rotation(&self, rotation: Rotation) -> Result<(), PortError> {
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        let mut tx = Box::new(self.keys.begin());
        commit_rotation(&ctx(), &mut env, &mut *tx, rotation).await?;
        tx.commit().await
    }

    pub(crate) async fn rotate(&self, purpose: &Purpose) {
        let rotation = self.plan_rotation(purpose).await.unwrap();
        self.commit_rotation(rotation).await.unwrap();
        self.reload().await.unwrap();
    }

    /// Makes a key of a name that has none.
    pub(crate) async fn create(&self, purpose: &Purpose, activate: bool) -> KeyRecord {
        let existing = self.rows().await;
        let tenant = active(&existing, HOME, &Purpose::Tenant).unwrap();
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        let made = plan_next(&mut env, &self.ring, &existing, tenant, purpose, activate, None).unwrap();
        self.commit_new(std::slice::from_ref(&made)).await.unwrap();
        self.reload().await.unwrap();
        made
    }

    /// Brings the newest key of a purpose into a state, in one step.
    pub(crate) async fn bring(&self, purpose: &Purpose, next: KeyState) -> KeyRecord {
        let record = self.newest(purpose).await;
        let reason = ReasonCode::Unspecified.into();
        let change = plan_transition(&self.ring, SystemClock.now(), &record, next, reason).unwrap();
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        let mut tx = Box::new(self.keys.begin());
        commit_transition(&ctx(), &mut env, &mut *tx, &change)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.reload().await.unwrap();
        change.record
    }

    /// Decides about a purpose, and loads it.
    pub(crate) async fn decide(&self, purpose: &Purpose, policy: KeysetPolicy) -> Keyset {
        let existing = self.rows().await;
        let tenant = active(&existing, HOME, &Purpose::Tenant).unwrap();
        let keysets = self.keys.keysets(Some(HOME)).await.unwrap();
        let current = keysets.iter().find(|keyset| keyset.purpose == *purpose);
        let now = SystemClock.now();
        let keyset = plan_keyset(&self.ring, now, tenant, purpose, current, policy).unwrap();
        let (mut entropy, clock) = (OsEntropy, SystemClock);
        let mut env = Env {
            clock: &clock,
            entropy: &mut entropy,
        };
        let mut tx = Box::new(self.keys.begin());
        commit_keyset(&ctx(), &mut env, &mut *tx, &keyset).await.unwrap();
        tx.commit().await.unwrap();
        self.reload().await.unwrap();
        keyset
    }

    pub(crate) async fn newest(&self, purpose: &Purpose) -> KeyRecord {
        let rows = self.rows().await.into_iter();
        rows.filter(|row| row.organization_id == HOME && row.purpose == *purpose)
            .max_by_key(|row| row.version)
            .unwrap()
    }

    pub(crate) async fn rows(&self) -> Vec<KeyRecord> {
        self.keys.list(None).await.unwrap()
    }

    pub(crate) async fn row(&self, purpose: &Purpose) -> KeyRecord {
        self.rows()
            .await
            .into_iter()
            .find(|row| row.organization_id == HOME && row.purpose == *purpose)
            .unwrap()
    }

    /// Changes a row the way someone with access to the database would.
    pub(crate) async fn tamper(&self, purpose: &Purpose, edit: impl FnOnce(&mut KeyRecord)) -> KeyRecord {
        let mut row = self.row(purpose).await;
        row.revision += 1;
        edit(&mut row);
        let mut tx = Box::new(self.keys.begin());
        tx.keys().replace(&row).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    pub(crate) async fn reload(&self) -> Result<LoadReport, LoadError> {
        self.load(self.registry().await).await
    }

    /// Loads something else than what stands in the store.
    pub(crate) async fn load(&self, registry: Registry) -> Result<LoadReport, LoadError> {
        self.ring.load_registry(&self.provider, &registry).await
    }

    pub(crate) async fn registry(&self) -> Registry {
        Registry {
            keys: self.rows().await,
            keysets: self.keys.keysets(None).await.unwrap(),
            usage: self.keys.usage(None).await.unwrap(),
        }
    }
}

pub(crate) fn another_organization() -> OrganizationId {
    OrganizationId::generate(&SystemClock, &mut OsEntropy)
}
