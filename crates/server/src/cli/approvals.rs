//! `approvals`: the operator as the second person.

use serde_json::{Value, json};
use vutf_app::approvals::ApprovalsError;
use vutf_crypto_keys::Approval;
use vutf_kernel::Timestamp;

use super::{
    answer::table,
    approval_args::Approvals,
    failure::{Failure, Outcome},
    output::Output,
    start,
};
use crate::{config::Sources, service::Service};

pub(super) async fn run(action: Approvals, sources: &Sources, out: &mut Output) -> Outcome {
    let service = start::service(sources).await?;
    let done = act(&service, action, out).await;
    service.close().await;
    done
}

async fn act(service: &Service, action: Approvals, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let approvals = service.approvals();
    match action {
        Approvals::List => {
            let found = approvals.list(&ctx).await;
            show(service, &found.map_err(|error| told(&error))?, out)
        }
        Approvals::Approve { id } => {
            let done = approvals.approve(&ctx, id).await;
            decided(&done.map_err(|error| told(&error))?, service, out)
        }
        Approvals::Reject { id } => {
            let done = approvals.reject(&ctx, id).await;
            decided(&done.map_err(|error| told(&error))?, service, out)
        }
    }
}

fn told(error: &ApprovalsError) -> Failure {
    Failure::of(error)
}

fn decided(request: &Approval, service: &Service, out: &mut Output) -> Outcome {
    let text = format!("{} {} is {}.", request.action, request.subject_id, request.state);
    Ok(out.answer(&text, &described(request, service.ambient.now()))?)
}

fn show(service: &Service, requests: &[Approval], out: &mut Output) -> Outcome {
    let now = service.ambient.now();
    let rows: Vec<_> = requests
        .iter()
        .map(|request| {
            [
                request.id.to_string(),
                request.action.clone(),
                request.subject_id.to_string(),
                request.state_at(now).to_string(),
                request.requested_by.to_string(),
                request.expires_at.rfc3339(),
            ]
        })
        .collect();
    let text = table(
        ["ID", "PROPOSAL", "SUBJECT", "STATE", "REQUESTED BY", "EXPIRES"],
        &rows,
    );
    let value: Vec<Value> = requests.iter().map(|request| described(request, now)).collect();
    Ok(out.answer(&text, &json!({"requests": value}))?)
}

fn described(request: &Approval, now: Timestamp) -> Value {
    json!({
        "id": request.id,
        "proposal": request.action,
        "subject": request.subject_id,
        "state": request.state_at(now).as_str(),
        "note": request.reason.note(),
        "requested_by": request.requested_by.to_string(),
        "expires_at": request.expires_at,
    })
}
