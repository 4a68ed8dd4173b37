//! Two persons: who may decide, what forged and old requests are worth.

use vutf_crypto_keys::{
    Approval, ApprovalError, ApprovalState, DecisionError, KeyRecord, LoadError, Person, Purpose, ReasonCode,
    approval::{APPROVAL_TTL, Ask},
    destruction::plan_rejection,
    due::active,
};
use vutf_kernel::{Actor, Clock as _, Env, OsEntropy, SessionId, SystemClock, Timestamp, UserId};

use crate::world::{HOME, World, world};

fn user(byte: u8) -> Actor {
    let id = uuid::Uuid::from_bytes([byte; 16]);
    Actor::User {
        user_id: UserId::from_uuid(id),
        session_id: SessionId::from_uuid(id),
    }
}

async fn asked(world: &World, by: &Actor) -> (KeyRecord, Approval) {
    let rows = world.rows().await;
    let tenant = active(&rows, HOME, &Purpose::Tenant).unwrap();
    let key = active(&rows, HOME, &Purpose::field("users")).unwrap().clone();
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let ask = Ask {
        action: "key.destroy",
        subject_id: key.id.as_uuid(),
        subject_revision: key.revision,
        reason: ReasonCode::Cessation.into(),
        by: Person::of(by).unwrap(),
    };
    let request = Approval::request(&world.ring, &mut env, tenant, ask).unwrap();
    (key, request)
}

fn rule(outcome: Result<Approval, DecisionError>) -> ApprovalError {
    match outcome {
        Err(DecisionError::Rule(rule)) => rule,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn another_person_approves_and_the_one_who_asked_does_not() {
    let world = world().await;
    let (one, other) = (user(1), user(2));
    let now = SystemClock.now();
    let (key, request) = asked(&world, &one).await;
    let approve = |by: &Actor| request.clone().approve(&world.ring, by, now, key.revision);
    assert_eq!(rule(approve(&one)), ApprovalError::SamePerson);
    let again = Actor::User {
        user_id: one.user_id().unwrap(),
        session_id: SessionId::from_uuid(uuid::Uuid::from_bytes([9; 16])),
    };
    assert_eq!(
        rule(approve(&again)),
        ApprovalError::SamePerson,
        "in whatever session"
    );
    let system = Actor::System { job: "x".into() };
    for nobody in [system, Actor::Anonymous] {
        assert_eq!(rule(approve(&nobody)), ApprovalError::NotAPerson);
    }
    let approved = approve(&other).unwrap();
    assert_eq!(approved.state, ApprovalState::Approved);
    assert_eq!(approved.decided_by, Person::of(&other));
    approved.authenticate(&world.ring).unwrap();
    let twice = approved.approve(&world.ring, &user(3), now, key.revision);
    assert_eq!(rule(twice), ApprovalError::Decided(ApprovalState::Approved));
}

#[tokio::test]
async fn whoever_has_the_machine_is_one_person() {
    let world = world().await;
    let (key, request) = asked(&world, &Actor::Operator).await;
    let now = SystemClock.now();
    let own = request
        .clone()
        .approve(&world.ring, &Actor::Operator, now, key.revision);
    assert_eq!(rule(own), ApprovalError::SamePerson);
    request.approve(&world.ring, &user(1), now, key.revision).unwrap();
}

#[tokio::test]
async fn a_request_ends_with_its_time_and_with_its_subject() {
    let world = world().await;
    let (key, request) = asked(&world, &user(1)).await;
    let over = request.requested_at.plus(APPROVAL_TTL);
    assert_eq!(request.state_at(over), ApprovalState::Expired);
    let late = request.clone().approve(&world.ring, &user(2), over, key.revision);
    assert_eq!(rule(late), ApprovalError::Expired);
    let late = request.clone().reject(&world.ring, &user(2), over);
    assert_eq!(rule(late), ApprovalError::Expired);
    let changed = request
        .clone()
        .approve(&world.ring, &user(2), SystemClock.now(), key.revision + 1);
    assert_eq!(rule(changed), ApprovalError::Void);
    let noted = request.expire(&world.ring, over).unwrap();
    assert_eq!((noted.state, noted.decided_by), (ApprovalState::Expired, None));
    noted.authenticate(&world.ring).unwrap();
}

#[tokio::test]
async fn a_rejection_outlives_the_open_row_that_somebody_puts_back() {
    let world = world().await;
    let (key, open) = asked(&world, &user(1)).await;
    let now = SystemClock.now();
    let rejected = open.clone().reject(&world.ring, &user(1), now).unwrap();
    assert_eq!(
        rejected.state,
        ApprovalState::Rejected,
        "one may take it back oneself"
    );
    let after = plan_rejection(&world.ring, &key).unwrap();
    assert_eq!((after.revision, after.state), (key.revision + 1, key.state));
    let put_back = open.approve(&world.ring, &user(2), now, after.revision);
    assert_eq!(rule(put_back), ApprovalError::Void);
}

#[tokio::test]
async fn a_forged_request_is_worth_nothing() {
    let world = world().await;
    let (key, request) = asked(&world, &user(1)).await;
    let edits: [fn(&mut Approval); 9] = [
        |r| r.requested_by = Person::Operator,
        |r| r.subject_id = uuid::Uuid::from_bytes([5; 16]),
        |r| r.subject_revision += 1,
        |r| r.expires_at = Timestamp::from_secs(i64::MAX / 2_000_000),
        |r| r.requested_at = Timestamp::from_secs(1),
        |r| r.action = "key.read".into(),
        |r| r.reason = ReasonCode::Erasure.into(),
        |r| r.decided_by = Some(Person::Operator),
        |r| r.mac[0] ^= 1,
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        let mut forged = request.clone();
        edit(&mut forged);
        let id = forged.id;
        let refused = forged.authenticate(&world.ring).unwrap_err();
        assert!(
            matches!(refused, LoadError::ApprovalMac { id: named } if named == id),
            "edit {at}: {refused}"
        );
        let subject = forged.subject_revision;
        let outcome = forged.approve(&world.ring, &user(2), SystemClock.now(), subject);
        assert!(matches!(outcome, Err(DecisionError::Load(_))), "edit {at}");
    }
    let mut approved = request;
    approved.state = ApprovalState::Approved;
    approved.decided_by = Person::of(&user(2));
    let refused = approved.authenticate(&world.ring).unwrap_err();
    assert!(matches!(refused, LoadError::ApprovalMac { .. }));
    assert_eq!(key.revision, 1);
}

#[test]
fn persons_and_states_round_trip_in_their_canonical_form_only() {
    let person = Person::of(&user(0xAB)).unwrap();
    for person in [person, Person::Operator] {
        assert_eq!(person.to_string().parse(), Ok(person));
    }
    for bad in [
        "",
        "user:",
        "user:x",
        "Operator",
        &person.to_string().to_uppercase(),
    ] {
        assert!(bad.parse::<Person>().is_err(), "{bad}");
    }
    for state in ApprovalState::ALL {
        assert_eq!(state.to_string().parse(), Ok(state));
    }
}
