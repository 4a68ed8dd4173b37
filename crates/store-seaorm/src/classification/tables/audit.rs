//! Tables of the log and what is made from it.

use crate::classification::{
    ColumnClass::{self, Account, Count, Hash, Id, Mac, Pseudonym, Sealed, Time, Tolerated, Word},
    ColumnClasses,
};

/// Each table and its columns.
pub(super) const TABLES: &[(&str, ColumnClasses)] = &[
    (
        "audit_intake",
        &[
            ("ord", Count),
            ("xid", Count),
            ("id", Id),
            ("occurred_at", Time),
            ("organization_id", Id),
            ("request_id", Id),
            ("actor_kind", Word),
            ("actor_id", Pseudonym),
            ("action", Word),
            ("resource_kind", Word),
            ("resource_id", Pseudonym),
            ("outcome", Word),
            ("body", Account),
            ("parts", Sealed),
            ("mac", Mac),
            ("reason", Word),
        ],
    ),
    (
        "audit_node",
        &[("level", Count), ("node_index", Count), ("hash", Hash)],
    ),
    (
        "audit_checkpoint",
        &[
            ("number", Count),
            ("size", Count),
            ("note", Tolerated("a signed size and root; no person wrote it")),
            ("signed_at", Time),
        ],
    ),
    (
        "audit_latest",
        &[
            ("id", Id),
            ("kept", Count),
            ("size", Count),
            ("note", Tolerated("a signed size and root; no person wrote it")),
            ("signed_at", Time),
        ],
    ),
    (
        "audit_subject_ref",
        &[
            ("event_id", Id),
            ("organization_id", Id),
            ("subject_id", Pseudonym),
        ],
    ),
    (
        "audit_leaf",
        &[
            ("seq", Count),
            ("event_id", Id),
            ("leaf_hash", Hash),
            ("chain", Hash),
            ("xid", Count),
            ("ord", Count),
        ],
    ),
    (
        "audit_exports",
        &[
            ("sink", Word),
            ("seq", Count),
            ("chain", Hash),
            ("format", Word),
            ("updated_at", Time),
            ("problem", Word),
        ],
    ),
    (
        "audit_hold",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("reason", NOTE_OF_HOLD),
            ("of_organization", Id),
            ("of_subject", Pseudonym),
            ("of_actor", Pseudonym),
            ("of_class", Word),
            ("from_at", Time),
            ("until_at", Time),
            ("placed_at", Time),
            ("placed_by_kind", Word),
            ("placed_by", Pseudonym),
            ("event_id", Id),
        ],
    ),
    (
        "audit_hold_release",
        &[
            ("hold_id", Id),
            ("released_at", Time),
            ("released_by_kind", Word),
            ("released_by", Pseudonym),
            ("event_id", Id),
        ],
    ),
    (
        "audit_prune_run",
        &[
            ("id", Id),
            ("requested_at", Time),
            ("requested_by_kind", Word),
            ("requested_by", Pseudonym),
            ("policy", Word),
            ("event_id", Id),
        ],
    ),
    (
        "audit_prune_end",
        &[("run_id", Id), ("ended_at", Time), ("finding", Word)],
    ),
    (
        "audit_prune_batch",
        &[
            ("event_id", Id),
            ("run_id", Id),
            ("class", Word),
            ("cutoff", Time),
            ("removed", Count),
            ("pruned_at", Time),
            ("xid", Count),
        ],
    ),
    ("audit_pruned", &[("seq", Count), ("event_id", Id)]),
    (
        "audit_cosignature",
        &[
            ("size", Count),
            ("witness", Word),
            ("key_id", Id),
            ("note", Tolerated("a checkpoint, which is public")),
            ("line", Tolerated("a signature over a public checkpoint")),
            ("cosigned_at", Time),
        ],
    ),
    (
        "audit_findings",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("rule", Word),
            ("severity", Word),
            ("happened_at", Time),
            ("raised_at", Time),
            ("event_id", Id),
            ("detection", Account),
        ],
    ),
    (
        "audit_finding_changes",
        &[
            ("finding_id", Id),
            ("number", Count),
            ("organization_id", Id),
            ("to_status", Word),
            ("changed_at", Time),
            ("actor", Pseudonym),
            (
                "note",
                Tolerated("what was done about a finding, by whoever did it"),
            ),
            ("event_id", Id),
        ],
    ),
    (
        "audit_rules",
        stamped![
            ("organization_id", Id),
            ("rule", Word),
            ("enabled", Word),
            ("overrides", Count),
            ("silent_until", Time),
            (
                "silence_reason",
                Tolerated("why nobody is told of what a rule finds")
            ),
        ],
    ),
    (
        "audit_analysis",
        &[
            ("id", Count),
            ("evaluated", Count),
            ("snapshot", Account),
            ("saved_at", Time),
            ("mac", Mac),
        ],
    ),
    (
        "audit_alerts",
        &[
            ("finding_id", Id),
            ("sink", Word),
            ("organization_id", Id),
            ("attempts", Count),
            ("queued_at", Time),
            ("next_at", Time),
            ("tried_at", Time),
            ("problem", Word),
        ],
    ),
];

const NOTE_OF_HOLD: ColumnClass = Tolerated("why events are held, by an auditor, about a case");
