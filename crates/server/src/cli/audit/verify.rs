//! `audit verify`: recomputes the log, and holds it against the heads that are kept outside of the database.

use serde_json::{Value, json};
use vutf_audit::{
    Anchor, Expected, Report,
    tlog::{Checkpoint, VerifierKey},
    tree::open_checkpoint,
    verify_expecting,
};
use vutf_store_seaorm::SeaStore;

use crate::{
    cli::{
        answer::count,
        failure::{FAILED, Failure, Outcome},
        output::Output,
        progress::Progress,
    },
    config::Config,
    service::{connect_cache, noted_vkeys, open_heads},
};

/// What the operator knows of the log.
pub(super) struct Known {
    pub(super) anchor: Vec<Anchor>,
    pub(super) vkey: Vec<VerifierKey>,
}

pub(super) async fn run(store: &SeaStore, config: &Config, known: Known, out: &mut Output) -> Outcome {
    let Known {
        anchor: mut anchors,
        vkey: mut keys,
    } = known;
    if keys.is_empty() {
        keys = noted_vkeys(&config.data_dir).map_err(Failure::Failed)?;
    }
    // Before the log is read: what is noted is in the log already.
    let checkpoints = noted(config, &keys, &mut anchors).await?;
    // The number of the last entry is one less than there are: near enough for a bar, which grows with the log. A log that
    // cannot be read at all is told by the verification.
    let total = store.audit_lag().await.map_or(0, |lag| lag.last_sequence);
    let progress = Progress::new("verifying", total, !out.is_json());
    let expected = Expected {
        anchors: &anchors,
        keys: &keys,
        checkpoints: &checkpoints,
    };
    let report = verify_expecting(store, expected, &mut |checked| progress.reached(checked)).await?;
    drop(progress);
    let known = Noted {
        anchors: &anchors,
        signed: !keys.is_empty(),
    };
    out.answer(&told(&report, &known), &described(&report, &known))?;
    out.flush()?;
    if is_ok(&report) {
        Ok(())
    } else {
        Err(Failure::Told(FAILED))
    }
}

/// The head that is noted outside of the database: its anchor, and its checkpoint when a key shows that the log signed it.
async fn noted(
    config: &Config,
    keys: &[VerifierKey],
    anchors: &mut Vec<Anchor>,
) -> Result<Vec<Checkpoint>, Failure> {
    let heads = open_heads(config, &connect_cache(config).await?);
    let failed = |error: String| {
        Failure::Failed(format!(
            "the head that was noted in {} cannot be read: {error}",
            heads.place()
        ))
    };
    let Some(noted) = heads.read().await.map_err(|error| failed(error.to_string()))? else {
        return Ok(Vec::new());
    };
    anchors.push(noted.anchor);
    match noted.note {
        Some(note) if !keys.is_empty() => {
            let checkpoint = open_checkpoint(&note, keys).map_err(|error| failed(error.to_string()))?;
            Ok(vec![checkpoint])
        }
        _ => Ok(Vec::new()),
    }
}

/// What the log was held against.
struct Noted<'a> {
    anchors: &'a [Anchor],
    /// Whether there was a public key to check signatures with.
    signed: bool,
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

fn told(report: &Report, known: &Noted<'_>) -> String {
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
    let pruned = match (report.pruned, report.unconfirmed) {
        (0, _) => String::new(),
        (pruned, 0) => format!("  pruned    {pruned} of them, as the log tells\n"),
        (pruned, unconfirmed) => format!(
            "  pruned    {pruned} of them, as the log tells; of {unconfirmed} the event that tells it has no place yet\n"
        ),
    };
    let signatures = if known.signed {
        ""
    } else {
        "  signatures not checked: no public key (--vkey)\n"
    };
    format!(
        "{}\n  checked   {}, {}\n{signatures}{pruned}  head      {head}\n  pending   {}{unplaced}\n{unguarded}",
        verdict(report, known.anchors),
        count(report.checked, "event"),
        count(report.checkpoints, "checkpoint"),
        count(report.pending, "event"),
    )
}

fn described(report: &Report, known: &Noted<'_>) -> Value {
    let head = report.head.as_ref().map(|leaf| {
        json!({"seq": leaf.seq, "leaf_hash": hex::encode(leaf.leaf_hash), "chain": hex::encode(leaf.chain)})
    });
    let finding = report
        .first_bad
        .as_ref()
        .map(|bad| json!({"seq": bad.seq, "kind": bad.kind.as_str(), "detail": bad.detail}));
    let anchors: Vec<String> = known.anchors.iter().map(Anchor::to_string).collect();
    json!({
        "ok": is_ok(report),
        "checked": report.checked,
        "pruned": report.pruned,
        "unconfirmed": report.unconfirmed,
        "checkpoints": report.checkpoints,
        "signatures_checked": known.signed,
        "head": head,
        "pending": report.pending,
        "anchors": anchors,
        "unguarded": report.unguarded,
        "finding": finding,
    })
}
