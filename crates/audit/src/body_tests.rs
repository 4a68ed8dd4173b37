use proptest::{collection::vec, prelude::*};
use uuid::Uuid;
use vutf_kernel::{ApiKeyId, SessionId};

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
        (uuid(), uuid()).prop_map(|(user, key)| Actor::ApiKey {
            user_id: UserId::from_uuid(user),
            key_id: ApiKeyId::from_uuid(key),
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

/// The same entry as a [`Value`], which the writer of RFC 8785 sorts by itself.
fn as_value(body: &Body) -> crate::canonical::Value<'_> {
    use crate::canonical::Value;
    fn id(id: impl std::fmt::Display) -> Value<'static> {
        Value::text(id.to_string())
    }
    let actor = match &body.actor {
        Actor::Anonymous | Actor::Operator => vec![],
        Actor::User { user_id, session_id } => vec![("user_id", id(user_id)), ("session_id", id(session_id))],
        Actor::ApiKey { user_id, key_id } => vec![("user_id", id(user_id)), ("key_id", id(key_id))],
        Actor::System { job } => vec![("job", Value::text(&**job))],
    };
    let kind = ("type", Value::text(body.actor.kind()));
    let reason = match &body.outcome {
        Outcome::Success => None,
        Outcome::Refused { reason } | Outcome::Failed { reason } => Some(("reason", Value::text(&**reason))),
    };
    let details = body
        .details
        .iter()
        .map(|(name, detail)| (name.as_str(), detail_value(detail)));
    let private = body.private.iter();
    let private = private.map(|(name, hash)| (name.as_str(), Value::text(URL_SAFE_NO_PAD.encode(hash))));
    let resource_id = body.resource.id.map(|uuid| ("id", id(uuid)));
    let kind_of = ("kind", Value::text(&*body.resource.kind));
    let result = ("result", Value::text(body.outcome.as_str()));
    Value::object([
        ("v", Value::Number(1)),
        ("id", id(body.id)),
        ("occurred_at", id(body.occurred_at.rfc3339())),
        ("organization_id", id(body.organization_id)),
        ("request_id", Value::text(body.request_id.as_str())),
        ("actor", Value::object(actor.into_iter().chain([kind]))),
        ("action", Value::text(body.action.as_str())),
        (
            "resource",
            Value::object([kind_of].into_iter().chain(resource_id)),
        ),
        ("outcome", Value::object([result].into_iter().chain(reason))),
        ("subjects", Value::List(body.subjects.iter().map(id).collect())),
        ("details", Value::object(details)),
        ("private", Value::object(private)),
    ])
}

/// Beyond the basic plane the order of names by UTF-8 is not the one of RFC 8785.
#[test]
fn names_of_details_are_sorted_by_utf_16() {
    let details = ["\u{fb33}", "\u{1f600}", "a"].map(|name| (name.to_owned(), Detail::Bool(true)));
    let body = Body {
        details: details.into(),
        ..sample()
    };
    let text = String::from_utf8(body.to_bytes()).unwrap();
    assert!(
        text.contains("{\"a\":true,\"\u{1f600}\":true,\"\u{fb33}\":true}"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn entries_are_written_as_rfc_8785_sorts_them(body in bodies()) {
        prop_assert_eq!(body.to_bytes(), as_value(&body).to_bytes());
    }

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
