//! Detection rules, and what the tenant decided about them.

pub(crate) mod list;
pub(crate) mod silence;
pub(crate) mod unsilence;
pub(crate) mod update;
pub(crate) mod view;

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;
use vutf_audit::analysis::{Technique, rules::RuleView};
use vutf_kernel::Timestamp;

use crate::http::request::etag;

/// A detection rule.
#[derive(Serialize, ToSchema)]
#[schema(as = DetectionRule)]
pub(crate) struct RuleBody {
    /// Its id.
    #[schema(example = "guessing-burst")]
    id: String,
    /// Its version: findings of another version are others.
    version: u32,
    /// What it finds, in one line.
    title: String,
    /// What it finds, what it does not, and what to do.
    description: String,
    /// `informational`, `low`, `medium`, `high` or `critical`.
    #[schema(example = "medium")]
    severity: &'static str,
    /// MITRE ATT&CK techniques.
    techniques: Vec<String>,
    /// How it looks at the log, e.g. `threshold`.
    detector: &'static str,
    /// Whether it is evaluated.
    enabled: bool,
    /// Numbers that may be tuned, by name.
    parameters: BTreeMap<String, ParameterBody>,
    /// Nobody is told of what it finds; `null`: people are told.
    silence: Option<SilenceBody>,
    /// When something was decided about it; `null`: nothing was.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

/// A number that may be tuned.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleParameter)]
pub(crate) struct ParameterBody {
    /// In force.
    value: i64,
    /// Where nobody decided.
    default: i64,
    /// The least.
    minimum: i64,
    /// The most.
    maximum: i64,
    /// What it is.
    description: String,
}

/// Nobody is told.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleSilence)]
pub(crate) struct SilenceBody {
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Why.
    reason: String,
}

impl RuleBody {
    fn new(view: &RuleView) -> Self {
        let (rule, settings) = (&view.rule, &view.settings);
        let in_force = view.parameters();
        let parameters = rule.parameters.iter().map(|(name, parameter)| {
            let body = ParameterBody {
                value: in_force.get(name).copied().unwrap_or(parameter.default),
                default: parameter.default,
                minimum: parameter.minimum,
                maximum: parameter.maximum,
                description: parameter.description.clone(),
            };
            (name.clone(), body)
        });
        let technique = |technique: &Technique| technique.uid.clone();
        Self {
            id: rule.id.clone(),
            version: rule.version,
            title: rule.title.clone(),
            description: rule.description.clone(),
            severity: rule.severity.as_str(),
            techniques: rule.techniques.iter().map(technique).collect(),
            detector: rule.detector.kind(),
            enabled: view.is_enabled(),
            parameters: parameters.collect(),
            silence: settings.silence.as_ref().map(|silence| SilenceBody {
                until: silence.until,
                reason: silence.reason.clone(),
            }),
            updated_at: (settings.stamps.version > 0).then_some(settings.stamps.updated_at),
        }
    }
}

/// 200 with the rule and its tag: a tag of its own for what nobody has decided about.
fn shown(view: &RuleView) -> HttpResponse {
    let tag = etag(view.settings.stamps.version.saturating_add(1));
    HttpResponse::Ok().insert_header(tag).json(RuleBody::new(view))
}
