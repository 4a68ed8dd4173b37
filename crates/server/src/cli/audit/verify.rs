//! `audit verify`: recomputes the log, and holds it against the heads that are kept outside of the database.

use serde_json::{Value, json};
use vutf_audit::{Anchor, Report, verify_against};
use vutf_store_seaorm::SeaStore;

use crate::{
    cli::{
        answer::count,
        failure::{FAILED, Failure, Outcome},
        output::Output,
        progress::Progress,
    },
    service::HeadFile,
};

pub(super) async fn run(
    store: &SeaStore,
    file: &HeadFile,
    mut anchors: Vec<Anchor>,
    out: &mut Output,
) -> Outcome {
    // Before the log is read: what is noted is in the log already.
    let noted = file.read().map_err(|error| {
        Failure::Failed(format!(
            "the head that was noted in {} cannot be read: {error}",
            file.path().display()
        ))
    })?;
    anchors.extend(noted);
    // The number of the last entry is one less than there are: near enough for a bar, which grows with the log. A log that
    // cannot be read at all is told by the verification.
    let total = store.audit_lag().await.map_or(0, |lag| lag.last_sequence);
    let progress = Progress::new("verifying", total, !out.is_json());
    let report = verify_against(store, &anchors, &mut |checked| progress.reached(checked)).await?;
    drop(progress);
    out.answer(&told(&report, &anchors), &described(&report, &anchors))?;
    out.flush()?;
    if is_ok(&report) {
        Ok(())
    } else {
        Err(Failure::Told(FAILED))
    }
}

fn is_ok(report: &Report) -> bool {
    report.first_bad.is_none() && report.unguarded.is_empty()
}

fn verdict(report: &Report, anchors: &[Anchor]) -> String {
    if let Some(bad) = &report.first_bad {
        return bad.to_string();
    }
    match anchors.iter().map(|anchor| anchor.seq).max() {
        Some(seq) => {
            format!("The audit log is complete and unchanged up to seq {seq}, noted outside the database.")
        }
        None => "The audit log is consistent in itself. No head is noted outside the database (--anchor SEQ:CHAIN), so that \
                 nothing shows whether its end was cut off or all of it rewritten."
            .to_owned(),
    }
}

fn told(report: &Report, anchors: &[Anchor]) -> String {
    let head = report.head.as_ref().map_or_else(
        || "none yet".to_owned(),
        |leaf| format!("seq {}, chain {}", leaf.seq, hex::encode(leaf.chain)),
    );
    let unplaced = match report.pending {
        0 => "",
        _ => " without a place in the log, and so without protection, until a running service gives them one",
    };
    let unguarded = match &report.unguarded[..] {
        [] => String::new(),
        names => format!(
            "  unguarded the database does not refuse changes: {} missing\n",
            names.join(", ")
        ),
    };
    format!(
        "{}\n  checked   {}\n  head      {head}\n  pending   {}{unplaced}\n{unguarded}",
        verdict(report, anchors),
        count(report.checked, "event"),
        count(report.pending, "event"),
    )
}

fn described(report: &Report, anchors: &[Anchor]) -> Value {
    let head = report.head.as_ref().map(|leaf| {
        json!({"seq": leaf.seq, "leaf_hash": hex::encode(leaf.leaf_hash), "chain": hex::encode(leaf.chain)})
    });
    let finding = report
        .first_bad
        .as_ref()
        .map(|bad| json!({"seq": bad.seq, "kind": bad.kind.as_str(), "detail": bad.detail}));
    let anchors: Vec<String> = anchors.iter().map(Anchor::to_string).collect();
    json!({
        "ok": is_ok(report),
        "checked": report.checked,
        "head": head,
        "pending": report.pending,
        "anchors": anchors,
        "unguarded": report.unguarded,
        "finding": finding,
    })
}
