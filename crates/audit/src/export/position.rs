//! How far each sink has come: what its receiver acknowledged, kept so that whoever goes on begins behind it.

use async_trait::async_trait;
use vutf_kernel::{
    Action, Ambient, Ctx, Detail, Env, Event, Fault, Lease, Leases, Outcome, PortError, Timestamp,
    Transaction,
};

use crate::{Anchor, AuditTx, Finding, access::action};

/// How far a sink has come. It moves only after its receiver acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The sink's stable name.
    pub sink: String,
    /// The last entry that was acknowledged; `None` before the first. As text it is the resume token.
    pub reached: Option<Anchor>,
    /// In which format it was sent.
    pub format: String,
    /// When it was written.
    pub updated_at: Timestamp,
    /// Why the sink does not go on; `None` while it does.
    pub problem: Option<String>,
}

/// The store as exporters see it.
#[async_trait]
pub trait ExportStore: Leases {
    /// The positions of all sinks, by name.
    async fn positions(&self) -> Result<Vec<Position>, PortError>;
    /// The position of one; `None` before it was ever kept.
    async fn position(&self, sink: &str) -> Result<Option<Position>, PortError>;
    /// A transaction; with a lease, its first statement fails with [`Fault::Stale`] once the lease's epoch was overtaken, and
    /// nobody can overtake it until the transaction ends.
    async fn begin_export(&self, lease: Option<&Lease>) -> Result<Box<dyn ExportTx>, PortError>;
}

/// One move.
#[async_trait]
pub trait ExportTx: Transaction + AuditTx {
    /// Writes `now` in the place of `before`, of the same sink.
    ///
    /// # Errors
    /// [`Fault::Stale`] when something else is there: somebody has moved or reset it meanwhile.
    async fn keep(&mut self, before: Option<&Position>, now: &Position) -> Result<(), PortError>;
}

/// Why a sink was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Nothing was ever exported under this name.
    #[error("there is no position of a sink {0:?}")]
    Unknown(String),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Keeps `now` in the place of `before`, under the lease. No event: it would be exported itself, and so without end.
///
/// # Errors
/// The store's.
pub async fn moved(
    store: &dyn ExportStore,
    lease: &Lease,
    before: Option<&Position>,
    now: &Position,
) -> Result<(), PortError> {
    let mut tx = store.begin_export(Some(lease)).await?;
    tx.keep(before, now).await?;
    tx.commit().await
}

/// Writes down that a sink refuses to go on because the log does not follow from what it exported, and raises the event, once
/// for each finding.
///
/// # Errors
/// The store's.
pub async fn refused(
    ctx: &Ctx,
    store: &dyn ExportStore,
    ambient: &Ambient,
    lease: &Lease,
    (before, sink, format): (Option<&Position>, &str, &str),
    found: &Finding,
) -> Result<Position, PortError> {
    let now = Position {
        sink: sink.to_owned(),
        reached: before.and_then(|position| position.reached),
        format: format.to_owned(),
        updated_at: ambient.now(),
        problem: Some(found.to_string()),
    };
    if before.is_some_and(|known| known.problem == now.problem) {
        return Ok(now);
    }
    let mut event = event(ctx, ambient, action::SINK_GAP, sink, now.reached);
    event.outcome = Outcome::refused(found.kind.as_str());
    let event = event
        .detail("seq", Detail::Number(found.seq))
        .detail("finding", Detail::Text(found.kind.as_str().to_owned()));
    let mut tx = store.begin_export(Some(lease)).await?;
    tx.keep(before, &now).await?;
    tx.log().append(event).await?;
    tx.commit().await?;
    Ok(now)
}

/// Lets a sink go on behind `reached`, or from the beginning, whatever it exported before. An operator's decision: what lies
/// between is exported again, or never.
///
/// # Errors
/// The sink is not known, or the store's.
pub async fn reset(
    ctx: &Ctx,
    store: &dyn ExportStore,
    ambient: &Ambient,
    sink: &str,
    reached: Option<Anchor>,
) -> Result<Position, SinkError> {
    // A service that moves it at the same time is the later one once, and sees the other position at its next move.
    let mut attempts = 0;
    loop {
        let before = store.position(sink).await?;
        let before = before.ok_or_else(|| SinkError::Unknown(sink.to_owned()))?;
        let now = Position {
            reached,
            updated_at: ambient.now(),
            problem: None,
            ..before.clone()
        };
        let from = before
            .reached
            .map_or_else(|| "none".to_owned(), |anchor| anchor.to_string());
        let event =
            event(ctx, ambient, action::SINK_RESET, sink, reached).detail("before", Detail::Text(from));
        let mut tx = store.begin_export(None).await?;
        let kept = tx.keep(Some(&before), &now).await;
        attempts += 1;
        match kept {
            Err(error) if error.fault == Fault::Stale && attempts < 10 => tx.rollback().await?,
            Err(error) => return Err(error.into()),
            Ok(()) => {
                tx.log().append(event).await?;
                tx.commit().await?;
                return Ok(now);
            }
        }
    }
}

fn event(ctx: &Ctx, ambient: &Ambient, action: Action, sink: &str, reached: Option<Anchor>) -> Event {
    let mut entropy = ambient.entropy();
    let mut env = Env {
        clock: ambient.clock(),
        entropy: &mut *entropy,
    };
    let token = reached.map_or_else(|| "none".to_owned(), |anchor| anchor.to_string());
    Event::new(ctx, &mut env, action.name, action.none(), Outcome::Success)
        .detail("sink", Detail::Text(sink.to_owned()))
        .detail("reached", Detail::Text(token))
}
