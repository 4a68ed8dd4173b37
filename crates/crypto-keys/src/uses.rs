//! How often keys were used, by kind of purpose: for metrics, which must not name keys.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Operation, Purpose};

/// The stable words of [`Purpose::kind`], in the order of the counters.
const KINDS: [&str; 8] = [
    "tenant",
    "field",
    "index",
    "token_signing",
    "mac",
    "subject",
    "service",
    "checkpoint_signing",
];

const SUBJECT: usize = 5;

/// Uses since the start of the process. Counted without locks; a look at it may fall between two uses.
#[derive(Debug, Default)]
pub struct Uses([[AtomicU64; 2]; KINDS.len()]);

impl Uses {
    /// Kind of purpose, operation, and how often.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, Operation, u64)> + '_ {
        KINDS
            .into_iter()
            .zip(&self.0)
            .flat_map(|(kind, [protect, process])| {
                [(Operation::Protect, protect), (Operation::Process, process)]
                    .map(|(operation, counter)| (kind, operation, counter.load(Ordering::Relaxed)))
            })
    }

    pub(crate) fn count(&self, purpose: &Purpose, operation: Operation) {
        self.add(purpose.kind_number(), operation);
    }

    /// A use of a person's key, whoever the person is.
    pub(crate) fn count_person(&self, operation: Operation) {
        self.add(SUBJECT, operation);
    }

    fn add(&self, kind: usize, operation: Operation) {
        let [protect, process] = &self.0[kind];
        match operation {
            Operation::Protect => protect,
            Operation::Process => process,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}

impl Purpose {
    /// A word for the kind of purpose, without names: a label of metrics.
    pub fn kind(&self) -> &'static str {
        KINDS[self.kind_number()]
    }

    const fn kind_number(&self) -> usize {
        match self {
            Self::Tenant => 0,
            Self::Field { .. } => 1,
            Self::Index { .. } => 2,
            Self::TokenSigning => 3,
            Self::Mac { .. } => 4,
            Self::Subject { .. } => SUBJECT,
            Self::Service { .. } => 6,
            Self::CheckpointSigning => 7,
        }
    }
}

impl Operation {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Protect => "protect",
            Self::Process => "process",
        }
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::UserId;

    use super::*;
    use crate::ServiceUse;

    #[test]
    fn each_kind_and_operation_is_counted_apart() {
        let person = UserId::from_uuid(uuid::Uuid::from_bytes([1; 16]));
        let all = [
            Purpose::Tenant,
            Purpose::field("users"),
            Purpose::index("users", "email"),
            Purpose::TokenSigning,
            Purpose::mac("cursor"),
            Purpose::subject(person),
            Purpose::service(ServiceUse::Sign, "orders"),
            Purpose::CheckpointSigning,
        ];
        assert_eq!(all.each_ref().map(Purpose::kind), KINDS);
        let uses = Uses::default();
        for (times, purpose) in all.iter().enumerate() {
            (0..times).for_each(|_| uses.count(purpose, Operation::Protect));
            uses.count(purpose, Operation::Process);
        }
        let counted: Vec<_> = uses.each().collect();
        assert_eq!(counted.len(), 2 * KINDS.len());
        for (times, kind) in (0_u64..).zip(KINDS) {
            assert!(
                counted.contains(&(kind, Operation::Protect, times)),
                "{counted:?}"
            );
            assert!(counted.contains(&(kind, Operation::Process, 1)), "{counted:?}");
        }
    }
}
