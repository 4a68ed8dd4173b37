//! `audit holds`: what must not go, whatever its age.

use serde_json::{Value, json};
use vutf_audit::retention::{Doer, Hold, HoldScope};
use vutf_kernel::Timestamp;

use crate::{
    cli::{
        answer::table,
        audit_args::{Holds, Place},
        failure::{Failure, Outcome},
        output::Output,
        start,
    },
    service::Service,
};

pub(super) async fn run(action: Holds, service: &Service, out: &mut Output) -> Outcome {
    let (ctx, retention) = (start::operator(service), service.retention());
    let done = match action {
        Holds::List => {
            let holds = retention.holds(&ctx).await.map_err(|error| Failure::of(&error))?;
            let value: Vec<Value> = holds.iter().map(described).collect();
            return Ok(out.answer(&shown(&holds), &json!({"holds": value}))?);
        }
        Holds::Place(place) => {
            let Place {
                reason,
                subject,
                actor,
                organization,
                class,
                from,
                until,
            } = *place;
            let scope = HoldScope {
                organization_id: organization,
                subject,
                actor,
                class,
                from,
                until,
            };
            retention.place(&ctx, reason, scope).await
        }
        Holds::Release { id } => retention.release(&ctx, id).await,
    };
    let hold = done.map_err(|error| Failure::of(&error))?;
    Ok(out.answer(&shown(std::slice::from_ref(&hold)), &described(&hold))?)
}

fn shown(holds: &[Hold]) -> String {
    let row = |hold: &Hold| {
        [
            hold.id.to_string(),
            hold.placed_at.rfc3339(),
            hold.released
                .as_ref()
                .map_or_else(|| "-".to_owned(), |(at, _)| at.rfc3339()),
            parts(&hold.scope),
            hold.reason.as_str().to_owned(),
        ]
    };
    let rows: Vec<_> = holds.iter().map(row).collect();
    table(["ID", "PLACED", "RELEASED", "COVERS", "REASON"], &rows)
}

fn parts(scope: &HoldScope) -> String {
    let given = [
        scope.organization_id.map(|id| format!("organization={id}")),
        scope.subject.map(|id| format!("subject={id}")),
        scope.actor.map(|id| format!("actor={id}")),
        scope.class.map(|class| format!("class={}", class.name)),
        scope.from.map(|at| format!("from={}", at.rfc3339())),
        scope.until.map(|at| format!("until={}", at.rfc3339())),
    ];
    let given: Vec<String> = given.into_iter().flatten().collect();
    if given.is_empty() {
        "everything".to_owned()
    } else {
        given.join(" ")
    }
}

fn described(hold: &Hold) -> Value {
    let doer = |doer: &Doer| {
        doer.user
            .map_or_else(|| doer.kind.clone(), |user| format!("user:{user}"))
    };
    json!({
        "id": hold.id,
        "reason": hold.reason.as_str(),
        "scope": {
            "organization": hold.scope.organization_id,
            "subject": hold.scope.subject,
            "actor": hold.scope.actor,
            "class": hold.scope.class.map(|class| class.name),
            "from": hold.scope.from.map(Timestamp::rfc3339),
            "until": hold.scope.until.map(Timestamp::rfc3339),
        },
        "placed_at": hold.placed_at,
        "placed_by": doer(&hold.placed_by),
        "released_at": hold.released.as_ref().map(|(at, _)| *at),
        "released_by": hold.released.as_ref().map(|(_, by)| doer(by)),
    })
}
