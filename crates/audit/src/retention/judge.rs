//! Whether an event may go: a pure function of the policy, the holds, the time and the event. The dry run and the run ask the
//! same.

use uuid::Uuid;
use vutf_kernel::{EventId, HoldId, OrganizationId, Timestamp, UserId};

use super::{EventClass, Hold, Policy};
use crate::Body;

/// What counts of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The event.
    pub id: EventId,
    /// Its place.
    pub seq: i64,
    /// What kind of event.
    pub action: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// In which tenant.
    pub organization_id: OrganizationId,
    /// The acting user.
    pub actor_id: Option<Uuid>,
    /// Whose data was touched.
    pub subjects: Vec<UserId>,
}

impl Facts {
    /// As the entry itself tells them: what stands in columns, somebody with access to the database may have changed.
    pub fn of(seq: i64, body: &Body) -> Self {
        Self {
            id: body.id,
            seq,
            action: body.action.clone(),
            occurred_at: body.occurred_at,
            organization_id: body.organization_id,
            actor_id: body.actor.user_id().map(|user| user.as_uuid()),
            subjects: body.subjects.clone(),
        }
    }
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go, as one of this class.
    Goes(&'static EventClass),
    /// Its class is kept for good, or it is the last of the log.
    Stays,
    /// Its time is not over.
    Young,
    /// It would go if it were not held.
    Held(HoldId),
}

/// Judges events at one moment.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    policy: &'a Policy,
    holds: Vec<&'a Hold>,
    now: Timestamp,
    head: i64,
}

impl<'a> Judge<'a> {
    /// `head` is the number of the last entry, which stays: the log goes on from it. Released holds keep nothing.
    pub fn new(policy: &'a Policy, holds: &'a [Hold], now: Timestamp, head: i64) -> Self {
        Self {
            policy,
            holds: holds.iter().filter(|hold| hold.released.is_none()).collect(),
            now,
            head,
        }
    }

    /// What becomes of the event.
    pub fn verdict(&self, facts: &Facts) -> Verdict {
        let class = EventClass::of(&facts.action);
        let Some(cutoff) = self
            .policy
            .cutoff(class, self.now)
            .filter(|_| facts.seq < self.head)
        else {
            return Verdict::Stays;
        };
        if facts.occurred_at >= cutoff {
            return Verdict::Young;
        }
        match self.holds.iter().find(|hold| hold.scope.covers(facts)) {
            Some(hold) => Verdict::Held(hold.id),
            None => Verdict::Goes(class),
        }
    }
}
