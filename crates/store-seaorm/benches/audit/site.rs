//! The service without the service: a store, its keys, people, and the signer of checkpoints.

use std::sync::Arc;

use uuid::Uuid;
use vutf_app::{KeyringCheckpointSigner, UnitOfWork, default_origin, keys::Keys};
use vutf_crypto_keys::{KeyWrapper, Keyring, Purpose, memory::MemoryWrapper};
use vutf_kernel::{
    Actor, Ambient, Ctx, Detail, Entropy as _, Env, Event, OrganizationId, Origin, OsEntropy, Outcome,
    RequestId, Resource, Secret, SessionId, SystemClock, Units, UserId,
};
use vutf_store_seaorm::{SeaStore, StoreOptions, key_purposes};
use vutf_testkit::servers::{Postgres, TestDatabase, database};

pub(crate) const HOME: OrganizationId = OrganizationId::DEFAULT;

/// People who act, each with a key of their own.
const PEOPLE: usize = 64;

pub(crate) struct Site {
    pub(crate) store: SeaStore,
    pub(crate) signer: KeyringCheckpointSigner,
    pub(crate) people: Vec<UserId>,
    database: TestDatabase,
}

impl Site {
    pub(crate) async fn on(postgres: &Postgres) -> Self {
        let database = database::create_empty(&postgres.url()).await.unwrap();
        let keyring = Arc::new(Keyring::new());
        let options = StoreOptions::new(Secret::new(database.url().to_owned()));
        let store = SeaStore::connect(&options, Arc::clone(&keyring), Ambient::system());
        let store = store.await.unwrap();
        store.migrate_up().await.unwrap();
        let mut bytes = [0; 32];
        OsEntropy.fill(&mut bytes);
        let wrapper: Arc<dyn KeyWrapper> = Arc::new(MemoryWrapper::new("bench", Secret::new(bytes)).unwrap());
        let ambient = Ambient::system();
        let keys = Keys {
            units: &store,
            reader: &store,
            wrapper: &*wrapper,
            keyring: &keyring,
            ambient: &ambient,
            settle: vutf_crypto_keys::destruction::SETTLE,
        };
        let purposes: Vec<Purpose> = key_purposes()
            .into_iter()
            .chain([KeyringCheckpointSigner::purpose()])
            .collect();
        let ctx = Ctx::internal(HOME, Actor::Operator, RequestId::parse("bench").unwrap());
        keys.ensure(&ctx, &purposes, &store).await.unwrap();
        let people = people(&store, &keyring).await;
        let origin = default_origin(&store).await.unwrap();
        Self {
            signer: KeyringCheckpointSigner::new(keyring, origin),
            store,
            people,
            database,
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    pub(crate) fn units(&self) -> Arc<dyn Units<dyn UnitOfWork>> {
        Arc::new(self.store.clone())
    }

    /// A look at an account: the most frequent event of the service, with all that it holds there.
    pub(crate) fn event(&self, nth: usize) -> Event {
        let actor = self.people[nth % self.people.len()];
        let subject = self.people[(nth + 1) % self.people.len()];
        let origin = Origin {
            ip: Some([192, 0, 2, 7].into()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".into()),
        };
        let request = RequestId::parse("0198c5f2-7c1e-7a53-9a53-0123456789ab").unwrap();
        let ctx = Ctx {
            actor: Actor::User {
                user_id: actor,
                session_id: SessionId::from_uuid(Uuid::from_u128(7)),
            },
            ..Ctx::anonymous(HOME, request, origin)
        };
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let resource = Resource::one("user", subject.as_uuid());
        Event::new(&ctx, &mut env, "user.read", resource, Outcome::Success)
            .subject(subject)
            .detail("rows", Detail::Number(1))
    }
}

async fn people(store: &SeaStore, keyring: &Keyring) -> Vec<UserId> {
    let units: &dyn Units<dyn UnitOfWork> = store;
    let mut unit = units.begin().await.unwrap();
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut OsEntropy,
        };
        let id = UserId::generate(env.clock, env.entropy);
        let (record, _) = keyring.new_subject_key(&mut env, HOME, id).unwrap();
        unit.keys().insert(&record).await.unwrap();
        people.push(id);
    }
    unit.commit().await.unwrap();
    people
}
