//! Callers who come too often. Anybody can cause such refusals in any number, so each is not an event of its own: the first of a
//! caller in a minute is recorded as it happens, and the others when the minute is over, as one event with their number.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use vutf_kernel::{Ambient, Detail, Event, EventId, Receipt, Timestamp};

/// How long refusals are gathered.
const WINDOW: Duration = Duration::from_mins(1);
/// Callers that are told apart at a time. Beyond them those of one route are one: a network of senders must not fill the log
/// either.
const CALLERS: usize = 4_096;
/// Refusals after the first.
const REPEATED: &str = "repeated";

/// Method and pattern.
type Route = (&'static str, &'static str);

/// Whose refusals, of what, and why.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// `None`: of all callers that were not told apart.
    caller: Option<String>,
    route: Route,
    reason: &'static str,
}

struct Seen {
    first: Event,
    more: u64,
}

/// What was refused of late because it came too often.
#[derive(Default)]
pub struct Throttled(Mutex<HashMap<Key, Seen>>);

impl Throttled {
    /// Whether the refusal `event` is to be recorded now; otherwise it is counted.
    pub(super) fn is_first(&self, caller: String, route: Route, reason: &'static str, event: &Event) -> bool {
        let mut all = self.all();
        let mut key = Key {
            caller: Some(caller),
            route,
            reason,
        };
        if all.len() >= CALLERS && !all.contains_key(&key) {
            key.caller = None;
        }
        if let Some(seen) = all.get_mut(&key) {
            seen.more += 1;
            return false;
        }
        let first = Event {
            receipt: Receipt::default(),
            ..event.clone()
        };
        all.insert(key, Seen { first, more: 0 });
        true
    }

    /// The events of the minutes that are over; with `all`, of those that are not, too.
    pub fn ended(&self, ambient: &Ambient, all: bool) -> Vec<Event> {
        let now = ambient.now();
        let over = |seen: &Seen| all || now.since(seen.first.occurred_at) >= WINDOW;
        let ended: Vec<(Key, Seen)> = self.all().extract_if(|_, seen| over(seen)).collect();
        let repeated = ended.into_iter().filter(|(_, seen)| seen.more > 0);
        repeated
            .map(|(key, seen)| summary(&key, seen, ambient, now))
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn summary(key: &Key, seen: Seen, ambient: &Ambient, now: Timestamp) -> Event {
    let first = seen.first.occurred_at.rfc3339();
    let more = i64::try_from(seen.more).unwrap_or(i64::MAX);
    let event = Event {
        id: EventId::generate(ambient.clock(), &mut *ambient.entropy()),
        occurred_at: now,
        ..seen.first
    };
    let event = event
        .detail(REPEATED, Detail::Number(more))
        .detail("since", Detail::Text(first));
    if key.caller.is_none() {
        event.detail("several_callers", Detail::Bool(true))
    } else {
        event
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use vutf_kernel::{Action, Clock, Ctx, Env, OrganizationId, Origin, OsEntropy, Outcome, RequestId};

    use super::*;

    const LIST: Action = Action::new("user.list", "user");
    const ROUTE: Route = ("GET", "/api/v1/users");

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::SeqCst))
        }
    }

    fn at(secs: i64) -> (Arc<Hands>, Ambient) {
        let clock = Arc::new(Hands(AtomicI64::new(secs * 1_000_000)));
        let ambient = Ambient::new(Arc::clone(&clock) as _, Arc::new(|| Box::new(OsEntropy)));
        (clock, ambient)
    }

    fn refusal(ambient: &Ambient) -> Event {
        let request_id = RequestId::parse("r-1").unwrap();
        let ctx = Ctx::anonymous(OrganizationId::DEFAULT, request_id, Origin::default());
        let mut entropy = ambient.entropy();
        let mut env = Env {
            clock: ambient.clock(),
            entropy: &mut *entropy,
        };
        let outcome = Outcome::refused("rate_limited");
        Event::new(&ctx, &mut env, LIST.name, LIST.none(), outcome)
    }

    #[test]
    fn a_minute_of_one_caller_is_two_events_at_most() {
        let (clock, ambient) = at(1_000);
        let throttled = Throttled::default();
        let event = refusal(&ambient);
        let first = |caller: &str| throttled.is_first(caller.to_owned(), ROUTE, "rate_limited", &event);
        assert!(first("a"));
        assert!((0..99).all(|_| !first("a")));
        assert!(first("b"), "another caller");
        assert!(throttled.ended(&ambient, false).is_empty());
        clock.0.store(1_060 * 1_000_000, Ordering::SeqCst);
        let ended = throttled.ended(&ambient, false);
        assert_eq!(ended.len(), 1, "b came once, and that is recorded");
        assert_eq!(ended[0].details[REPEATED], Detail::Number(99));
        assert_eq!(ended[0].occurred_at, ambient.now());
        assert_ne!(ended[0].id, event.id);
        assert!(first("a"), "the next minute begins anew");
    }

    #[test]
    fn a_crowd_fills_neither_memory_nor_log() {
        let (_, ambient) = at(1_000);
        let throttled = Throttled::default();
        let event = refusal(&ambient);
        let recorded =
            (0..20_000).filter(|n| throttled.is_first(n.to_string(), ROUTE, "rate_limited", &event));
        assert_eq!(recorded.count(), CALLERS + 1);
        assert_eq!(throttled.all().len(), CALLERS + 1);
        let ended = throttled.ended(&ambient, true);
        assert_eq!(ended.len(), 1);
        let others = i64::try_from(20_000 - CALLERS - 1).unwrap();
        assert_eq!(ended[0].details[REPEATED], Detail::Number(others));
        assert_eq!(ended[0].details["several_callers"], Detail::Bool(true));
    }
}
