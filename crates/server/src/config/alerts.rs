//! Who is told of what the analysis of the audit log finds, and by which mail server.

use std::time::Duration;

use vutf_audit::analysis::Severity;
use vutf_kernel::Secret;

use super::{
    Config, ConfigError, HttpUrl,
    macros::{choice, settings},
    private::is_local,
};

/// Bytes of a secret that nobody guesses (NIST SP 800-107, section 5.3.4: not shorter than the security strength).
const SHORTEST_SECRET: usize = 32;

choice! {
    /// The mildest finding that somebody is told of.
    pub enum MildestAlert: "`informational`, `low`, `medium`, `high` or `critical`" {
        /// Every finding.
        Informational = "informational",
        /// All but informational ones.
        Low = "low",
        /// Medium ones and graver.
        Medium = "medium",
        /// High and critical ones.
        High = "high",
        /// Critical ones.
        Critical = "critical",
    }
}

impl From<MildestAlert> for Severity {
    fn from(mildest: MildestAlert) -> Self {
        match mildest {
            MildestAlert::Informational => Self::Informational,
            MildestAlert::Low => Self::Low,
            MildestAlert::Medium => Self::Medium,
            MildestAlert::High => Self::High,
            MildestAlert::Critical => Self::Critical,
        }
    }
}

settings! {
    /// Who is told of what the analysis finds. The same on every replica.
    pub struct Alerts("audit.alerts.") {
        /// Whether a line in the log tells it.
        log: bool = true;
        /// The mildest finding that somebody is told of.
        minimum_severity: MildestAlert = MildestAlert::Medium;
        /// Nobody is told of findings whose last event is older: after years of a log are evaluated at once, or a long outage.
        max_age: Duration = Duration::from_hours(24), floor = Duration::from_mins(1), ceiling = Duration::from_hours(24 * 366);
        /// Where findings are sent to, as OCSF in JSON by POST. In the clear only to this machine, or with `private_network`.
        webhook_url: Option<HttpUrl> = None;
        /// Signs each body (`X-VUTF-Signature`); at least 32 bytes. Make it with: openssl rand -base64 32
        webhook_secret: Option<Secret<String>> = None, source = "RFC 2104";
        /// How long one attempt at the webhook may take.
        webhook_timeout: Duration = Duration::from_secs(10), floor = Duration::from_millis(100), ceiling = Duration::from_mins(1);
        /// Addresses that are written to; needs `mail.host`.
        mail_to: Vec<String> = Vec::new();
        /// Attempts at one alert, with pauses that grow to an hour, before it is given up.
        attempts: u32 = 12, floor = 1, ceiling = 100;
        /// The first pause after an attempt that failed.
        first_pause: Duration = Duration::from_secs(5), floor = Duration::from_millis(10), ceiling = Duration::from_hours(1);
    }
}

pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    let alerts = &config.audit.alerts;
    let mut refuse =
        |path: &str, problem: &str, mend: &str| errors.push(ConfigError::new(path, problem, mend));
    if let Some(url) = &alerts.webhook_url {
        if !url.is_https() && !is_local(url.as_str()) && !config.private_network {
            let mend =
                "use https://, or set private_network = true if only this deployment can reach that network";
            refuse(
                "audit.alerts.webhook_url",
                "it reaches another machine in the clear",
                mend,
            );
        }
        let secret = alerts.webhook_secret.as_ref().map(|secret| secret.expose().len());
        if secret.is_none_or(|length| length < SHORTEST_SECRET) {
            let problem = "is unset or shorter than 32 bytes, and a webhook is named";
            refuse(
                "audit.alerts.webhook_secret",
                problem,
                "make one with: openssl rand -base64 32",
            );
        }
    }
    let mail = &config.mail;
    if let Some(bad) = alerts.mail_to.iter().find(|to| !vutf_mail_smtp::is_address(to)) {
        let problem = format!("holds {bad:?}, which is no address");
        refuse(
            "audit.alerts.mail_to",
            &problem,
            "name addresses such as security@example.org",
        );
    }
    if !alerts.mail_to.is_empty() && mail.host.is_none() {
        refuse(
            "mail.host",
            "is unset, and `audit.alerts.mail_to` names somebody",
            "name the mail server",
        );
    }
}
