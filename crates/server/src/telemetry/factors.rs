//! Metrics about second factors. Nobody is a label.

use prometheus::{IntGaugeVec, Opts, Registry};
use vutf_identity::mfa::adoption::Adoption;

use super::metrics::register;

/// Metrics about second factors.
pub struct FactorMetrics {
    persons: IntGaugeVec,
}

impl FactorMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "vutf_persons",
            "Persons that may sign in, by second factor: none, totp, passkey, both.",
        );
        Ok(Self {
            persons: register(registry, IntGaugeVec::new(options, &["second_factor"])?)?,
        })
    }

    /// As it is now.
    pub fn set(&self, adoption: Adoption) {
        for (factor, persons) in [
            ("none", adoption.none),
            ("totp", adoption.totp),
            ("passkey", adoption.passkey),
            ("both", adoption.both),
        ] {
            let persons = i64::try_from(persons).unwrap_or(i64::MAX);
            self.persons.with_label_values(&[factor]).set(persons);
        }
    }
}
