//! Reads that are events: recorded before they are answered, and unable to write.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use vutf_app::UnitOfWork;
use vutf_identity::{IdentityUnit, repo::UserFilter};
use vutf_kernel::{
    Ambient, BoxFuture, Env, Event, EventRecorder, Fault, OrganizationId, PageRequest, PortError, Units,
    UserId, transact,
};
use vutf_store_seaorm::{GroupOptions, GroupRecorder, Looks};
use vutf_testkit::factory::Factory;

use crate::{erasure::person, world::World};

on_both!(
    what_a_look_raises_is_committed_before_it_is_answered,
    what_cannot_be_recorded_is_not_shown,
    a_look_that_fails_raises_nothing,
    nothing_can_be_written_in_a_look,
    a_page_of_users_unwraps_each_key_once,
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// Keeps events, or refuses them.
struct Notes {
    taken: Mutex<Vec<Event>>,
    full: bool,
}

#[async_trait]
impl EventRecorder for Notes {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        if self.full {
            return Err(PortError::new("audit.record", Fault::Unreachable, "planted"));
        }
        self.taken.lock().await.push(event);
        Ok(())
    }
}

fn notes(full: bool) -> Arc<Notes> {
    Arc::new(Notes {
        taken: Mutex::default(),
        full,
    })
}

async fn look<T: Send>(
    world: &World,
    recorder: Arc<dyn EventRecorder>,
    work: impl for<'a> FnMut(&'a mut (dyn IdentityUnit + 'static), Env<'a>) -> BoxFuture<'a, Result<T, PortError>>
    + Send,
) -> Result<T, PortError> {
    let looks = Looks::new(world.store.clone(), recorder);
    transact::<dyn IdentityUnit, T, PortError>(&looks, &Ambient::system(), work).await
}

async fn stored(world: &World) -> i64 {
    world.number("SELECT count(*) FROM audit_intake").await
}

async fn what_a_look_raises_is_committed_before_it_is_answered(world: World) {
    let before = stored(&world).await;
    let units: Arc<dyn Units<dyn vutf_app::UnitOfWork>> = Arc::new(world.store.clone());
    let recorder = GroupRecorder::spawn(units, Ambient::system(), GroupOptions::default());
    let event = Factory::new(1).event();
    let nobody = UserId::from_uuid(event.id.as_uuid());
    let found = look(&world, Arc::new(recorder), |unit, _| {
        let event = event.clone();
        Box::pin(async move {
            let found = unit.users().find(HOME, nobody).await?;
            unit.events().append(event).await?;
            Ok(found)
        })
    })
    .await
    .unwrap();
    assert!(found.is_none());
    assert_eq!(stored(&world).await, before + 1);
}

async fn what_cannot_be_recorded_is_not_shown(world: World) {
    let event = Factory::new(1).event();
    let error = look(&world, notes(true), |unit, _| {
        let event = event.clone();
        Box::pin(async move { unit.events().append(event).await })
    })
    .await
    .unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
}

async fn a_look_that_fails_raises_nothing(world: World) {
    let notes = notes(false);
    let event = Factory::new(1).event();
    look(&world, notes.clone(), |unit, _| {
        let event = event.clone();
        Box::pin(async move {
            unit.events().append(event).await?;
            Err::<(), _>(PortError::other("test", "planted"))
        })
    })
    .await
    .unwrap_err();
    assert!(notes.taken.lock().await.is_empty());
}

async fn nothing_can_be_written_in_a_look(world: World) {
    let before = world.number("SELECT count(*) FROM user_roles").await;
    let notes = notes(false);
    let user = UserId::from_uuid(Factory::new(1).id());
    let error = look(&world, notes.clone(), |unit, env| {
        let now = env.now();
        let roles = ["auditor".to_owned()];
        Box::pin(async move { unit.roles().assign(HOME, user, &roles, None, now).await })
    })
    .await
    .unwrap_err();
    assert!(error.chain().contains("read"), "{}", error.chain());
    assert_eq!(world.number("SELECT count(*) FROM user_roles").await, before);
    // The connection is as good as before.
    let found = look(&world, notes, |unit, _| {
        Box::pin(async move { unit.users().find(HOME, user).await })
    });
    assert!(found.await.unwrap().is_none());
}

async fn a_page_of_users_unwraps_each_key_once(world: World) {
    let mut factory = Factory::new(0xE8);
    for _ in 0..20 {
        person(&world, &mut factory).await;
    }
    let (store, keyring) = world.replica().await;
    let units: &dyn Units<dyn UnitOfWork> = &store;
    let list = async || {
        let mut unit = units.begin().await.unwrap();
        let page = unit
            .users()
            .list(HOME, &UserFilter::default(), &PageRequest::default())
            .await
            .unwrap();
        unit.rollback().await.unwrap();
        page.items.len()
    };
    assert_eq!(list().await, 20);
    assert_eq!(keyring.cache_counters().unwraps, 20);
    assert_eq!(list().await, 20);
    assert_eq!(
        keyring.cache_counters().unwraps,
        20,
        "what is remembered is not unwrapped again"
    );
}
