//! `keys`: the registry. No answer holds a key, wrapped or not.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vutf_app::keys::{KeysError, NewKey, Target};
use vutf_crypto_keys::{KeyRecord, KeyState, Purpose};
use vutf_kernel::Timestamp;

use super::{
    answer::table,
    args,
    failure::{Failure, Outcome},
    kek, key_jobs, key_life, key_policies,
    output::Output,
    start, tombstones,
};
use crate::{config::Sources, service::Service};

pub(super) async fn run(action: args::Keys, sources: &Sources, out: &mut Output) -> Outcome {
    check(&action)?;
    if let args::Keys::JoinKek { shares } = &action {
        // There may be nothing yet but the shares.
        return kek::join(shares, sources, out);
    }
    if let args::Keys::ImportKek { key_from } = &action {
        return kek::import(key_from.as_deref(), sources, out);
    }
    let service = start::service(sources).await?;
    let done = dispatch(&service, action, out).await;
    service.close().await;
    done
}

/// What is wrong with the call itself, before anything is opened.
fn check(action: &args::Keys) -> Outcome {
    match action {
        args::Keys::Rotate { purpose } if !purpose.is_rotatable() => Err(Failure::Usage(
            KeysError::NotRotatable(purpose.clone()).to_string(),
        )),
        args::Keys::Reencrypt { purpose, .. } => key_jobs::reencryption(purpose.clone()).map(|_| ()),
        args::Keys::Reindex { purpose, .. } => key_jobs::reindexing(purpose.clone()).map(|_| ()),
        _ => Ok(()),
    }
}

async fn dispatch(service: &Service, action: args::Keys, out: &mut Output) -> Outcome {
    use KeyState::{Active, Compromised, Deactivated, Suspended};
    match action {
        args::Keys::List => list(service, out).await,
        args::Keys::Show { id } => key_life::show(service, id, out).await,
        args::Keys::Create {
            purpose,
            inactive,
            not_after,
        } => {
            let new = NewKey {
                purpose,
                activate: !inactive,
                not_after,
            };
            key_life::create(service, new, out).await
        }
        args::Keys::Rotate { purpose } => rotate(service, &purpose, out).await,
        args::Keys::Activate { id, why } => key_life::transition(service, id, Active, &why, out).await,
        args::Keys::Suspend { id, why } => key_life::transition(service, id, Suspended, &why, out).await,
        args::Keys::Deactivate { id, why } => key_life::transition(service, id, Deactivated, &why, out).await,
        args::Keys::Compromise { id, why } => key_life::transition(service, id, Compromised, &why, out).await,
        args::Keys::Destroy { id, why } => key_life::destroy(service, id, &why, out).await,
        args::Keys::Requests => key_life::requests(service, out).await,
        args::Keys::Approve { id } => key_life::approve(service, id, out).await,
        args::Keys::Reject { id } => key_life::reject(service, id, out).await,
        args::Keys::Reencrypt { purpose, how } => {
            key_jobs::work(service, key_jobs::reencryption(purpose)?, &how, out).await
        }
        args::Keys::Reindex { purpose, how } => {
            key_jobs::work(service, key_jobs::reindexing(purpose)?, &how, out).await
        }
        args::Keys::Jobs { action } => key_jobs::run(service, action, out).await,
        args::Keys::Policies { action } => key_policies::run(service, action, out).await,
        args::Keys::Inventory => cbom(service, out).await,
        args::Keys::Status => status(service, out).await,
        args::Keys::Rewrap => kek::rewrap(service, out).await,
        args::Keys::RotateKek {
            forget_previous: true,
        } => kek::forget(service, out).await,
        args::Keys::RotateKek { .. } => kek::rotate(service, out).await,
        args::Keys::SplitKek {
            shares,
            threshold,
            into,
        } => {
            let custody = kek::Custody {
                shares,
                threshold,
                into,
            };
            kek::split(service, &custody, out).await
        }
        args::Keys::Tombstones => tombstones::list(service, out).await,
        args::Keys::ReplayTombstones { file, anchor } => {
            tombstones::replay(service, file.as_deref(), anchor, out).await
        }
        // Before anything was opened.
        args::Keys::JoinKek { .. } | args::Keys::ImportKek { .. } => Ok(()),
    }
}

/// The same whoever reads: the format is for programs.
async fn cbom(service: &Service, out: &mut Output) -> Outcome {
    let taken = service.keys().inventory(&start::operator(service)).await;
    let taken = taken.map_err(|error| Failure::of(&error))?;
    let bom = taken.to_cyclonedx("violentutf-api", env!("CARGO_PKG_VERSION"));
    let text = serde_json::to_string_pretty(&bom).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(out.text(&text)?)
}

async fn list(service: &Service, out: &mut Output) -> Outcome {
    let records = records(service).await?;
    let row = |record: &KeyRecord| {
        [
            record.purpose.to_string(),
            record.version.to_string(),
            record.state.to_string(),
            record.algorithm.to_string(),
            record.wrapped_by.to_string(),
            record.created_at.rfc3339(),
            record.id.to_string(),
        ]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    let titles = [
        "PURPOSE",
        "VERSION",
        "STATE",
        "ALGORITHM",
        "WRAPPED BY",
        "MADE",
        "ID",
    ];
    let value: Vec<Value> = records.iter().map(described).collect();
    Ok(out.answer(&table(titles, &rows), &json!({"keys": value}))?)
}

async fn rotate(service: &Service, purpose: &Purpose, out: &mut Output) -> Outcome {
    let target = Target::Purpose(purpose.clone());
    let made = match service.keys().rotate(&start::operator(service), &target).await {
        Err(KeysError::NotFound) => {
            return Err(Failure::Failed(format!(
                "there is no key for {purpose}; `violentutf-api keys list` names them all"
            )));
        }
        done => done.map_err(|error| Failure::of(&error))?,
    };
    let text = format!(
        "The key for {purpose} has version {} now. A service that runs takes it up within a minute.",
        made.version
    );
    Ok(out.answer(&text, &described(&made))?)
}

async fn status(service: &Service, out: &mut Output) -> Outcome {
    let now = service.ambient.now();
    let mut active: BTreeMap<String, KeyRecord> = BTreeMap::new();
    for record in records(service).await? {
        if record.state == KeyState::Active {
            active.insert(record.purpose.to_string(), record);
        }
    }
    let row = |record: &KeyRecord| {
        [
            record.purpose.to_string(),
            record.version.to_string(),
            record.created_at.rfc3339(),
            due(record, now),
        ]
    };
    let rows: Vec<_> = active.values().map(row).collect();
    let (kek, technology) = (service.wrapper.kek_id(), service.wrapper.technology());
    let text = format!(
        "Key-encryption key {kek} ({technology}): opens every key below.\n\n{}",
        table(["PURPOSE", "VERSION", "MADE", "ROTATION DUE"], &rows)
    );
    let purposes: Vec<Value> = active
        .values()
        .map(|record| {
            let mut value = described(record);
            value["overdue"] = json!(record.is_past_cryptoperiod(now));
            value
        })
        .collect();
    let value = json!({"kek": {"id": kek, "technology": technology}, "keys": purposes});
    Ok(out.answer(&text, &value)?)
}

fn due(record: &KeyRecord, now: Timestamp) -> String {
    match record.not_after {
        None => "by hand".to_owned(),
        Some(end) if record.is_past_cryptoperiod(now) => format!("OVERDUE since {end}"),
        Some(end) => format!("{end} ({} days)", end.since(now).as_secs() / 86_400),
    }
}

async fn records(service: &Service) -> Result<Vec<KeyRecord>, Failure> {
    let records = service.keys().list(&start::operator(service)).await;
    records.map_err(|error| Failure::of(&error))
}

pub(super) fn described(record: &KeyRecord) -> Value {
    json!({
        "id": record.id,
        "purpose": record.purpose.to_string(),
        "version": record.version,
        "algorithm": record.algorithm.as_str(),
        "state": record.state.as_str(),
        "wrapped_by": record.wrapped_by.to_string(),
        "revision": record.revision,
        "created_at": record.created_at,
        "activated_at": record.activated_at,
        "not_after": record.not_after,
    })
}
