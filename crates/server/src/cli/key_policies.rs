//! `keys policies`: what holds for all versions of a purpose's key.

use serde_json::{Value, json};
use vutf_app::{
    key_policy::PolicyView,
    keys::{KeysError, KeysetChange},
};
use vutf_crypto_keys::{Purpose, Usage};
use vutf_kernel::Timestamp;

use super::{
    answer::table,
    args::{KeyPolicies, PolicyChange},
    failure::{Failure, Outcome},
    output::Output,
    start,
};
use crate::{config::shown_duration, service::Service};

pub(super) async fn run(service: &Service, action: KeyPolicies, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let purpose = match action {
        KeyPolicies::List => return list(service, out).await,
        KeyPolicies::Show { purpose } => purpose,
        KeyPolicies::Set {
            purpose,
            revision,
            change,
        } => {
            let change = change.read_at(revision);
            let done = service.keys().set_policy(&ctx, &purpose, &change).await;
            done.map_err(|error| told(&error, &purpose))?;
            purpose
        }
    };
    let view = service.keys().policy(&ctx, &purpose).await;
    let view = view.map_err(|error| told(&error, &purpose))?;
    Ok(out.answer(&shown(std::slice::from_ref(&view)), &described(&view))?)
}

async fn list(service: &Service, out: &mut Output) -> Outcome {
    let views = service.keys().policies(&start::operator(service)).await;
    let views = views.map_err(|error| Failure::of(&error))?;
    let value: Vec<Value> = views.iter().map(described).collect();
    Ok(out.answer(&shown(&views), &json!({"policies": value}))?)
}

impl PolicyChange {
    fn read_at(&self, revision: Option<u64>) -> KeysetChange {
        let limit = self.messages.zip(self.bytes);
        let limit = limit.map(|(messages, bytes)| Usage { messages, bytes });
        KeysetChange {
            revision,
            minimum_version: self.minimum_version,
            suspended_may_process: self.suspended_may_process,
            cryptoperiod: self
                .cryptoperiod
                .map(Some)
                .or(self.default_cryptoperiod.then_some(None)),
            limit: limit.map(Some).or(self.default_limit.then_some(None)),
        }
    }
}

/// A failure that says where to look.
fn told(error: &KeysError, purpose: &Purpose) -> Failure {
    match error {
        KeysError::NotFound => Failure::Failed(format!(
            "there is no key for {purpose}; `violentutf-api keys list` names them all"
        )),
        KeysError::Stale => Failure::Failed(format!(
            "the policy was changed since that revision; see `violentutf-api keys policies show {purpose}`"
        )),
        other => Failure::of(other),
    }
}

fn shown(views: &[PolicyView]) -> String {
    let row = |view: &PolicyView| {
        let policy = &view.policy;
        let limit = |limit: Usage| format!("{} messages, {} bytes", limit.messages, limit.bytes);
        [
            view.purpose.to_string(),
            policy.minimum_version.to_string(),
            policy.cryptoperiod.map_or_else(by_purpose, shown_duration),
            policy.limit.map_or_else(by_purpose, limit),
            if policy.suspended_may_process { "yes" } else { "no" }.to_owned(),
            view.revision.to_string(),
            view.updated_at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339),
        ]
    };
    let rows: Vec<_> = views.iter().map(row).collect();
    let titles = [
        "PURPOSE",
        "REFUSED BELOW",
        "CRYPTOPERIOD",
        "LIMIT",
        "SUSPENDED READS",
        "REVISION",
        "DECIDED",
    ];
    table(titles, &rows)
}

/// What nobody decided.
fn by_purpose() -> String {
    "default".to_owned()
}

fn described(view: &PolicyView) -> Value {
    let limit = |limit: Usage| json!({"messages": limit.messages, "bytes": limit.bytes});
    json!({
        "purpose": view.purpose.to_string(),
        "minimum_version": view.policy.minimum_version,
        "suspended_may_process": view.policy.suspended_may_process,
        "cryptoperiod_seconds": view.policy.cryptoperiod.map(|period| period.as_secs()),
        "limit": view.policy.limit.map(limit),
        "revision": view.revision,
        "updated_at": view.updated_at,
    })
}
