//! `audit bundle`: the whole log as files that a stranger can verify, and `audit verify --bundle`: verifying them.

use std::path::Path;

use serde_json::json;
use vutf_audit::{
    access::action::BUNDLE,
    bundle::{BundleSource as _, CHECKPOINT, verify_bundle, write_bundle},
    tlog::{Checkpoint, MAX_NOTE, Note, TrustPolicy, VerifierKey},
};

use super::{
    Looker,
    files::{Source, Target},
};
use crate::{
    cli::{
        answer::count,
        failure::{FAILED, Failure, Outcome},
        output::Output,
        progress::Progress,
    },
    service::{Service, noted_vkeys},
};

pub(super) async fn write(looker: &Looker<'_>, service: &Service, path: &Path, out: &mut Output) -> Outcome {
    let keys = noted_vkeys(&service.config.data_dir).map_err(Failure::Failed)?;
    let log = looker.open(BUNDLE, 0).await?;
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", path.display()));
    let total = service.store.audit_lag().await?.last_sequence.saturating_add(1);
    let progress = Progress::new("writing", total, !out.is_json());
    let mut target = Target::create(path).map_err(|error| failed(&error))?;
    let written = write_bundle(log, None, &keys, &mut target, &mut |done| progress.reached(done)).await;
    let head = written.map_err(|error| failed(&error))?;
    target.finish().map_err(|error| failed(&error))?;
    drop(progress);
    let text = format!(
        "The log up to its newest checkpoint is in {}.\n  origin    {}\n  size      {}\n  root      {}\n",
        path.display(),
        head.origin,
        count(head.size, "event"),
        hex::encode(head.root)
    );
    let described = json!({
        "path": path, "origin": head.origin.as_str(), "size": head.size, "root": hex::encode(head.root),
        "keys": keys.iter().map(VerifierKey::to_string).collect::<Vec<_>>(),
    });
    out.answer(&text, &described)?;
    Ok(())
}

/// Needs nothing but the files and the keys: no configuration, no database.
pub(super) fn verify(path: &Path, keys: &[VerifierKey], out: &mut Output) -> Outcome {
    let Some((newest, older)) = keys.split_last() else {
        return Err(Failure::Usage(
            "give the log's public key with --vkey; the last one is that of the newest checkpoint".into(),
        ));
    };
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let mut source = Source::open(path).map_err(failed)?;
    let progress = Progress::new("verifying", claimed_size(&mut source), !out.is_json());
    let policy = TrustPolicy::of(newest.clone());
    let report = verify_bundle(&mut source, &policy, older, &mut |done| progress.reached(done));
    drop(progress);
    match report {
        Ok(report) => {
            let head = &report.head.checkpoint;
            let text = format!(
                "The bundle is complete and unchanged: all of it leads to the checkpoint that {} signed.\n  checked   {}, {}\n  \
                 root      {}\n",
                head.origin,
                count(report.entries, "event"),
                count(report.checkpoints, "checkpoint"),
                hex::encode(head.root)
            );
            let described = json!({
                "ok": true, "origin": head.origin.as_str(), "size": head.size, "root": hex::encode(head.root),
                "checked": report.entries, "checkpoints": report.checkpoints,
            });
            out.answer(&text, &described)?;
            Ok(())
        }
        Err(fault) => {
            let seq = match &fault {
                vutf_audit::bundle::BundleFault::Found(finding) => Some(finding.seq),
                _ => None,
            };
            let described = json!({"ok": false, "seq": seq, "problem": fault.to_string()});
            out.answer(&format!("{fault}\n"), &described)?;
            Err(Failure::Told(FAILED))
        }
    }
}

/// For the bar alone.
fn claimed_size(source: &mut Source) -> u64 {
    let note = source.get(CHECKPOINT, MAX_NOTE).ok().flatten();
    let note = note.and_then(|note| Note::parse(std::str::from_utf8(&note).ok()?).ok());
    let checkpoint = note.and_then(|note| Checkpoint::parse(note.text()).ok());
    checkpoint.map_or(0, |checkpoint| checkpoint.size)
}
