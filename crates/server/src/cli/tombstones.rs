//! `keys tombstones` and `keys replay-tombstones`: who was erased, by what is kept outside the database.

use std::path::Path;

use serde_json::{Value, json};
use vutf_app::erasure::Tombstone;
use vutf_audit::Anchor;

use super::{
    answer::{count, table},
    erase::described,
    failure::{Failure, Outcome},
    output::Output,
    start,
};
use crate::service::{Service, TombstoneError, TombstoneFile};

pub(super) async fn list(service: &Service, out: &mut Output) -> Outcome {
    let tombstones = service.tombstones.read().await?;
    let (erasure, ctx) = (service.erasure(), start::operator(service));
    let people: Vec<_> = tombstones.iter().map(|tombstone| tombstone.subject_id).collect();
    erasure.note_look(&ctx, &people).await?;
    if out.is_json() {
        for tombstone in &tombstones {
            let value = serde_json::to_value(tombstone);
            out.answer("", &value.map_err(|error| Failure::of(&error))?)?;
        }
        return Ok(());
    }
    let rows: Vec<_> = tombstones.iter().map(row).collect();
    let titles = ["PERSON", "ERASED", "REASON", "REFERENCE", "EVENT"];
    Ok(out.text(&format!(
        "{} in {}\n\n{}",
        count(number(tombstones.len()), "tombstone"),
        service.tombstones.path().display(),
        table(titles, &rows)
    ))?)
}

pub(super) async fn replay(
    service: &Service,
    file: Option<&Path>,
    anchor: Option<Anchor>,
    out: &mut Output,
) -> Outcome {
    let tombstones = from(service, file, anchor).await?;
    let ctx = start::operator(service);
    let again = service.erasure().replay(&ctx, &tombstones).await;
    let again = again.map_err(|error| Failure::of(&error))?;
    let text = format!(
        "{} read; {} erased again.\n",
        count(number(tombstones.len()), "tombstone"),
        count(number(again.len()), "person"),
    );
    let erased: Vec<Value> = again.iter().map(described).collect();
    Ok(out.answer(&text, &json!({"tombstones": tombstones.len(), "erased": erased}))?)
}

async fn from(
    service: &Service,
    file: Option<&Path>,
    anchor: Option<Anchor>,
) -> Result<Vec<Tombstone>, Failure> {
    let own = &service.tombstones;
    let Some(path) = file else {
        return Ok(own.read().await?);
    };
    match (TombstoneFile::is_export(path)?, anchor) {
        (true, Some(anchor)) => Ok(TombstoneFile::read_export(path, anchor).await?),
        (true, None) => Err(Failure::Usage(
            "an export of the audit log proves nothing by itself: give a head that was noted elsewhere, by --anchor".to_owned(),
        )),
        (false, Some(_)) => Err(Failure::Usage(
            "--anchor is for an export of the audit log; this is a file of tombstones".to_owned(),
        )),
        (false, None) => Ok(own.read_other(path).await?),
    }
}

fn row(tombstone: &Tombstone) -> [String; 5] {
    let reference = tombstone.reference.as_ref();
    [
        tombstone.subject_id.to_string(),
        tombstone.erased_at.rfc3339(),
        tombstone.reason.as_str().to_owned(),
        reference.map_or_else(String::new, |reference| reference.as_str().to_owned()),
        tombstone.event_id.to_string(),
    ]
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl From<TombstoneError> for Failure {
    fn from(error: TombstoneError) -> Self {
        Self::Failed(error.to_string())
    }
}
