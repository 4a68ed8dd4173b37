//! A hold always wins, and nothing goes before its time.

use std::time::Duration;

use proptest::{option, prelude::*, sample::select};
use uuid::Uuid;
use vutf_kernel::{EventId, HoldId, OrganizationId, Timestamp, UserId};

use super::{CLASSES, Doer, EventClass, Facts, Hold, HoldReason, HoldScope, Judge, Kept, Policy, Verdict};

const DAY: u64 = 86_400;
const NOW: Timestamp = Timestamp::from_secs(1_795_255_200);
const ACTIONS: [&str; 9] = [
    "session.login",
    "user.read",
    "user.update",
    "key.create",
    "key.due",
    "crypto.encrypt",
    "audit.prune",
    "role.assign",
    "new.thing",
];

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

fn facts() -> impl Strategy<Value = Facts> {
    let days = 0_u64..4_000;
    (
        0_i64..100,
        select(&ACTIONS[..]),
        days,
        0_u128..3,
        option::of(0_u128..3),
        0_u128..3,
    )
        .prop_map(|(seq, action, days, tenant, actor, subject)| Facts {
            id: EventId::from_uuid(Uuid::from_u128(1)),
            seq,
            action: action.to_owned(),
            occurred_at: NOW.minus(Duration::from_secs(days * DAY)),
            organization_id: OrganizationId::from_uuid(Uuid::from_u128(tenant)),
            actor_id: actor.map(Uuid::from_u128),
            subjects: vec![user(subject)],
        })
}

fn holds() -> impl Strategy<Value = Vec<Hold>> {
    let instant = || option::of((0_u64..4_000).prop_map(|days| NOW.minus(Duration::from_secs(days * DAY))));
    let scope = (
        option::of(0_u128..3),
        option::of(0_u128..3),
        option::of(0_u128..3),
        option::of(select(CLASSES)),
        instant(),
        instant(),
    )
        .prop_map(|(tenant, subject, actor, class, from, until)| HoldScope {
            organization_id: tenant.map(|n| OrganizationId::from_uuid(Uuid::from_u128(n))),
            subject: subject.map(user),
            actor: actor.map(user),
            class: class.and_then(|class: EventClass| EventClass::named(class.name)),
            from,
            until,
        });
    let hold = (scope, any::<bool>()).prop_map(|(scope, released)| Hold {
        id: HoldId::from_uuid(Uuid::from_u128(8)),
        placed_in: OrganizationId::DEFAULT,
        reason: HoldReason::parse("case 7").unwrap(),
        scope,
        placed_at: NOW,
        placed_by: doer(),
        released: released.then(|| (NOW, doer())),
    });
    proptest::collection::vec(hold, 0..4)
}

fn doer() -> Doer {
    Doer {
        kind: "operator".into(),
        user: None,
    }
}

proptest! {
    #[test]
    fn what_goes_is_old_enough_prunable_and_held_by_nobody(facts in facts(), holds in holds(), head in 0_i64..100) {
        let policy = Policy::documented();
        let class = EventClass::of(&facts.action);
        let covered = holds.iter().filter(|hold| hold.released.is_none()).any(|hold| hold.scope.covers(&facts));
        let verdict = Judge::new(&policy, &holds, NOW, head).verdict(&facts);
        let age = NOW.since(facts.occurred_at);
        let expected = match class.kept {
            Kept::ForGood => Verdict::Stays,
            Kept::For { .. } if facts.seq >= head => Verdict::Stays,
            Kept::For { default, .. } if age <= default => Verdict::Young,
            Kept::For { .. } if covered => Verdict::Held(HoldId::from_uuid(Uuid::from_u128(8))),
            Kept::For { .. } => Verdict::Goes(class),
        };
        prop_assert_eq!(verdict, expected);
    }

    #[test]
    fn one_more_hold_never_lets_more_go(facts in facts(), holds in holds()) {
        let policy = Policy::documented();
        let goes = |holds: &[Hold]| matches!(Judge::new(&policy, holds, NOW, 100).verdict(&facts), Verdict::Goes(_));
        for fewer in 0..holds.len() {
            prop_assert!(!goes(&holds) || goes(&holds[..fewer]));
        }
    }
}

#[test]
fn each_part_of_a_scope_narrows_it() {
    let facts = Facts {
        id: EventId::from_uuid(Uuid::from_u128(1)),
        seq: 1,
        action: "user.update".into(),
        occurred_at: NOW,
        organization_id: OrganizationId::DEFAULT,
        actor_id: Some(Uuid::from_u128(1)),
        subjects: vec![user(2)],
    };
    let all = HoldScope::default();
    assert!(all.covers(&facts) && all.is_possible());
    let later = NOW.plus(Duration::from_secs(1));
    for (fits, scope) in [
        (
            true,
            HoldScope {
                subject: Some(user(2)),
                ..all.clone()
            },
        ),
        (
            false,
            HoldScope {
                subject: Some(user(1)),
                ..all.clone()
            },
        ),
        (
            true,
            HoldScope {
                actor: Some(user(1)),
                ..all.clone()
            },
        ),
        (
            false,
            HoldScope {
                actor: Some(user(2)),
                ..all.clone()
            },
        ),
        (
            true,
            HoldScope {
                class: EventClass::named("accounts"),
                ..all.clone()
            },
        ),
        (
            false,
            HoldScope {
                class: EventClass::named("reads"),
                ..all.clone()
            },
        ),
        (
            true,
            HoldScope {
                from: Some(NOW),
                until: Some(later),
                ..all.clone()
            },
        ),
        (
            false,
            HoldScope {
                until: Some(NOW),
                ..all.clone()
            },
        ),
        (
            false,
            HoldScope {
                from: Some(later),
                ..all.clone()
            },
        ),
        (
            false,
            HoldScope {
                organization_id: Some(OrganizationId::from_uuid(Uuid::nil())),
                ..all.clone()
            },
        ),
    ] {
        assert_eq!(scope.covers(&facts), fits, "{scope:?}");
    }
    let backwards = HoldScope {
        from: Some(NOW),
        until: Some(NOW),
        ..all
    };
    assert!(!backwards.is_possible());
}
