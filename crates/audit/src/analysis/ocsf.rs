//! A finding as an OCSF 1.5 Detection Finding (class 2004).

use serde::Serialize;

use super::{Detection, Finding, Status, Technique};

/// The version of the schema.
pub const SCHEMA: &str = "1.5.0";

/// A Detection Finding. Field names and numbers are the schema's; times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct DetectionFinding {
    pub activity_id: u8,
    pub category_uid: u8,
    pub class_uid: u16,
    pub type_uid: u32,
    pub severity_id: u8,
    pub severity: &'static str,
    pub status_id: u8,
    pub status: &'static str,
    pub is_alert: bool,
    pub time: i64,
    pub start_time: i64,
    pub end_time: i64,
    pub count: u64,
    pub message: String,
    pub metadata: Metadata,
    pub finding_info: FindingInfo,
    pub evidences: Vec<Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Who says so.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct Metadata {
    pub version: &'static str,
    pub uid: String,
    pub event_code: String,
    pub tenant_uid: String,
    pub product: Product,
}

/// By which program.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct Product {
    pub name: &'static str,
    pub vendor_name: &'static str,
    pub version: &'static str,
}

/// What was found, and by which rule.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct FindingInfo {
    pub uid: String,
    pub title: String,
    pub analytic: Analytic,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attacks: Vec<Attack>,
    pub created_time: i64,
    pub first_seen_time: i64,
    pub last_seen_time: i64,
    pub modified_time: i64,
    pub related_events_count: u64,
}

/// The rule.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct Analytic {
    pub uid: String,
    pub name: String,
    pub version: String,
    pub type_id: u8,
    pub r#type: &'static str,
}

/// A technique of MITRE ATT&CK.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct Attack {
    pub version: &'static str,
    pub technique: Technique,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_technique: Option<Technique>,
}

/// What it rests on.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the schema describes its fields")]
pub struct Evidence {
    pub uid: String,
    pub name: String,
    pub data: EvidenceData,
}

/// Numbers in the log: whoever has them can have each event proved.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of a finding")]
pub struct EvidenceData {
    pub first_seq: i64,
    pub last_seq: i64,
    pub sequence_numbers: Vec<i64>,
    pub events: u64,
    pub amount: u64,
    pub parameters: std::collections::BTreeMap<String, i64>,
}

/// The activity: made, changed, closed.
const fn activity(status: Status) -> u8 {
    match status {
        Status::New => 1,
        Status::Acknowledged => 2,
        Status::Resolved | Status::FalsePositive => 3,
    }
}

/// `status_id`. What was nothing is "Suppressed", whose words are "the finding was reviewed, determined to be benign or a false
/// positive".
const fn status_id(status: Status) -> (u8, &'static str) {
    match status {
        Status::New => (1, "New"),
        Status::Acknowledged => (2, "In Progress"),
        Status::FalsePositive => (3, "Suppressed"),
        Status::Resolved => (4, "Resolved"),
    }
}

const fn severity(detection: &Detection) -> &'static str {
    use super::Severity;
    match detection.severity {
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

impl DetectionFinding {
    /// A finding as it was raised.
    pub fn raised(detection: &Detection) -> Self {
        Self::new(detection, Status::New, detection.at.as_micros() / 1_000, None)
    }

    /// A finding as it stands.
    pub fn of(finding: &Finding) -> Self {
        let last = finding.changes.last();
        let modified = last.map_or(finding.detection.at, |change| change.at);
        let comment = last.and_then(|change| change.note.clone());
        Self::new(
            &finding.detection,
            finding.status(),
            modified.as_micros() / 1_000,
            comment,
        )
    }

    fn new(detection: &Detection, status: Status, modified_time: i64, comment: Option<String>) -> Self {
        let millis = |at: vutf_kernel::Timestamp| at.as_micros() / 1_000;
        let (activity_id, (status_id, status)) = (activity(status), status_id(status));
        Self {
            activity_id,
            category_uid: 2,
            class_uid: 2_004,
            type_uid: 200_400 + u32::from(activity_id),
            severity_id: detection.severity.ocsf_id(),
            severity: severity(detection),
            status_id,
            status,
            is_alert: !detection.silenced,
            time: millis(detection.at),
            start_time: millis(detection.first_at),
            end_time: millis(detection.at),
            count: detection.events.max(1),
            message: format!("{} ({})", detection.title, detection.key),
            metadata: Metadata {
                version: SCHEMA,
                uid: detection.id.to_string(),
                event_code: detection.rule.clone(),
                tenant_uid: detection.organization_id.to_string(),
                product: Product {
                    name: "ViolentUTF API",
                    vendor_name: "ViolentUTF",
                    version: env!("CARGO_PKG_VERSION"),
                },
            },
            finding_info: info(detection, modified_time),
            evidences: vec![Evidence {
                uid: detection.id.to_string(),
                name: "audit log".to_owned(),
                data: EvidenceData {
                    first_seq: detection.first_seq,
                    last_seq: detection.last_seq,
                    sequence_numbers: detection.seqs.clone(),
                    events: detection.events,
                    amount: detection.amount,
                    parameters: detection.parameters.clone(),
                },
            }],
            comment,
        }
    }
}

fn info(detection: &Detection, modified_time: i64) -> FindingInfo {
    let millis = |at: vutf_kernel::Timestamp| at.as_micros() / 1_000;
    FindingInfo {
        uid: detection.id.to_string(),
        title: detection.title.clone(),
        analytic: Analytic {
            uid: detection.rule.clone(),
            name: detection.title.clone(),
            version: detection.rule_version.to_string(),
            type_id: 1,
            r#type: "Rule",
        },
        attacks: detection.techniques.iter().map(attack).collect(),
        created_time: millis(detection.at),
        first_seen_time: millis(detection.first_at),
        last_seen_time: millis(detection.at),
        modified_time,
        related_events_count: detection.events,
    }
}

/// ATT&CK names a sub-technique by its technique: `Brute Force: Password Spraying`, `T1110.003`.
fn attack(technique: &Technique) -> Attack {
    let whole = technique.uid.split('.').next().unwrap_or_default().to_owned();
    let is_sub = whole != technique.uid;
    let name = technique.name.split(':').next().unwrap_or_default().to_owned();
    Attack {
        version: "17.1",
        technique: if is_sub {
            Technique { uid: whole, name }
        } else {
            technique.clone()
        },
        sub_technique: is_sub.then(|| technique.clone()),
    }
}
