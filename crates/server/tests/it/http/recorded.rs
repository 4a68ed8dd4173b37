//! What is not in the log is not answered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use vutf_identity::memory::MemoryStore;
use vutf_kernel::{Detail, Event, EventRecorder, Fault, PortError};

use super::world::{World, bearer, get, world};

/// Says that it has recorded what it has not: a store whose commit is forgotten, or a use case that raises no event.
struct Forgetful;

#[async_trait]
impl EventRecorder for Forgetful {
    async fn record(&self, _: Event) -> Result<(), PortError> {
        Ok(())
    }
}

/// A log that takes nothing while it is shut.
struct Door {
    log: MemoryStore,
    shut: Arc<AtomicBool>,
}

#[async_trait]
impl EventRecorder for Door {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        if self.shut.load(Ordering::SeqCst) {
            return Err(PortError::new("audit.record", Fault::Unreachable, "planted"));
        }
        self.log.record(event).await
    }
}

fn with_recorder(world: &mut World, recorder: Arc<dyn EventRecorder>) {
    let state = Arc::get_mut(&mut world.state).unwrap();
    state.identity.recorder = recorder;
}

#[actix_web::test]
async fn an_answer_whose_event_was_not_committed_is_withheld() {
    let mut world = world(&[]).await;
    let token = world.admin().await;
    let shown = world.send(bearer(get("/api/v1/permissions"), &token)).await;
    assert_eq!(shown.status, 200);
    with_recorder(&mut world, Arc::new(Forgetful));
    let before = world.events().len();
    let withheld = world.send(bearer(get("/api/v1/permissions"), &token)).await;
    assert_eq!(
        (withheld.status, withheld.code().as_str()),
        (500, "VUTF_INTERNAL")
    );
    assert!(!withheld.json().to_string().contains("users:read"));
    assert_eq!(world.events().len(), before);
    let metrics = world.state.metrics.render();
    assert!(
        metrics.contains("vutf_audit_unrecorded_answers_total 1\n"),
        "{metrics}"
    );
    // Where nothing has to be recorded, nothing is asked for.
    assert_eq!(world.send(get("/health/live")).await.status, 200);
}

#[actix_web::test]
async fn a_request_id_that_somebody_else_has_used_is_no_receipt() {
    let mut world = world(&[]).await;
    let token = world.admin().await;
    let call = || bearer(get("/api/v1/permissions"), &token).insert_header(("x-request-id", "the-same"));
    assert_eq!(world.send(call()).await.status, 200);
    with_recorder(&mut world, Arc::new(Forgetful));
    assert_eq!(world.send(call()).await.status, 500);
}

#[actix_web::test]
async fn what_is_not_shown_is_503_and_what_is_refused_waits_to_be_recorded() {
    let mut world = world(&[]).await;
    let token = world.admin().await;
    let shut = Arc::new(AtomicBool::new(true));
    let door = Door {
        log: world.store.clone(),
        shut: Arc::clone(&shut),
    };
    with_recorder(&mut world, Arc::new(door));
    let before = world.events().len();
    let withheld = world.send(bearer(get("/api/v1/permissions"), &token)).await;
    assert_eq!(
        (withheld.status, withheld.code().as_str()),
        (503, "VUTF_UNAVAILABLE")
    );
    assert!(withheld.header("retry-after").parse::<u64>().unwrap() >= 1);
    let refused = world.send(get("/api/v1/users")).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "VUTF_UNAUTHENTICATED")
    );
    // The world's backlog writes past the door.
    while world.events().len() < before + 2 {
        tokio::task::yield_now().await;
    }
    let late: Vec<_> = world.store.events().split_off(before);
    let said: Vec<_> = late
        .iter()
        .map(|event| (event.action.as_ref(), event.outcome.as_str()))
        .collect();
    assert_eq!(said, [("permission.list", "failed"), ("user.list", "refused")]);
    assert!(
        late.iter()
            .all(|event| matches!(&event.details["happened_at"], Detail::Text(_)))
    );
}

#[actix_web::test]
async fn what_goes_wrong_on_our_side_is_recorded_as_failed() {
    let world = world(&[]).await;
    let token = world.admin().await;
    let before = world.events().len();
    let unreachable = world.send(bearer(get("/api/v1/keys"), &token)).await;
    world.units.panics();
    let broken = world.send(bearer(get("/api/v1/keys"), &token)).await;
    assert_eq!((unreachable.status, broken.status), (503, 500));
    let failed = |reason: &str| ("key.list".to_owned(), "failed".to_owned(), reason.to_owned());
    assert_eq!(
        world.events()[before..],
        [failed("unavailable"), failed("internal")]
    );
}
