//! Writes which sessions are used, apart from the requests that use them.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use vutf_identity::session::used;
use vutf_kernel::{Actor, Ctx, OrganizationId, RequestId, id::uuid_v7};

use crate::http::AppState;

/// A use is written at most so late. Another replica sees it after that and the 800 ms for which it remembers a session.
const EVERY: Duration = Duration::from_secs(1);

/// To end it, abort it, and write the rest: a batch is one transaction.
pub(super) fn spawn(state: Arc<AppState>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            write(&state).await;
        }
    })
}

/// Writes what waits. What cannot be written is dropped: the next request of the session leaves it again.
pub(super) async fn write(state: &AppState) {
    for part in state.uses.take() {
        if let Err(error) = used::note(&context(state), &state.identity, part).await {
            tracing::warn!("uses of sessions could not be noted: {}", error.chain());
        }
    }
}

fn context(state: &AppState) -> Ctx {
    let ambient = &state.identity.ambient;
    let request_id = RequestId::from_uuid(uuid_v7(ambient.clock(), &mut *ambient.entropy()));
    let actor = Actor::System {
        job: "session-uses".into(),
    };
    Ctx::internal(OrganizationId::DEFAULT, actor, request_id)
}
