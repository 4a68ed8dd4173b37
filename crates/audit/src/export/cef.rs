//! Common Event Format, version 0 (`CEF:0`), as in its implementation standard, revision 27.
//!
//! The header is separated by `|`, the extension is `key=value` separated by spaces. In the header `\` and `|` are escaped; in
//! an extension value `\`, `=` and line ends are. A line end cannot be written in the header: it becomes a space there.

use std::fmt::Write as _;

use vutf_kernel::{Actor, Outcome, UserId};

use super::{
    Exported, Source, hex,
    kind::{Kind, Severity},
    ocsf,
};

pub(super) fn record(record: &Exported, source: &Source) -> String {
    let body = &record.body;
    let kind = Kind::of(body);
    let name = match kind.activity.name {
        Some(activity) => format!("{}: {activity}", kind.class.name()),
        None => format!("{}: {}", kind.class.name(), ocsf::verb(&body.action)),
    };
    let mut text = "CEF:0".to_owned();
    let severity = severity(kind.severity_of(&body.outcome)).to_string();
    let header = [
        Source::VENDOR,
        Source::PRODUCT,
        &source.version,
        &body.action,
        &name,
        &severity,
    ];
    for field in header {
        text.push('|');
        push_header(&mut text, field);
    }
    text.push('|');
    let mut extension = Extension { text, first: true };
    extension.fill(record, source);
    extension.text
}

/// 0 to 10: 0-3 low, 4-6 medium, 7-8 high, 9-10 very high.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 2,
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

struct Extension {
    text: String,
    first: bool,
}

impl Extension {
    fn fill(&mut self, record: &Exported, source: &Source) {
        let body = &record.body;
        let uid = |id: uuid::Uuid| id.to_string();
        self.put("rt", &body.occurred_at.as_micros().div_euclid(1_000).to_string());
        self.put("externalId", &body.id.to_string());
        self.put("act", &body.action);
        self.put("outcome", body.outcome.as_str());
        if let Some(reason) = ocsf::reason(&body.outcome) {
            self.put("reason", reason);
        }
        self.put("dvchost", &source.host);
        match &body.actor {
            Actor::User { user_id, .. } | Actor::ApiKey { user_id, .. } => {
                self.put("suid", &user_id.to_string());
            }
            Actor::System { job } => {
                self.put("suser", "system");
                self.put("sproc", job);
            }
            other => self.put("suser", other.kind()),
        }
        let subject = body.resource.id.filter(|_| body.resource.kind == "user");
        if let Some(id) = subject.or_else(|| body.subjects.first().map(UserId::as_uuid)) {
            self.put("duid", &uid(id));
        }
        self.put("fileType", &body.resource.kind);
        if let Some(id) = body.resource.id {
            self.put("fileId", &uid(id));
        }
        self.labelled("cn1", "seq", &record.seq.to_string());
        self.labelled("cs1", "previous", &hex(&record.previous));
        self.labelled("cs2", "leafHash", &hex(&record.leaf_hash));
        self.labelled("cs3", "chain", &hex(&record.chain));
        self.labelled("cs4", "requestId", &body.request_id);
        self.labelled("cs5", "tenant", &body.organization_id.to_string());
        let details = serde_json::to_string(&body.details).unwrap_or_default();
        self.labelled("cs6", "details", &details);
        if record.is_tombstone() {
            self.labelled("flexString1", "pruned", "true");
        }
        if matches!(body.outcome, Outcome::Failed { .. }) {
            self.put("cat", "failure");
        }
    }

    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        self.put(&format!("{key}Label"), label);
        self.put(key, value);
    }

    fn put(&mut self, key: &str, value: &str) {
        if !self.first {
            self.text.push(' ');
        }
        self.first = false;
        let _infallible = write!(self.text, "{key}=");
        push_value(&mut self.text, value);
    }
}

fn push_header(text: &mut String, field: &str) {
    for c in field.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '|' => text.push_str("\\|"),
            '\n' | '\r' => text.push(' '),
            other => text.push(other),
        }
    }
}

fn push_value(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '=' => text.push_str("\\="),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}
