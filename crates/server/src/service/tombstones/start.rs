//! What is done with tombstones before the first request, and beside the requests.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use uuid::Uuid;
use vutf_app::erasure::{Certified, certified};
use vutf_identity::user::erase::EraseError;
use vutf_kernel::{Actor, EventId, PortError, Timestamp};

use super::TombstoneError;
use crate::{
    service::{Service, StartError},
    telemetry::Metrics,
};

/// Ids of events begin with the milliseconds of a clock. Replicas' clocks differ, and what has a smaller id may be committed
/// later: for so long before the last round, certificates are read again. What the rows say is not believed in this: a
/// forged one with a late id would hide those that follow.
const OVERLAP: Duration = Duration::from_hours(1);

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
    /// When the last round began that succeeded.
    since: Option<Timestamp>,
    counted: usize,
    unproved: usize,
}

/// Erases again whoever is in the database and has a tombstone, and brings the file up to date. Nobody may be served before.
pub(in crate::service) async fn prepare(
    service: &Service,
    metrics: &Metrics,
) -> Result<Progress, StartError> {
    let mut progress = Progress::default();
    replay(service, metrics).await.map_err(StartError::Erasures)?;
    let done = round(service, &mut progress).await;
    report(service, metrics, &done);
    Ok(progress)
}

/// Keeps the file up to date, and erases again whoever comes back meanwhile: rows can be put back under a service that runs.
/// To end it, abort it.
pub(in crate::service) fn spawn(
    service: Service,
    metrics: Arc<Metrics>,
    mut progress: Progress,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(service.config.erasure.reconcile_interval);
        loop {
            ticks.tick().await;
            let kept = round(&service, &mut progress).await;
            // Whatever became of the round: what the file says holds.
            let again = replay(&service, &metrics).await;
            report(&service, &metrics, &kept.and(again));
        }
    })
}

fn report(service: &Service, metrics: &Metrics, done: &Result<(), ReplayError>) {
    if let Err(error) = done {
        tracing::error!(
            error = %error,
            "the file of tombstones and the database could not be held against one another; it is tried again"
        );
    }
    let file = &service.tombstones;
    metrics
        .erasures()
        .set(file.count(), done.is_err() || file.is_failing());
}

/// Erases again whoever is in the database and has a tombstone.
async fn replay(service: &Service, metrics: &Metrics) -> Result<(), ReplayError> {
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
    metrics.erasures().replayed(again.len());
    Ok(())
}

async fn round(service: &Service, progress: &mut Progress) -> Result<(), ReplayError> {
    let file = &service.tombstones;
    // Neither stops a start: what the file says is read, and under which key it lies is for later.
    match file.rewrap().await {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!(file = %file.path().display(), "the key of the tombstones is wrapped anew");
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
    let began = service.ambient.now();
    catch_up(service, progress).await?;
    progress.since = Some(began);
    progress.counted = file.count();
    Ok(())
}

/// Tombstones of what the database certifies and the file does not say.
async fn catch_up(service: &Service, progress: &mut Progress) -> Result<(), ReplayError> {
    let (store, file) = (&service.store, &service.tombstones);
    let (mut after, mut unproved) = (progress.since.map(before), Vec::new());
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

/// The least id of an event so long before `at`.
fn before(at: Timestamp) -> EventId {
    let micros = u128::try_from(at.as_micros()).unwrap_or(0);
    let millis = (micros / 1_000).saturating_sub(OVERLAP.as_millis());
    EventId::from_uuid(Uuid::from_u128(millis << 80))
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Clock, OsEntropy};

    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0)
        }
    }

    #[test]
    fn events_of_the_last_hour_come_after_it_and_older_ones_do_not() {
        let now = 1_700_000_000_000_000_i64;
        let made = |ago_secs: i64| EventId::generate(&At(now - ago_secs * 1_000_000), &mut OsEntropy);
        let floor = before(Timestamp::from_micros(now));
        for ago in [0, 60, 3_599, 3_600] {
            assert!(made(ago) > floor, "{ago}");
        }
        assert!(made(3_601) < floor);
        assert_eq!(before(Timestamp::from_micros(0)), EventId::from_uuid(Uuid::nil()));
    }
}
