//! Whether what a request did is in the audit log: the store tells it after the commit, and whoever answers asks.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use crate::{Action, Event, Outcome};

const SUCCESS: u8 = 1;
const REFUSED: u8 = 2;
const FAILED: u8 = 4;

/// Held by a [`crate::Ctx`] and by each event raised under it. A store notes in it what it has committed, so that an answer can
/// be made to depend on its event without any use case having to say so.
///
/// The default awaits nothing, for whoever gives no answer: jobs and commands.
#[derive(Clone, Debug, Default)]
pub struct Receipt(Option<Arc<Awaited>>);

#[derive(Debug)]
struct Awaited {
    action: &'static str,
    /// What it may turn out to have been.
    other: Option<&'static str>,
    endings: AtomicU8,
}

impl Receipt {
    /// Of events of `action`, or of `other`, which it may turn out to have been; those of further actions are not noted.
    pub fn of(action: Action, other: Option<Action>) -> Self {
        Self(Some(Arc::new(Awaited {
            action: action.name,
            other: other.map(|other| other.name),
            endings: AtomicU8::new(0),
        })))
    }
    /// Whether an event of the action is in the log to stay, however it ended.
    pub fn is_given(&self) -> bool {
        self.endings() != 0
    }
    /// Whether one that ended as `outcome` did is, whatever its reason.
    pub fn holds(&self, outcome: &Outcome) -> bool {
        self.endings() & bit(outcome) != 0
    }

    fn endings(&self) -> u8 {
        self.0
            .as_ref()
            .map_or(0, |awaited| awaited.endings.load(Ordering::Acquire))
    }
}

impl Awaited {
    fn is_for(&self, action: &str) -> bool {
        self.action == action || self.other == Some(action)
    }
}

/// The receipts of the events in a transaction under way.
#[derive(Debug, Default)]
pub struct Receipts(Vec<(Arc<Awaited>, u8)>);

impl Receipts {
    /// `event` was taken into the transaction.
    pub fn expect(&mut self, event: &Event) {
        let awaited = event.receipt.0.as_ref();
        if let Some(awaited) = awaited.filter(|awaited| awaited.is_for(&event.action)) {
            self.0.push((Arc::clone(awaited), bit(&event.outcome)));
        }
    }
    /// The transaction has committed. Of one that has not, drop them.
    pub fn confirm(self) {
        for (awaited, ending) in self.0 {
            awaited.endings.fetch_or(ending, Ordering::AcqRel);
        }
    }
}

fn bit(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Success => SUCCESS,
        Outcome::Refused { .. } => REFUSED,
        Outcome::Failed { .. } => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ctx, Env, OrganizationId, Origin, OsEntropy, RequestId, SystemClock};

    const LOCK: Action = Action::new("user.lock", "user");
    const WRITE: Action = Action::new("user.update", "user");
    const READ: Action = Action::new("user.read", "user");

    fn event(receipt: &Receipt, action: Action, outcome: Outcome) -> Event {
        let request_id = RequestId::parse("r-1").unwrap();
        let ctx = Ctx {
            receipt: receipt.clone(),
            ..Ctx::anonymous(OrganizationId::DEFAULT, request_id, Origin::default())
        };
        let mut entropy = OsEntropy;
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut entropy,
        };
        Event::new(&ctx, &mut env, action.name, action.none(), outcome)
    }

    #[test]
    fn only_a_commit_gives_a_receipt() {
        let receipt = Receipt::of(LOCK, None);
        let event = event(&receipt, LOCK, Outcome::Success);
        let mut rolled_back = Receipts::default();
        rolled_back.expect(&event);
        drop(rolled_back);
        assert!(!receipt.is_given());
        let mut committed = Receipts::default();
        committed.expect(&event);
        assert!(!receipt.is_given());
        committed.confirm();
        assert!(receipt.is_given() && receipt.holds(&Outcome::Success));
        assert!(!receipt.holds(&Outcome::refused("x")));
    }

    #[test]
    fn an_event_of_another_action_or_another_request_gives_none() {
        let (receipt, other) = (Receipt::of(LOCK, None), Receipt::of(WRITE, Some(LOCK)));
        let mut receipts = Receipts::default();
        receipts.expect(&event(&receipt, READ, Outcome::Success));
        receipts.expect(&event(&other, LOCK, Outcome::refused("x")));
        receipts.expect(&event(&Receipt::default(), LOCK, Outcome::Success));
        receipts.confirm();
        assert!(!receipt.is_given());
        assert!(other.holds(&Outcome::refused("another reason")) && !other.holds(&Outcome::Success));
    }
}
