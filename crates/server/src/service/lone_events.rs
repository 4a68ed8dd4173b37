//! Who writes events that accompany no change: in groups; and, where an operator has said so, after the answer.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use vutf_identity::action::{PERMISSION_LIST, ROLE_LIST, SESSION_LIST, USER_LIST, USER_READ};
use vutf_kernel::{Action, Ambient, EventRecorder};
use vutf_store_seaorm::{Backlog, GroupOptions, GroupRecorder, RelaxedRecorder, SeaStore};

use crate::{
    config::{Audit, RelaxedReads},
    http::AppState,
};

/// How often refusals that were only counted are looked through.
const EVERY: Duration = Duration::from_secs(5);

/// The writers of lone events.
pub struct LoneEvents {
    /// Writes them in groups.
    pub group: Arc<GroupRecorder>,
    /// Keeps those whose answer was given all the same.
    pub backlog: Arc<Backlog>,
    /// What use cases are given.
    pub recorder: Arc<dyn EventRecorder>,
}

impl LoneEvents {
    pub(super) fn spawn(store: &SeaStore, ambient: &Ambient, audit: &Audit) -> Self {
        let group = Arc::new(GroupRecorder::spawn(
            store.lone_units(),
            ambient.clone(),
            GroupOptions::of(store.technology()),
        ));
        let strict = Arc::clone(&group) as Arc<dyn EventRecorder>;
        let limit = usize::try_from(audit.backlog).unwrap_or(usize::MAX);
        let backlog = Arc::new(Backlog::spawn(Arc::clone(&strict), ambient.clone(), limit));
        let recorder = if audit.relaxed.is_empty() {
            strict
        } else {
            let relaxed = audit.relaxed.iter().flat_map(|reads| actions(*reads));
            let names = relaxed.map(|action| action.name);
            Arc::new(RelaxedRecorder::new(strict, Arc::clone(&backlog), names))
        };
        Self {
            group,
            backlog,
            recorder,
        }
    }

    /// Writes what waits, as far as the log takes it. The backlog first: it writes through the group.
    pub(super) async fn close(&self) {
        self.backlog.close().await;
        self.group.close().await;
    }
}

/// The reads of a class. What looks at the log itself, at keys or at what is kept of erasures is in none.
fn actions(reads: RelaxedReads) -> &'static [Action] {
    match reads {
        RelaxedReads::Users => &[USER_LIST, USER_READ],
        RelaxedReads::Sessions => &[SESSION_LIST],
        RelaxedReads::Roles => &[ROLE_LIST, PERMISSION_LIST],
    }
}

/// Records the number of those who came too often. To end it, abort it, and call [`record_throttled`] for the rest.
pub(super) fn watch_throttled(state: Arc<AppState>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            record_throttled(&state, false).await;
        }
    })
}

/// With `all`, of the minute that is not over, too.
pub(super) async fn record_throttled(state: &AppState, all: bool) {
    for event in state.throttled.ended(&state.identity.ambient, all) {
        if state.identity.recorder.record(event.clone()).await.is_err() {
            state.backlog.defer(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{
        route::{Endpoint, Method},
        table::ROUTES,
    };

    /// A word that let a change go on without its event would be a hole in the log.
    #[test]
    fn only_reads_may_be_answered_before_their_event() {
        for reads in RelaxedReads::ALL {
            for action in actions(reads) {
                let of_action = |endpoint: &&Endpoint| endpoint.action == *action;
                let routes = ROUTES.iter().map(|route| &route.endpoint).filter(of_action);
                let methods: Vec<Method> = routes.map(|endpoint| endpoint.method).collect();
                assert!(!methods.is_empty(), "{action:?}");
                assert!(methods.iter().all(|method| *method == Method::Get), "{action:?}");
            }
        }
    }
}
