//! What the events about findings and rules are called.

use vutf_kernel::{Action, Permission};

/// The job under whose name the analysis acts; what it does is not evaluated.
pub const JOB: &str = "audit-analysis";

/// A rule found something.
pub const FINDING: Action = Action::new("audit.finding", "audit_finding");
/// Findings are shown.
pub const FINDING_LIST: Action = Action::new("audit.finding.list", "audit_finding");
/// One finding is shown.
pub const FINDING_READ: Action = Action::new("audit.finding.read", "audit_finding");
/// Somebody has taken a finding on.
pub const FINDING_ACKNOWLEDGE: Action = Action::new("audit.finding.acknowledge", "audit_finding");
/// A finding is dealt with, or was none.
pub const FINDING_RESOLVE: Action = Action::new("audit.finding.resolve", "audit_finding");
/// Rules are shown.
pub const RULE_LIST: Action = Action::new("audit.rule.list", "audit_rule");
/// One rule is shown.
pub const RULE_READ: Action = Action::new("audit.rule.read", "audit_rule");
/// Parameters of a rule are changed.
pub const RULE_UPDATE: Action = Action::new("audit.rule.update", "audit_rule");
/// A rule is switched on.
pub const RULE_ENABLE: Action = Action::new("audit.rule.enable", "audit_rule");
/// A rule is switched off: from here on it finds nothing.
pub const RULE_DISABLE: Action = Action::new("audit.rule.disable", "audit_rule");
/// Nobody is told of what a rule finds, for a while.
pub const RULE_SILENCE: Action = Action::new("audit.rule.silence", "audit_rule");
/// People are told again.
pub const RULE_UNSILENCE: Action = Action::new("audit.rule.unsilence", "audit_rule");

/// What a caller needs to change rules, and the status of findings.
pub const MANAGE: Permission = Permission::known("audit:manage");
