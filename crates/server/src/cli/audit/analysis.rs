//! `audit findings`, `audit rules`: what the analysis found, and by which rules.

use serde_json::{Value, json};
use vutf_audit::analysis::{
    Analysis, Finding, FindingFilter, Severity, Status, findings,
    ocsf::DetectionFinding,
    rules::{self, RuleView},
};
use vutf_kernel::{OrganizationId, PageRequest};

use super::Looker;
use crate::{
    cli::{
        answer::table,
        failure::{Failure, Outcome},
        output::Output,
    },
    config::Config,
    service::analysis_rules,
};

/// What is asked for.
pub(super) struct Wanted {
    pub(super) status: Option<Status>,
    pub(super) severity: Option<Severity>,
    pub(super) rule: Option<String>,
}

pub(super) async fn findings(
    looker: &Looker<'_>,
    config: &Config,
    wanted: Wanted,
    out: &mut Output,
) -> Outcome {
    let rules = analysis_rules(config).map_err(Failure::Failed)?;
    let filter = FindingFilter {
        status: wanted.status,
        severity: wanted.severity,
        rule: wanted.rule,
        ..FindingFilter::within(OrganizationId::DEFAULT)
    };
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    let mut rows = Vec::new();
    loop {
        let analysis = handles(looker, &rules);
        let found = findings::list(&looker.ctx(), analysis, filter.clone(), &page).await;
        let found = found.map_err(|error| Failure::of(&error))?;
        for finding in &found.items {
            if out.is_json() {
                out.text(&described(finding).to_string())?;
            } else {
                rows.push(row(finding));
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if out.is_json() {
        return Ok(());
    }
    let titles = ["ID", "AT", "SEVERITY", "STATUS", "RULE", "EVENTS", "ABOUT"];
    Ok(out.text(&table(titles, &rows))?)
}

pub(super) async fn rules(looker: &Looker<'_>, config: &Config, out: &mut Output) -> Outcome {
    let known = analysis_rules(config).map_err(Failure::Failed)?;
    let views = rules::list(&looker.ctx(), handles(looker, &known)).await;
    let views = views.map_err(|error| Failure::of(&error))?;
    let value: Vec<Value> = views.iter().map(rule).collect();
    let rows: Vec<[String; 6]> = views
        .iter()
        .map(|view| {
            let parameters = view.parameters();
            let parameters: Vec<String> = parameters
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            [
                view.rule.id.clone(),
                view.rule.version.to_string(),
                view.rule.severity.to_string(),
                if view.is_enabled() { "on" } else { "off" }.to_owned(),
                view.settings
                    .silence
                    .as_ref()
                    .map_or_else(String::new, |silence| silence.until.rfc3339()),
                parameters.join(" "),
            ]
        })
        .collect();
    let titles = [
        "RULE",
        "VERSION",
        "SEVERITY",
        "STATE",
        "SILENT UNTIL",
        "PARAMETERS",
    ];
    Ok(out.answer(&table(titles, &rows), &json!({ "rules": value }))?)
}

fn handles<'a>(
    looker: &'a Looker<'_>,
    rules: &'a std::sync::Arc<vutf_audit::analysis::RuleSet>,
) -> Analysis<'a> {
    Analysis {
        units: looker.store,
        reader: looker.store,
        recorder: looker,
        rules,
        ambient: &looker.ambient,
    }
}

fn row(finding: &Finding) -> [String; 7] {
    let found = &finding.detection;
    [
        found.id.to_string(),
        found.at.rfc3339(),
        found.severity.to_string(),
        finding.status().to_string(),
        found.rule.clone(),
        found.events.to_string(),
        found.key.clone(),
    ]
}

fn described(finding: &Finding) -> Value {
    json!({
        "id": finding.detection.id,
        "status": finding.status().as_str(),
        "raised_at": finding.raised_at,
        "detection": finding.detection,
        "ocsf": DetectionFinding::of(finding),
    })
}

fn rule(view: &RuleView) -> Value {
    json!({
        "id": view.rule.id,
        "version": view.rule.version,
        "title": view.rule.title,
        "severity": view.rule.severity.as_str(),
        "detector": view.rule.detector.kind(),
        "enabled": view.is_enabled(),
        "parameters": view.parameters(),
        "silence": view.settings.silence,
    })
}
