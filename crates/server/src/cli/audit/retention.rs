//! `audit retention`: what is kept for how long, and pruning by hand.

use std::time::Duration;

use serde_json::{Value, json};
use vutf_audit::retention::{PlanReport, PruneRun, RetentionError, RetentionStore as _, Stopped, prune};
use vutf_kernel::{Timestamp, id::uuid_v7};

use crate::{
    cli::{
        answer::{count, table},
        audit_args::Retention,
        failure::{Failure, Outcome},
        output::Output,
        progress::Progress,
        start,
    },
    service::Service,
};

/// How often it is looked whether a service that runs has ended the run.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(action: Retention, service: &Service, out: &mut Output) -> Outcome {
    match action {
        Retention::Status => status(service, out).await,
        Retention::Run { dry_run: true } => dry_run(service, out).await,
        Retention::Run { dry_run: false } => prune_now(service, out).await,
    }
}

async fn status(service: &Service, out: &mut Output) -> Outcome {
    let (ctx, retention) = (start::operator(service), service.retention());
    let classes = retention
        .status(&ctx)
        .await
        .map_err(|error| Failure::of(&error))?;
    let policy = &retention.settings.policy;
    let days = |class| policy.period(class).map(|period| period.as_secs() / 86_400);
    let rows: Vec<_> = classes
        .iter()
        .map(|status| {
            [
                status.class.name.to_owned(),
                days(status.class).map_or_else(|| "for good".to_owned(), |days| format!("{days} days")),
                status.count.to_string(),
                shown(status.oldest),
                shown(status.cutoff),
            ]
        })
        .collect();
    let switched = if retention.settings.enabled {
        "on"
    } else {
        "off (audit.retention.enabled)"
    };
    let text = format!(
        "{}\nPruning is {switched}. Policy {}.\n",
        table(["CLASS", "KEPT", "EVENTS", "OLDEST", "MAY GO BEFORE"], &rows),
        policy.version()
    );
    let value: Vec<Value> = classes
        .iter()
        .map(|status| {
            json!({
                "class": status.class.name,
                "period_days": days(status.class),
                "events": status.count,
                "oldest": status.oldest,
                "cutoff": status.cutoff,
            })
        })
        .collect();
    let value = json!({"enabled": retention.settings.enabled, "policy": policy.version(), "classes": value});
    Ok(out.answer(&text, &value)?)
}

async fn dry_run(service: &Service, out: &mut Output) -> Outcome {
    let (ctx, retention) = (start::operator(service), service.retention());
    let total = service.store.audit_lag().await?.last_sequence;
    let progress = Progress::new("counting", total, !out.is_json());
    let done = retention.dry_run(&ctx, &mut |seen| progress.reached(seen)).await;
    drop(progress);
    let report = done.map_err(|error| Failure::of(&error))?;
    let text = format!("{}Nothing was removed.\n", told(&report));
    Ok(out.answer(&text, &described(&report))?)
}

/// As one more replica, so that it is done whether a service runs or not.
async fn prune_now(service: &Service, out: &mut Output) -> Outcome {
    let (ctx, retention) = (start::operator(service), service.retention());
    let run = match retention.request(&ctx).await {
        // One that was begun and not ended is gone on with.
        Err(RetentionError::UnderWay) => open_run(service).await?,
        asked => asked.map_err(|error| Failure::of(&error))?,
    };
    let holder = uuid_v7(service.ambient.clock(), &mut *service.ambient.entropy());
    let total = service.store.audit_lag().await?.last_sequence;
    let progress = Progress::new("pruning", total, !out.is_json());
    let done = prune(&ctx, retention, holder, run.id, &mut |removed| {
        progress.reached(removed);
    })
    .await;
    drop(progress);
    match done {
        Ok(report) => Ok(out.answer(&told(&report), &described(&report))?),
        Err(Stopped::Busy) => wait(service, &run, out).await,
        Err(Stopped::Port(error)) => Err(error.into()),
        Err(stopped) => Err(Failure::Failed(stopped.to_string())),
    }
}

async fn open_run(service: &Service) -> Result<PruneRun, Failure> {
    let open = service.store.open_run().await?;
    open.ok_or_else(|| Failure::Failed("the run that was under way has ended; ask again".into()))
}

/// A service that runs was faster.
async fn wait(service: &Service, run: &PruneRun, out: &mut Output) -> Outcome {
    loop {
        let runs = service.store.runs(100).await?;
        let ended = runs
            .into_iter()
            .find(|other| other.id == run.id && other.end.is_some());
        if let Some(PruneRun {
            removed,
            end: Some(end),
            ..
        }) = ended
        {
            return match end.finding {
                Some(finding) => Err(Failure::Failed(finding)),
                None => Ok(out.answer(
                    &format!("{} removed.\n", count(removed, "entry")),
                    &json!({"count": removed}),
                )?),
            };
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn told(report: &PlanReport) -> String {
    let rows: Vec<_> = report
        .classes
        .iter()
        .map(|class| {
            [
                class.class.to_owned(),
                shown(class.cutoff),
                class.count.to_string(),
                class.held.to_string(),
            ]
        })
        .collect();
    table(["CLASS", "BEFORE", "REMOVED", "HELD"], &rows)
}

fn described(report: &PlanReport) -> Value {
    let classes: Vec<Value> = report
        .classes
        .iter()
        .map(|class| {
            json!({
                "class": class.class,
                "cutoff": class.cutoff,
                "count": class.count,
                "held": class.held,
                "first_seq": class.first_seq,
                "last_seq": class.last_seq,
            })
        })
        .collect();
    json!({"policy": report.policy, "count": report.count(), "classes": classes})
}

fn shown(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339)
}
