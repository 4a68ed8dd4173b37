//! What the detection rules found.

pub(crate) mod acknowledge;
pub(crate) mod list;
pub(crate) mod resolve;
pub(crate) mod view;

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::analysis::{Finding, StatusChange, Technique, ocsf::DetectionFinding};
use vutf_kernel::{Actor, Timestamp};

/// A finding.
#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
pub(crate) struct FindingBody {
    /// Its id.
    id: Uuid,
    /// The rule that found it.
    #[schema(example = "guessing-burst")]
    rule: String,
    /// The rule's version then.
    rule_version: u32,
    /// The rule's title then.
    title: String,
    /// `informational`, `low`, `medium`, `high` or `critical`.
    #[schema(example = "medium")]
    severity: &'static str,
    /// MITRE ATT&CK techniques, e.g. `T1110.003`.
    techniques: Vec<String>,
    /// `new`, `acknowledged`, `resolved` or `false_positive`.
    #[schema(example = "new")]
    status: &'static str,
    /// Whom or what it is about; networks and devices are keyed hashes.
    #[schema(example = "user:01937b6e-5b5c-7d3e-8f00-000000000001")]
    key: String,
    /// The first event's sequence number; `null` when it rests on none.
    first_seq: Option<i64>,
    /// The last event's sequence number; `null` when it rests on none.
    last_seq: Option<i64>,
    /// How many events it rests on.
    events: u64,
    /// What they amount to.
    amount: u64,
    /// When the first event happened.
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    /// When the last event happened.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    raised_at: Timestamp,
    /// The rule was silenced then: nobody was told.
    silenced: bool,
    /// What was done about it, in its order.
    changes: Vec<ChangeBody>,
}

/// A finding with its evidence.
#[derive(Serialize, ToSchema)]
#[schema(as = FindingDetail)]
pub(crate) struct DetailBody {
    /// The finding.
    #[serde(flatten)]
    finding: FindingBody,
    /// Sequence numbers of its events, at most 64.
    seqs: Vec<i64>,
    /// The same as an OCSF 1.5 Detection Finding (class 2004).
    #[schema(value_type = Object)]
    ocsf: DetectionFinding,
}

/// A step in the life of a finding.
#[derive(Serialize, ToSchema)]
#[schema(as = FindingChange)]
pub(crate) struct ChangeBody {
    /// What it was then.
    #[schema(example = "acknowledged")]
    status: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// By whom.
    #[schema(value_type = Object)]
    by: Actor,
    /// Why.
    note: Option<String>,
}

/// A word about it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FindingNote)]
pub(crate) struct NoteRequest {
    /// 1 to 200 bytes about the finding, not about a person: it stays in the log for good.
    note: Option<String>,
}

impl FindingBody {
    fn new(finding: &Finding) -> Self {
        let found = &finding.detection;
        let seq = |seq: i64| Some(seq).filter(|seq| *seq >= 0);
        let technique = |technique: &Technique| technique.uid.clone();
        Self {
            id: found.id.as_uuid(),
            rule: found.rule.clone(),
            rule_version: found.rule_version,
            title: found.title.clone(),
            severity: found.severity.as_str(),
            techniques: found.techniques.iter().map(technique).collect(),
            status: finding.status().as_str(),
            key: found.key.clone(),
            first_seq: seq(found.first_seq),
            last_seq: seq(found.last_seq),
            events: found.events,
            amount: found.amount,
            first_at: found.first_at,
            at: found.at,
            raised_at: finding.raised_at,
            silenced: found.silenced,
            changes: finding.changes.iter().map(ChangeBody::new).collect(),
        }
    }
}

impl ChangeBody {
    fn new(change: &StatusChange) -> Self {
        Self {
            status: change.to.as_str(),
            at: change.at,
            by: change.by.clone(),
            note: change.note.clone(),
        }
    }
}

/// 200 with the finding and its evidence.
fn shown(finding: &Finding) -> HttpResponse {
    HttpResponse::Ok().json(DetailBody {
        seqs: finding.detection.seqs.clone(),
        ocsf: DetectionFinding::of(finding),
        finding: FindingBody::new(finding),
    })
}
