//! Metrics about mail to persons. Nobody is a label.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use vutf_identity::mail::MailKind;

use super::metrics::register;

/// Metrics about mail to persons.
pub struct MailMetrics {
    mails: IntCounterVec,
    waiting: IntGauge,
}

impl MailMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "vutf_mails_total",
            "What this process did about mail to persons, by kind and result.",
        );
        Ok(Self {
            mails: register(registry, IntCounterVec::new(options, &["kind", "result"])?)?,
            waiting: register(
                registry,
                IntGauge::new("vutf_mail_waiting", "Mails to persons that wait to be sent.")?,
            )?,
        })
    }

    /// One was brought further.
    pub fn count(&self, kind: MailKind, result: &'static str) {
        self.mails.with_label_values(&[kind.as_str(), result]).inc();
    }

    /// So many wait.
    pub fn set_waiting(&self, letters: u64) {
        self.waiting.set(i64::try_from(letters).unwrap_or(i64::MAX));
    }
}
