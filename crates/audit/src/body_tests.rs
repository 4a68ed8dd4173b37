use proptest::{collection::vec, prelude::*};
use uuid::Uuid;
use vutf_kernel::SessionId;

use super::*;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(Actor::Anonymous),
        Just(Actor::Operator),
        (uuid(), uuid()).prop_map(|(user, session)| Actor::User {
            user_id: UserId::from_uuid(user),
            session_id: SessionId::from_uuid(session),
        }),
        any::<String>().prop_map(|job| Actor::System { job: job.into() }),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Success),
        any::<String>().prop_map(|reason| Outcome::Refused {
            reason: reason.into()
        }),
        any::<String>().prop_map(|reason| Outcome::Failed {
            reason: reason.into()
        }),
    ]
}

fn detail() -> impl Strategy<Value = Detail> {
    prop_oneof![
        any::<bool>().prop_map(Detail::Bool),
        (-MAX_EXACT..=MAX_EXACT).prop_map(Detail::Number),
        any::<String>().prop_map(Detail::Text),
        vec(any::<String>(), 0..4).prop_map(Detail::List),
    ]
}

fn bodies() -> impl Strategy<Value = Body> {
    let who = (
        uuid(),
        any::<i64>(),
        uuid(),
        any::<String>(),
        actor(),
        any::<String>(),
    );
    let what = (
        any::<String>(),
        proptest::option::of(uuid()),
        outcome(),
        vec(uuid(), 0..4),
    );
    let facts = (
        proptest::collection::btree_map(any::<String>(), detail(), 0..5),
        proptest::collection::btree_map(any::<String>(), any::<[u8; 32]>(), 0..4),
    );
    (who, what, facts).prop_map(|(who, what, facts)| Body {
        id: EventId::from_uuid(who.0),
        occurred_at: Timestamp::from_micros(who.1),
        organization_id: OrganizationId::from_uuid(who.2),
        request_id: who.3,
        actor: who.4,
        action: who.5,
        resource: Resource {
            kind: what.0.into(),
            id: what.1,
        },
        outcome: what.2,
        subjects: what.3.into_iter().map(UserId::from_uuid).collect(),
        details: facts.0,
        private: facts.1,
    })
}

fn sample() -> Body {
    Body {
        id: EventId::from_uuid(Uuid::from_u128(1)),
        occurred_at: Timestamp::from_micros(1_795_255_200_000_001),
        organization_id: OrganizationId::DEFAULT,
        request_id: "req-1".into(),
        actor: Actor::User {
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            session_id: SessionId::from_uuid(Uuid::from_u128(3)),
        },
        action: "user.lock".into(),
        resource: Resource::one("user", Uuid::from_u128(4)),
        outcome: Outcome::refused("wrong_password"),
        subjects: vec![UserId::from_uuid(Uuid::from_u128(4))],
        details: [
            ("attempt".to_owned(), Detail::Number(3)),
            ("roles".to_owned(), Detail::List(vec!["admin".into()])),
        ]
        .into(),
        private: [("source_ip".to_owned(), [0xff; 32])].into(),
    }
}

/// Bodies are hashed and kept for years: the bytes that a version 1 event has today it must have always.
#[test]
fn the_bytes_of_version_one_are_pinned() {
    assert_eq!(
        String::from_utf8(sample().to_bytes()).unwrap(),
        concat!(
            r#"{"action":"user.lock","#,
            r#""actor":{"session_id":"00000000-0000-0000-0000-000000000003","type":"user","user_id":"00000000-0000-0000-0000-000000000002"},"#,
            r#""details":{"attempt":3,"roles":["admin"]},"#,
            r#""id":"00000000-0000-0000-0000-000000000001","#,
            r#""occurred_at":"2026-11-21T10:00:00.000001Z","#,
            r#""organization_id":"00000000-0000-7000-8000-000000000001","#,
            r#""outcome":{"reason":"wrong_password","result":"refused"},"#,
            r#""private":{"source_ip":"__________________________________________8"},"#,
            r#""request_id":"req-1","#,
            r#""resource":{"id":"00000000-0000-0000-0000-000000000004","kind":"user"},"#,
            r#""subjects":["00000000-0000-0000-0000-000000000004"],"v":1}"#,
        )
    );
}

#[test]
fn what_is_wrong_is_named() {
    let text = String::from_utf8(sample().to_bytes()).unwrap();
    let parse = |from: &str, to: &str| {
        assert!(text.contains(from));
        parse_body(text.replace(from, to).as_bytes())
    };
    assert!(matches!(
        parse(r#""v":1"#, r#""v":2"#),
        Err(BodyError::Version(2))
    ));
    assert!(matches!(
        parse(r#""v":1"#, r#""v":2,"new":{}"#),
        Err(BodyError::Version(2))
    ));
    assert!(matches!(
        parse(r#""v":1"#, r#""v":1,"new":{}"#),
        Err(BodyError::Shape(_))
    ));
    assert!(matches!(
        parse("2026-11-21T", "yesterday"),
        Err(BodyError::Timestamp)
    ));
    assert!(matches!(parse("___8", "___9"), Err(BodyError::Commitment(name)) if name == "source_ip"));
    assert!(matches!(parse(":3,", ":9007199254740992,"), Err(BodyError::Number(name)) if name == "attempt"));
    assert!(matches!(parse(":3,", ":3.5,"), Err(BodyError::Shape(_))));
}

proptest! {
    #[test]
    fn bodies_round_trip(body in bodies()) {
        prop_assert_eq!(parse_body(&body.to_bytes()).unwrap(), body);
    }

    /// NIST SP 800-53 AU-3: without its type, time, place, source, outcome or identity it is no entry.
    #[test]
    fn an_entry_that_lacks_a_field_is_none(body in bodies(), which in any::<proptest::sample::Index>()) {
        let whole: serde_json::Value = serde_json::from_slice(&body.to_bytes()).unwrap();
        let mut fields: Vec<(&str, String)> = whole.as_object().unwrap().keys().map(|name| ("", name.clone())).collect();
        for part in ["/actor", "/outcome"] {
            let members = whole.pointer(part).unwrap().as_object().unwrap();
            fields.extend(members.keys().map(|name| (part, name.clone())));
        }
        fields.push(("/resource", "kind".to_owned()));
        let (part, name) = which.get(&fields);
        let mut lacking = whole.clone();
        lacking.pointer_mut(part).unwrap().as_object_mut().unwrap().remove(name);
        prop_assert!(parse_body(whole.to_string().as_bytes()).is_ok());
        prop_assert!(parse_body(lacking.to_string().as_bytes()).is_err(), "{part}/{name}");
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..512)) {
        let _ = parse_body(&bytes);
    }

    #[test]
    fn damaged_bodies_are_read_or_refused(body in bodies(), at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = body.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut { bytes.truncate(at) }
        let _ = parse_body(&bytes);
    }
}
