//! The loop of one sink.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures_util::FutureExt as _;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;
use vutf_audit::{
    Anchor, Finding, LogReader as _,
    export::{ExportStore as _, Exported, Position, Source, batch, moved, refused},
};
use vutf_kernel::{Actor, Fault, Lease, Leases as _, PortError, id::uuid_v7};

use super::{
    sink::{SendError, Sink},
    status::ExportStatus,
};
use crate::{config::Export, service::Service, telemetry::Metrics};

/// How long a sink that refuses waits before it looks whether the log fits again, or an operator has reset it.
const REFUSED_WAIT: Duration = Duration::from_secs(1);
/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of bodies in one batch; a record is two to five times as long as its body. One body may be longer.
const BYTES: usize = 1 << 20;

pub(super) struct Loop {
    service: Service,
    settings: Export,
    sink: Box<dyn Sink>,
    source: Source,
    status: Arc<ExportStatus>,
    metrics: Arc<Metrics>,
    lease_name: String,
    holder: Uuid,
    lease: Option<Lease>,
    /// What the store holds, once it was read under the lease that is held now.
    position: Option<Position>,
    is_known: bool,
    pauses: ExponentialBackoff,
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("{}", .0.chain())]
    Port(#[from] PortError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("it panicked")]
    Panicked,
}

enum Step {
    /// There may be more at once.
    Sent,
    /// Everything is there, or another replica works.
    Idle,
    /// The log does not follow.
    Refused,
}

impl Loop {
    pub(super) fn new(
        service: &Service,
        sink: Box<dyn Sink>,
        status: Arc<ExportStatus>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let settings = service.config.audit.export.clone();
        Self {
            lease_name: format!("audit-export/{}", sink.name()),
            holder: uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy()),
            source: service.config.audit_source(),
            pauses: pauses(settings.longest_pause),
            service: service.clone(),
            settings,
            sink,
            status,
            metrics,
            lease: None,
            position: None,
            is_known: false,
        }
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut next = Instant::now();
        while !*stopped.borrow() {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = stopped.changed() => break,
            }
            next = Instant::now() + self.turn().await;
        }
        self.release().await;
    }

    /// One step; how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        let step = AssertUnwindSafe(self.step()).catch_unwind().await;
        match step.unwrap_or(Err(StepError::Panicked)) {
            Ok(Step::Sent) => Duration::ZERO,
            Ok(Step::Idle) => self.settings.interval,
            Ok(Step::Refused) => REFUSED_WAIT,
            Err(error) => {
                self.failed(&error).await;
                self.pauses.next().unwrap_or(self.settings.longest_pause)
            }
        }
    }

    async fn step(&mut self) -> Result<Step, StepError> {
        let Some(lease) = self.hold().await? else {
            let position = self.service.store.position(self.sink.name()).await?;
            self.measure(position.and_then(|position| position.reached))
                .await?;
            return Ok(Step::Idle);
        };
        // One that refuses looks for an operator's decision each time.
        if !self.is_known || self.status.is_refused() {
            self.position = self.service.store.position(self.sink.name()).await?;
            self.is_known = true;
        }
        let before = self.position.clone();
        let reached = before.as_ref().and_then(|position| position.reached);
        self.measure(reached).await?;
        let (mut records, mut found) = batch(&self.service.store, reached, self.settings.batch).await?;
        if bound(&mut records) {
            found = None;
        }
        match (records.last(), found) {
            (Some(last), _) => {
                let last = last.anchor();
                self.sink.send(&records, &self.source).await?;
                self.acknowledged(&lease, before.as_ref(), last, records.len())
                    .await
            }
            (None, Some(found)) => self.refuse(&lease, before.as_ref(), &found).await,
            (None, None) => {
                self.worked();
                Ok(Step::Idle)
            }
        }
    }

    /// Moves the position. Whoever has overtaken this replica, or reset the sink, counts.
    async fn acknowledged(
        &mut self,
        lease: &Lease,
        before: Option<&Position>,
        reached: Anchor,
        count: usize,
    ) -> Result<Step, StepError> {
        let now = self.at(Some(reached), None);
        match moved(&self.service.store, lease, before, &now).await {
            Ok(()) => {
                self.position = Some(now);
                self.worked();
                self.metrics.audit_export().sent(self.sink.name(), count);
            }
            Err(error) if error.fault == Fault::Stale => self.forget(),
            Err(error) => {
                // It may have been written all the same.
                self.forget();
                return Err(error.into());
            }
        }
        Ok(Step::Sent)
    }

    async fn refuse(
        &mut self,
        lease: &Lease,
        before: Option<&Position>,
        found: &Finding,
    ) -> Result<Step, StepError> {
        let ctx = self.service.internal(Actor::System {
            job: "audit-export".into(),
        });
        let (store, ambient) = (&self.service.store, &self.service.ambient);
        let sink = (before, self.sink.name(), self.sink.format());
        let told = refused(&ctx, store, ambient, lease, sink, found).await;
        if told.as_ref().is_err_and(|error| error.fault == Fault::Stale) {
            self.forget();
            return Ok(Step::Idle);
        }
        self.position = Some(told?);
        if self.status.refuse() {
            tracing::error!(
                sink = self.sink.name(),
                "the audit log does not follow from what was exported, and nothing is: {found}; run `violentutf-api audit verify`, \
                 and `audit sinks reset` once it is known why"
            );
        }
        self.metrics.audit_export().set_refused(self.sink.name(), true);
        Ok(Step::Refused)
    }

    async fn failed(&mut self, error: &StepError) {
        let (name, now) = (self.sink.name(), self.service.ambient.now());
        self.metrics.audit_export().failed(name);
        if !self.status.failed(now) {
            return;
        }
        tracing::error!(sink = name, error = %error, "the audit log cannot be exported; it is tried again, and nothing is lost");
        let (StepError::Send(error), Some(lease)) = (error, self.lease.clone()) else {
            return;
        };
        // For whoever asks `audit sinks list`; the loop goes on without it.
        let before = self.position.clone();
        let reached = before.as_ref().and_then(|position| position.reached);
        let now = self.at(reached, Some(error.to_string()));
        match moved(&self.service.store, &lease, before.as_ref(), &now).await {
            Ok(()) => self.position = Some(now),
            Err(_) => self.forget(),
        }
    }

    fn worked(&mut self) {
        if self.status.is_refused() {
            tracing::warn!(sink = self.sink.name(), "the audit log is exported again");
        }
        if self.status.worked() {
            tracing::info!(
                sink = self.sink.name(),
                "the receiver of the audit log acknowledges again"
            );
        }
        self.metrics.audit_export().set_refused(self.sink.name(), false);
        self.pauses = pauses(self.settings.longest_pause);
    }

    async fn measure(&self, reached: Option<Anchor>) -> Result<(), PortError> {
        let head = self.service.store.head().await?.map_or(-1, |leaf| leaf.seq);
        let behind = head.saturating_sub(reached.map_or(-1, |anchor| anchor.seq));
        self.metrics
            .audit_export()
            .set_lag(self.sink.name(), behind.max(0));
        Ok(())
    }

    /// The lease, renewed if need be; `None` while another replica has it. It outlives a batch, so that whoever takes it over
    /// does not send beside somebody who still does.
    async fn hold(&mut self) -> Result<Option<Lease>, PortError> {
        let now = self.service.ambient.now();
        let ttl = self.service.config.audit.lease.max(self.settings.timeout * 3);
        let renew = self
            .lease
            .as_ref()
            .is_none_or(|lease| lease.expires_at.since(now) < ttl / 2);
        if renew {
            let epoch = self.lease.as_ref().map(|lease| lease.epoch);
            let leases = &self.service.store;
            self.lease = leases.acquire(&self.lease_name, self.holder, now, ttl).await?;
            if self.lease.as_ref().map(|lease| lease.epoch) != epoch {
                self.is_known = false;
            }
        }
        Ok(self.lease.clone())
    }

    fn at(&self, reached: Option<Anchor>, problem: Option<String>) -> Position {
        Position {
            sink: self.sink.name().to_owned(),
            reached,
            format: self.sink.format().to_owned(),
            updated_at: self.service.ambient.now(),
            problem,
        }
    }

    /// What was held and known is asked for anew.
    fn forget(&mut self) {
        self.lease = None;
        self.is_known = false;
    }

    async fn release(&mut self) {
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.service.store.release(&lease).await
        {
            tracing::warn!(error = %error, "the lease of an export could not be given back; it expires by itself");
        }
    }
}

/// Cuts off what is too much for one batch; answers whether anything was.
fn bound(records: &mut Vec<Exported>) -> bool {
    let mut bytes = 0;
    let fits = records.iter().position(|record| {
        bytes += record.text.as_ref().map_or(0, String::len);
        bytes > BYTES
    });
    let keep = fits.map_or(records.len(), |first_too_many| first_too_many.max(1));
    let cut = keep < records.len();
    records.truncate(keep);
    cut
}

fn pauses(longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use vutf_audit::{Body, GENESIS};
    use vutf_kernel::{EventId, OrganizationId, Outcome, Resource, Timestamp};

    use super::*;

    fn record(bytes: usize) -> Exported {
        Exported {
            seq: 0,
            previous: GENESIS,
            leaf_hash: [0; 32],
            chain: [0; 32],
            body: Body {
                id: EventId::from_uuid(Uuid::nil()),
                occurred_at: Timestamp::from_secs(0),
                organization_id: OrganizationId::DEFAULT,
                request_id: "r".into(),
                actor: Actor::Operator,
                action: "a.b".into(),
                resource: Resource::kind("x"),
                outcome: Outcome::Success,
                subjects: Vec::new(),
                details: std::collections::BTreeMap::new(),
                private: std::collections::BTreeMap::new(),
            },
            text: (bytes > 0).then(|| "x".repeat(bytes)),
        }
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_and_never_empty() {
        let cases: [(&[usize], usize); 4] = [
            (&[1, 2, 3], 3),
            (&[BYTES / 2, BYTES / 2, 1], 2),
            (&[BYTES * 3, 1], 1),
            (&[0, 0, BYTES], 3),
        ];
        for (sizes, kept) in cases {
            let mut records: Vec<Exported> = sizes.iter().map(|bytes| record(*bytes)).collect();
            let cut = bound(&mut records);
            assert_eq!((records.len(), cut), (kept, kept < sizes.len()), "{sizes:?}");
        }
        assert!(!bound(&mut Vec::new()));
    }

    #[test]
    fn pauses_grow_to_the_longest_and_never_end() {
        let longest = Duration::from_secs(4);
        let mut pauses = pauses(longest);
        let first = pauses.next().unwrap();
        assert!(first >= FIRST_PAUSE && first <= FIRST_PAUSE * 2, "{first:?}");
        let late = pauses.nth(1_000).unwrap();
        assert!(late >= longest && late <= longest * 2, "with jitter: {late:?}");
    }
}
