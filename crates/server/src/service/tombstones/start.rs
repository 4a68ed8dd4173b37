//! What is done with tombstones before the first request, and beside the requests.

use std::sync::Arc;

use tokio::task::JoinHandle;
use uuid::Uuid;
use vutf_app::erasure::{Certified, certified};
use vutf_identity::user::erase::EraseError;
use vutf_kernel::{Actor, EventId, PortError};

use super::TombstoneError;
use crate::{
    service::{Service, StartError},
    telemetry::Metrics,
};

/// Ids of events begin with the milliseconds of a clock. Replicas' clocks differ, and what has a smaller id may be committed
/// later: for so long before the last one that was seen, certificates are read again.
const OVERLAP_MILLIS: u128 = 60 * 60 * 1_000;

/// Why the service does not start over tombstones.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is not to be used.
    #[error(transparent)]
    File(#[from] TombstoneError),
    /// Somebody could not be erased again.
    #[error("somebody who was erased is in the database and cannot be erased again: {0}")]
    Erase(#[from] EraseError),
    /// The database failed.
    #[error("the certificates of erasures cannot be read: {}", .0.chain())]
    Port(#[from] PortError),
}

/// How far the certificates in the database were read.
#[derive(Default)]
pub(in crate::service) struct Progress {
    last: Option<EventId>,
    counted: usize,
    unproved: usize,
}

/// Erases again whoever is in the database and has a tombstone, and brings the file up to date. Nobody may be served before.
pub(in crate::service) async fn prepare(
    service: &Service,
    metrics: &Metrics,
) -> Result<Progress, StartError> {
    let mut progress = Progress::default();
    let replayed = replay(service).await.map_err(StartError::Erasures)?;
    metrics.erasures().replayed(replayed);
    if let Err(error) = round(service, &mut progress).await {
        not_up_to_date(&error);
    }
    tell(service, metrics);
    Ok(progress)
}

/// Keeps the file up to date. To end it, abort it.
pub(in crate::service) fn spawn(
    service: Service,
    metrics: Arc<Metrics>,
    mut progress: Progress,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(service.config.erasure.reconcile_interval);
        loop {
            ticks.tick().await;
            if let Err(error) = round(&service, &mut progress).await {
                not_up_to_date(&error);
            }
            tell(&service, &metrics);
        }
    })
}

/// What the file says already holds all the same.
fn not_up_to_date(error: &ReplayError) {
    tracing::error!(error = %error, "the file of tombstones is not up to date; it is tried again");
}

async fn replay(service: &Service) -> Result<usize, ReplayError> {
    let tombstones = service.tombstones.read().await?;
    let ctx = service.internal(Actor::System {
        job: "erasure-replay".into(),
    });
    let again = service.erasure().replay(&ctx, &tombstones).await?;
    if !again.is_empty() {
        tracing::warn!(
            persons = again.len(),
            "older data was restored: whoever had been erased is erased again"
        );
    }
    Ok(again.len())
}

async fn round(service: &Service, progress: &mut Progress) -> Result<(), ReplayError> {
    let file = &service.tombstones;
    // Neither stops a start: what the file says is read, and under which key it lies is for later.
    match file.rewrap().await {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!(file = %file.path().display(), "the key of the tombstones is wrapped anew")
        }
        Err(error @ TombstoneError::Key { .. }) => {
            tracing::warn!(error = %error, "the key of the tombstones could not be wrapped anew; it is tried again");
        }
        Err(error) => return Err(error.into()),
    }
    // Somebody has put another file there.
    if file.count() < progress.counted {
        *progress = Progress::default();
    }
    catch_up(service, progress).await?;
    progress.counted = file.count();
    Ok(())
}

/// Tombstones of what the database certifies and the file does not say.
async fn catch_up(service: &Service, progress: &mut Progress) -> Result<(), ReplayError> {
    let (store, file) = (&service.store, &service.tombstones);
    let (mut after, mut unproved) = (progress.last.map(rewound), Vec::new());
    loop {
        let known = |organization, user| file.knows((organization, user));
        let page: Certified = certified(store, store, &service.keyring, after, &known).await?;
        file.try_keep(&page.tombstones).await?;
        if !page.tombstones.is_empty() {
            tracing::info!(
                persons = page.tombstones.len(),
                "tombstones of certified erasures are kept"
            );
        }
        unproved.extend(page.unproved);
        progress.last = page.last.max(progress.last);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if let Some(first) = unproved.first()
        && unproved.len() != progress.unproved
    {
        tracing::error!(
            certificates = unproved.len(), first = %first,
            "the key registry does not bear out certificates of erasures: no tombstone is made of them"
        );
    }
    progress.unproved = unproved.len();
    Ok(())
}

fn tell(service: &Service, metrics: &Metrics) {
    let file = &service.tombstones;
    metrics.erasures().set(file.count(), file.is_failing());
}

/// The least id of an event that happened so much earlier.
fn rewound(id: EventId) -> EventId {
    let millis = id.as_uuid().as_u128() >> 80;
    EventId::from_uuid(Uuid::from_u128(millis.saturating_sub(OVERLAP_MILLIS) << 80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_rewound_by_an_hour_of_its_own_time() {
        let id: EventId = "01937b6e-5b5c-7d3e-8f00-000000000001".parse().unwrap();
        let before = rewound(id);
        assert!(before < id);
        assert_eq!(
            (id.as_uuid().as_u128() >> 80) - (before.as_uuid().as_u128() >> 80),
            3_600_000
        );
        let first = EventId::from_uuid(Uuid::from_u128(1 << 80));
        assert_eq!(rewound(first), EventId::from_uuid(Uuid::nil()));
    }
}
