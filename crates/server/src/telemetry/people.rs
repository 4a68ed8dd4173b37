//! Metrics of what is done about persons without anybody asking at that moment.

use prometheus::{IntCounter, Registry};

use super::metrics::register;

/// Accounts that nobody uses, and erasures that persons asked for.
pub struct PeopleMetrics {
    warned: IntCounter,
    disabled: IntCounter,
    erased: IntCounter,
    postponed: IntCounter,
}

impl PeopleMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| register(registry, IntCounter::new(name, help)?);
        Ok(Self {
            warned: counter(
                "vutf_inactive_accounts_warned_total",
                "Persons whom this process told that their account will be switched off.",
            )?,
            disabled: counter(
                "vutf_inactive_accounts_disabled_total",
                "Accounts that this process switched off because nobody used them.",
            )?,
            erased: counter(
                "vutf_erasure_requests_done_total",
                "Persons whom this process erased because they asked for it.",
            )?,
            postponed: counter(
                "vutf_erasure_requests_postponed_total",
                "Times that an erasure which a person asked for was put off: a legal hold, or the last super administrator.",
            )?,
        })
    }

    /// A round over accounts that nobody uses.
    pub fn swept(&self, warned: u64, disabled: u64) {
        self.warned.inc_by(warned);
        self.disabled.inc_by(disabled);
    }

    /// A round over requests.
    pub fn carried(&self, erased: u64, postponed: u64) {
        self.erased.inc_by(erased);
        self.postponed.inc_by(postponed);
    }
}
