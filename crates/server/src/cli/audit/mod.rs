//! `audit`: the log, verified, shown and written out. No sealed part is opened. To verify needs the database alone, shows no
//! event, and works on a copy that cannot be written; whoever sees events is in the log themself, which takes the keys.

mod accept_head;
mod access_graph;
mod analysis;
mod bundle;
mod diff;
mod export;
mod files;
mod holds;
mod prove;
mod retention;
mod sinks;
mod tail;
mod timeline;
mod verify;

use async_trait::async_trait;
use vutf_app::UnitOfWork;
use vutf_audit::{Access, EventProof, LogEntry, LogReader, access::overview, export::jsonl, parse_body};
use vutf_kernel::{
    Action, Actor, Ambient, Ctx, Detail, Event, EventId, EventRecorder, OrganizationId, PortError, RequestId,
    transact,
};
use vutf_store_seaorm::SeaStore;

use super::{
    args::{Audit, Sinks, Verify},
    database,
    failure::{Failure, Outcome},
    output::Output,
    start,
};
use crate::config::Sources;

pub(super) async fn run(action: Audit, sources: &Sources, out: &mut Output) -> Outcome {
    if let Audit::Verify(what) = action {
        return verify_any(what, sources, out).await;
    }
    // Whoever looks is in the log, and what is in the log is vouched for with a key.
    let service = Box::pin(start::service(sources)).await?;
    let looker = Looker::new(&service.store);
    let done = match action {
        Audit::Verify(_) => Ok(()),
        Audit::Bundle { path } => bundle::write(&looker, &service, &path, out).await,
        Audit::Prove { event, directory } => prove::run(&looker, event, &directory, out).await,
        Audit::AcceptHead => accept_head::run(&looker, &service, out).await,
        Audit::Tail { follow } => tail::run(&looker, follow, out).await,
        Audit::Findings {
            status,
            severity,
            rule,
        } => {
            let wanted = analysis::Wanted {
                status,
                severity,
                rule,
            };
            analysis::findings(&looker, &service.config, wanted, out).await
        }
        Audit::Rules => analysis::rules(&looker, &service.config, out).await,
        Audit::Retention { action } => retention::run(action, &service, out).await,
        Audit::Holds { action } => holds::run(action, &service, out).await,
        Audit::Export {
            format,
            from,
            until,
            resume,
        } => {
            let asked = export::Export {
                format,
                from,
                until,
                resume,
            };
            export::run(&looker, asked, &service.config, out).await
        }
        Audit::Sinks { action } => match action {
            Sinks::List => sinks::list(&looker, out).await,
            Sinks::Reset { sink, after } => sinks::restart(&looker, &sink, after, out).await,
        },
        Audit::Timeline {
            whose,
            id,
            span,
            limit,
        } => timeline::run(&looker, whose, id, &span, limit, out).await,
        Audit::AccessGraph { span, dot } => access_graph::run(&looker, &span, dot, out).await,
        Audit::Diff { from, to, sizes } => diff::run(&looker, from, to, sizes, out).await,
    };
    service.close().await;
    done
}

/// A database, or files alone, without configuration and keys of the service.
async fn verify_any(what: Verify, sources: &Sources, out: &mut Output) -> Outcome {
    let Verify {
        anchor,
        vkey,
        bundle,
        proof,
        entry,
    } = what;
    match (bundle, proof, entry) {
        (Some(bundle), ..) => return bundle::verify(&bundle, &vkey, out),
        (None, Some(proof), Some(entry)) => return prove::verify(&proof, &entry, &vkey, out),
        _ => {}
    }
    let config = start::command(sources)?;
    let store = database::ready(&config).await?;
    let done = verify::run(&store, &config, verify::Known { anchor, vkey }, out).await;
    store.close().await;
    done
}

/// The operator, who looks at the whole log.
struct Looker<'a> {
    store: &'a SeaStore,
    ambient: Ambient,
}

impl<'a> Looker<'a> {
    fn new(store: &'a SeaStore) -> Self {
        Self {
            store,
            ambient: Ambient::system(),
        }
    }

    /// The number of the last entry; 0 while there is none.
    async fn last(&self) -> Result<i64, Failure> {
        Ok(i64::try_from(self.store.audit_lag().await?.last_sequence).unwrap_or(i64::MAX))
    }

    /// The log, once it is recorded that somebody looks at it.
    async fn open(&self, action: Action, from_seq: i64) -> Result<&dyn LogReader, Failure> {
        let from = [("from_seq", Detail::Number(from_seq))];
        self.open_part(action, from).await
    }

    /// The same, with what is to be known about the part that is looked at.
    async fn open_part(
        &self,
        action: Action,
        facts: impl IntoIterator<Item = (&'static str, Detail)>,
    ) -> Result<&dyn LogReader, Failure> {
        overview(&self.ctx(), self.access(), action, facts)
            .await
            .map_err(|error| Failure::of(&error))
    }

    /// An event and its proof, once it is recorded that somebody looks at it.
    async fn prove(&self, id: EventId) -> Result<EventProof, Failure> {
        let shown = vutf_audit::prove::prove(&self.ctx(), self.access(), id).await;
        shown.map_err(|error| Failure::of(&error))
    }

    fn ctx(&self) -> Ctx {
        let id = EventId::generate(self.ambient.clock(), &mut *self.ambient.entropy());
        let request_id = RequestId::from_uuid(id.as_uuid());
        Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request_id)
    }

    fn access(&self) -> Access<'_> {
        Access {
            reader: self.store,
            recorder: self,
            ambient: &self.ambient,
        }
    }
}

#[async_trait]
impl EventRecorder for Looker<'_> {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        transact::<dyn UnitOfWork, _, _>(self.store, &self.ambient, |unit, _env| {
            let event = event.clone();
            Box::pin(async move { unit.log().append(event).await })
        })
        .await
    }
}

/// An entry as `tail --json` shows it and `export` writes it. `previous` is the hash of the chain before it.
fn record(entry: &LogEntry, previous: &[u8; 32]) -> String {
    let body = entry.intake.as_ref().map(|intake| &intake.body);
    // As it is: the leaf hash is over these very bytes, which another writer of JSON might order otherwise.
    let body = body
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .filter(|text| parse_body(text.as_bytes()).is_ok());
    jsonl(entry.leaf.seq, &entry.leaf.leaf_hash, previous, body)
}
