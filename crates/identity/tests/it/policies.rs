//! Policies take away from what roles grant, and give nothing.

use std::time::Duration;

use uuid::Uuid;
use vutf_identity::{
    policy::{
        ActorKind, Broken, MOST_POLICIES, Policy, PolicyName, PolicySet, Rule, Situation, Truth,
        explain::{Circumstances, Explain, Explanation, Verdict, explain},
        list::list,
        put::{PutPolicy, put},
        remove::{RemovePolicy, remove},
        validate::validate,
    },
    role::{self, list as roles_list, permission},
    user::lock::{Lock, lock},
};
use vutf_kernel::{
    Aal, Assurance, Class, Ctx, Decision, Detail, OrganizationId, Origin, Outcome, Permission, PolicyId,
    Resource, Stamps, Timestamp, UserId,
};

use crate::support::{World, anonymous, operator};

const HOME: OrganizationId = OrganizationId::DEFAULT;

fn rule(text: &str) -> Rule {
    Rule::parse(text).unwrap()
}

fn command(number: u128, name: &str, text: &str) -> PutPolicy {
    PutPolicy {
        policy_id: PolicyId::from_uuid(Uuid::from_u128(number)),
        expected_version: None,
        name: PolicyName::parse(name).unwrap(),
        rule: rule(text),
    }
}

fn stored(text: &str) -> Policy {
    Policy {
        id: PolicyId::from_uuid(Uuid::from_u128(1)),
        organization_id: HOME,
        name: PolicyName::parse("one").unwrap(),
        rule: rule(text),
        broken: None,
        stamps: Stamps::new(None, Timestamp::from_secs(1)),
    }
}

/// Somebody signed in, from an address.
async fn from(world: &World, name: &str, ip: [u8; 4]) -> Ctx {
    let signed_in = world.login(name).await;
    let ctx = world.ctx(&signed_in).await;
    Ctx {
        origin: Origin {
            ip: Some(ip.into()),
            user_agent: None,
        },
        ..ctx
    }
}

const OFFICE: [u8; 4] = [192, 0, 2, 9];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 9];
const LOCKS_FROM_THE_OFFICE: &str =
    r#"{"effect": "forbid", "permissions": ["users:lock"], "unless": [{"network": ["192.0.2.0/24"]}]}"#;

#[tokio::test]
async fn a_policy_takes_away_at_once_and_gives_nothing() {
    let world = World::new();
    let root = world.admin("root").await;
    world.user("boss", &["admin"]).await;
    let plain = world.user("plain", &[]).await;
    let ctx = from(&world, "root", OFFICE).await;
    put(
        &ctx,
        &world.id,
        command(1, "locks from the office", LOCKS_FROM_THE_OFFICE),
    )
    .await
    .unwrap();

    let lock_by = async |ip| {
        let boss = from(&world, "boss", ip).await;
        lock(&boss, &world.id, Lock { user_id: plain.id }).await
    };
    let error = lock_by(ELSEWHERE).await.unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Forbidden, "forbidden_by_policy")
    );
    assert!(error.to_string().contains("locks from the office"), "{error}");
    assert_eq!(world.refusals("user.lock"), ["forbidden_by_policy"]);
    lock_by(OFFICE).await.unwrap();
    // Whoever has no right gets none.
    let stranger = from(&world, "root", ELSEWHERE).await;
    assert!(
        matches!(stranger.decide(&permission::USERS_LOCK), Decision::Denied(denial)
        if denial.granted_by == ["super_admin"] && denial.name == "locks from the office")
    );
    assert!(stranger.may(&permission::USERS_READ), "the rest stays");
    // The machine itself is not bounded.
    lock(&operator(), &world.id, Lock { user_id: root.id })
        .await
        .unwrap_err();
    assert!(
        !world
            .refusals("user.lock")
            .contains(&"permission_denied".to_owned())
    );
}

#[tokio::test]
async fn a_change_is_recorded_with_what_it_says() {
    let world = World::new();
    world.admin("root").await;
    let ctx = from(&world, "root", OFFICE).await;
    let (made, is_new) = put(&ctx, &world.id, command(1, "locks", LOCKS_FROM_THE_OFFICE))
        .await
        .unwrap();
    assert!(is_new && made.stamps.version == 1);
    let again = command(1, "locks", LOCKS_FROM_THE_OFFICE);
    let missing = put(&ctx, &world.id, again.clone()).await.unwrap_err();
    assert_eq!(missing.class(), Class::PreconditionRequired);
    let stale = PutPolicy {
        expected_version: Some(7),
        ..again.clone()
    };
    assert_eq!(
        put(&ctx, &world.id, stale).await.unwrap_err().class(),
        Class::Stale
    );
    let next = PutPolicy {
        expected_version: Some(1),
        ..again
    };
    let (changed, is_new) = put(&ctx, &world.id, next).await.unwrap();
    assert!(!is_new && changed.stamps.version == 2);
    let events = world.store.events();
    let put_events: Vec<_> = events
        .iter()
        .filter(|event| event.action == "policy.put" && event.outcome == Outcome::Success)
        .collect();
    assert_eq!(put_events.len(), 2);
    let Some(Detail::Text(text)) = put_events[0].details.get("policy") else {
        panic!("the event tells the policy");
    };
    assert_eq!(rule(text), made.rule);

    let gone = RemovePolicy {
        policy_id: made.id,
        expected_version: Some(2),
    };
    remove(&ctx, &world.id, gone).await.unwrap();
    assert_eq!(
        remove(&ctx, &world.id, gone).await.unwrap_err().class(),
        Class::NotFound
    );
    assert!(list(&ctx, &world.id).await.unwrap().is_empty());
    let elsewhere = from(&world, "root", ELSEWHERE).await;
    assert!(elsewhere.may(&permission::USERS_LOCK));
}

#[tokio::test]
async fn nobody_locks_themself_out_of_policies() {
    let world = World::new();
    world.admin("root").await;
    let ctx = from(&world, "root", ELSEWHERE).await;
    for text in [
        r#"{"effect": "forbid", "permissions": ["*"]}"#,
        r#"{"effect": "forbid", "permissions": ["policies:*"], "roles": ["super_admin"]}"#,
        r#"{"effect": "forbid", "permissions": ["*"], "unless": [{"network": ["192.0.2.0/24"]}]}"#,
        r#"{"effect": "forbid", "permissions": ["*"], "when": [{"resource_kind": ["policy"]}]}"#,
        // Of which policy it will be is not known yet.
        r#"{"effect": "forbid", "permissions": ["policies:manage"],
            "when": [{"resource_id": ["01937b6e-5b5c-7d3e-8f00-000000000001"]}]}"#,
        r#"{"effect": "forbid", "permissions": ["*"], "unless": [{"acr_at_least": "aal2"}]}"#,
    ] {
        let error = put(&ctx, &world.id, command(1, "out", text)).await.unwrap_err();
        assert_eq!(
            (error.class(), error.code()),
            (Class::Conflict, "policy_locks_out"),
            "{text}"
        );
        assert!(
            validate(&ctx, &world.id, rule(text)).await.unwrap().locks_out,
            "{text}"
        );
    }
    assert!(list(&ctx, &world.id).await.unwrap().is_empty());
    // From where its writer is, it leaves them a way.
    let office = from(&world, "root", OFFICE).await;
    let text = r#"{"effect": "forbid", "permissions": ["*"], "unless": [{"network": ["192.0.2.0/24"]}]}"#;
    put(&office, &world.id, command(1, "office", text)).await.unwrap();
    let away = from(&world, "root", ELSEWHERE).await;
    assert!(!away.may(&permission::POLICIES_READ));
    let back = from(&world, "root", OFFICE).await;
    assert!(back.may(&permission::POLICIES_MANAGE));
}

#[tokio::test]
async fn only_so_many_and_only_by_those_who_may() {
    let world = World::new();
    world.admin("root").await;
    world.user("boss", &["admin"]).await;
    let root = from(&world, "root", OFFICE).await;
    let boss = from(&world, "boss", OFFICE).await;
    let text =
        r#"{"effect": "forbid", "permissions": ["keys:*"], "roles": ["user"], "when": [{"moved": true}]}"#;
    let error = put(&boss, &world.id, command(1, "x", text)).await.unwrap_err();
    assert_eq!(error.code(), "permission_denied");
    assert!(
        list(&boss, &world.id).await.unwrap().is_empty(),
        "an administrator may look"
    );
    for number in 0..MOST_POLICIES {
        let number = u128::try_from(number).unwrap();
        put(&root, &world.id, command(number, "x", text)).await.unwrap();
    }
    let error = put(&root, &world.id, command(1_000, "x", text))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "too_many_policies");
    assert_eq!(error.class(), Class::Conflict);
}

#[test]
fn what_is_not_known_counts_as_what_is_guarded_against() {
    let set = |text: &str| PolicySet::new(vec![stored(text)]);
    let (roles, asked) = (["admin".to_owned()], permission::USERS_LOCK);
    let nothing = Situation::default();
    for (condition, certainly_not) in [
        (
            r#"{"network": ["192.0.2.0/24"]}"#,
            Situation {
                ip: Some(ELSEWHERE.into()),
                ..nothing
            },
        ),
        (
            r#"{"hours_utc": {"from": "22:00", "to": "06:00"}}"#,
            at("2026-11-30T12:00:00Z"),
        ),
        (r#"{"weekday_utc": ["sat", "sun"]}"#, at("2026-11-30T12:00:00Z")),
        (
            r#"{"acr_at_least": "aal2"}"#,
            Situation {
                assurance: Some(None),
                ..nothing
            },
        ),
        (
            r#"{"amr_any": ["otp"]}"#,
            Situation {
                assurance: Some(None),
                ..nothing
            },
        ),
        (
            r#"{"actor": ["api_key"]}"#,
            Situation {
                actor: Some(ActorKind::User),
                ..nothing
            },
        ),
        (
            r#"{"moved": true}"#,
            Situation {
                moved: Some(false),
                ..nothing
            },
        ),
        (
            r#"{"resource_kind": ["key"]}"#,
            Situation {
                resource_kind: Some("user"),
                ..nothing
            },
        ),
        (
            r#"{"resource_id": ["01937b6e-5b5c-7d3e-8f00-000000000001"]}"#,
            Situation {
                resource_id: Some(Uuid::nil()),
                ..nothing
            },
        ),
        (
            r#"{"resource_own": true}"#,
            Situation {
                own: Some(false),
                ..nothing
            },
        ),
    ] {
        for (place, unknown_denies, no_denies) in [("when", true, false), ("unless", true, true)] {
            let text =
                format!(r#"{{"effect": "forbid", "permissions": ["users:lock"], "{place}": [{condition}]}}"#);
            let set = set(&text);
            let denies = |situation| set.denies(&roles, &asked, situation).is_some();
            assert_eq!(denies(&nothing), unknown_denies, "{text}, not known");
            assert_eq!(denies(&certainly_not), no_denies, "{text}, known not to hold");
            let negated = text.replace(condition, &format!(r#"{{"not": {condition}}}"#));
            let set = PolicySet::new(vec![stored(&negated)]);
            assert!(
                set.denies(&roles, &asked, &nothing).is_some(),
                "{negated}, not known"
            );
        }
    }
}

fn at(text: &str) -> Situation<'static> {
    Situation {
        now: Timestamp::parse_rfc3339(text),
        ..Situation::default()
    }
}

#[test]
fn conditions_join_as_they_are_written() {
    let weekend = r#"{"weekday_utc": ["sat", "sun"]}"#;
    let night = r#"{"hours_utc": {"from": "20:00", "to": "06:00"}}"#;
    let (monday_noon, monday_night, saturday_noon) = (
        at("2026-11-30T12:00:00Z"),
        at("2026-11-30T23:00:00Z"),
        at("2026-12-05T12:00:00Z"),
    );
    for (condition, expected) in [
        (
            format!(r#"{{"any": [{weekend}, {night}]}}"#),
            [Truth::No, Truth::Yes, Truth::Yes],
        ),
        (
            format!(r#"{{"all": [{weekend}, {night}]}}"#),
            [Truth::No, Truth::No, Truth::No],
        ),
        (
            format!(r#"{{"not": {weekend}}}"#),
            [Truth::Yes, Truth::Yes, Truth::No],
        ),
        (
            format!(r#"{{"all": [{night}, {{"network": ["192.0.2.0/24"]}}]}}"#),
            [Truth::No, Truth::Unknown, Truth::No],
        ),
        (
            format!(r#"{{"any": [{night}, {{"network": ["192.0.2.0/24"]}}]}}"#),
            [Truth::Unknown, Truth::Yes, Truth::Unknown],
        ),
    ] {
        let text = format!(r#"{{"effect": "forbid", "permissions": ["*"], "when": [{condition}]}}"#);
        let rule = rule(&text);
        let found = [&monday_noon, &monday_night, &saturday_noon].map(|situation| rule.holds(situation));
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn the_age_of_a_proof_and_its_level_are_those_of_the_session() {
    let proved = Assurance {
        aal: Aal::Aal2,
        auth_time: Timestamp::from_secs(1_000),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
    };
    let then = |after: u64| Situation {
        now: Some(Timestamp::from_secs(1_000).plus(Duration::from_secs(after))),
        assurance: Some(Some(&proved)),
        ..Situation::default()
    };
    for (condition, after, expected) in [
        (r#"{"proof_older_than_seconds": 900}"#, 900, Truth::No),
        (r#"{"proof_older_than_seconds": 900}"#, 901, Truth::Yes),
        (r#"{"acr_at_least": "aal2"}"#, 0, Truth::Yes),
        (r#"{"acr_at_least": "aal3"}"#, 0, Truth::No),
        (r#"{"amr_any": ["hwk", "otp"]}"#, 0, Truth::Yes),
        (r#"{"amr_any": ["hwk"]}"#, 0, Truth::No),
    ] {
        let text = format!(r#"{{"effect": "forbid", "permissions": ["*"], "when": [{condition}]}}"#);
        assert_eq!(
            rule(&text).holds(&then(after)),
            expected,
            "{condition} after {after}"
        );
    }
    let program = Situation {
        assurance: Some(None),
        ..then(0)
    };
    let text = r#"{"effect": "forbid", "permissions": ["*"], "when": [{"proof_older_than_seconds": 900}]}"#;
    assert_eq!(
        rule(text).holds(&program),
        Truth::Yes,
        "a program has proved nothing, ever"
    );
}

#[test]
fn what_is_no_policy_is_refused_with_a_reason() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"not": "#.repeat(depth), "}".repeat(depth));
        format!(r#"{{"effect": "forbid", "permissions": ["*"], "when": [{open}{{"moved": true}}{close}]}}"#)
    };
    let many = |count: usize| {
        let conditions = vec![r#"{"moved": true}"#; count].join(",");
        format!(r#"{{"effect": "forbid", "permissions": ["*"], "when": [{conditions}]}}"#)
    };
    let long = format!(
        r#"{{"effect": "forbid", "permissions": ["*"], "roles": ["{}"]}}"#,
        "x".repeat(9_000)
    );
    for (text, code) in [
        (String::new(), "policy_form"),
        ("[]".into(), "policy_form"),
        (r#"{"permissions": ["*"]}"#.into(), "policy_form"),
        (r#"{"effect": "permit", "permissions": ["*"]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["*"], "grant": []}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": []}"#.into(), "policy_permission"),
        (r#"{"effect": "forbid", "permissions": ["keys"]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["key:*"]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["ke*"]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["*"], "roles": ["root"]}"#.into(), "policy_role"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{}]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"moved": true, "actor": ["user"]}]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"actor": []}]}"#.into(), "policy_condition"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"all": []}]}"#.into(), "policy_condition"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"network": ["10.0.0.1/8"]}]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"hours_utc": {"from": "7", "to": "19:00"}}]}"#.into(), "policy_form"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"hours_utc": {"from": "07:00", "to": "07:00"}}]}"#.into(), "policy_condition"),
        (r#"{"effect": "forbid", "permissions": ["*"], "when": [{"amr_any": ["a b"]}]}"#.into(), "policy_condition"),
        (nested(5), "policy_condition"),
        (many(65), "policy_condition"),
        (long, "policy_too_long"),
    ] {
        let error = Rule::parse(&text).unwrap_err();
        assert_eq!(error.code, code, "{text}: {error}");
    }
    assert!(Rule::parse(&nested(4)).is_ok() && Rule::parse(&many(64)).is_ok());
    for bad in ["", " x", "x ", "a\nb", &"x".repeat(65)] {
        assert!(PolicyName::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_broken_takes_away_all_that_it_is_about() {
    let asked = |name: &'static str| Permission::known(name);
    let unreadable = Policy {
        rule: Rule {
            conditions: None,
            ..rule(
                r#"{"effect": "forbid", "permissions": ["keys:*"], "roles": ["key_custodian"], "when": [{"moved": true}]}"#,
            )
        },
        broken: Some(Broken::Unreadable),
        ..stored(r#"{"effect": "forbid", "permissions": ["*"]}"#)
    };
    let set = PolicySet::new(vec![unreadable]);
    let (custodian, admin) = (["key_custodian".to_owned()], ["admin".to_owned()]);
    let still = Situation {
        moved: Some(false),
        ..Situation::default()
    };
    assert!(set.denies(&custodian, &asked("keys:manage"), &still).is_some());
    assert!(set.denies(&custodian, &asked("self:manage"), &still).is_none());
    assert!(set.denies(&admin, &asked("keys:manage"), &still).is_none());
    let untrusted = Policy {
        rule: Rule::untrusted(),
        broken: Some(Broken::Untrusted),
        ..stored(r#"{"effect": "forbid", "permissions": ["keys:read"]}"#)
    };
    let set = PolicySet::new(vec![untrusted]);
    for role in role::BUILT_IN {
        for granted in role.permissions() {
            assert!(set.denies(&[role.name.to_owned()], granted, &still).is_some());
        }
    }
}

async fn why(world: &World, by: &Ctx, subject: Option<UserId>, permission: &'static str) -> Explanation {
    let command = Explain {
        subject,
        permission: Permission::known(permission),
        resource_kind: None,
        resource_id: None,
        circumstances: Circumstances::default(),
    };
    explain(by, &world.id, command).await.unwrap()
}

#[tokio::test]
async fn everybody_may_ask_why_about_themself_and_few_about_others() {
    let world = World::new();
    world.admin("root").await;
    let boss = world.user("boss", &["admin"]).await;
    world.user("plain", &[]).await;
    let root = from(&world, "root", OFFICE).await;
    put(
        &root,
        &world.id,
        command(1, "locks from the office", LOCKS_FROM_THE_OFFICE),
    )
    .await
    .unwrap();

    let plain = from(&world, "plain", OFFICE).await;
    let own = why(&world, &plain, None, "users:lock").await;
    assert_eq!(
        (own.verdict, own.granted_by.len(), own.policies.len()),
        (Verdict::Deny, 0, 1)
    );
    let own = why(&world, &plain, None, "self:manage").await;
    assert_eq!(
        (own.verdict, own.granted_by),
        (Verdict::Allow, vec!["user".to_owned()])
    );

    let away = from(&world, "boss", ELSEWHERE).await;
    let own = why(&world, &away, None, "users:lock").await;
    assert_eq!(
        (own.verdict, own.policies[0].forbids),
        (Verdict::Deny, Truth::Yes)
    );
    let near = from(&world, "boss", OFFICE).await;
    assert_eq!(
        why(&world, &near, None, "users:lock").await.verdict,
        Verdict::Allow
    );

    // From where somebody else will come is not known, unless it is said.
    let about = why(&world, &root, Some(boss.id), "users:lock").await;
    assert_eq!(
        (about.verdict, about.policies[0].forbids),
        (Verdict::Depends, Truth::Unknown)
    );
    let said = Explain {
        subject: Some(boss.id),
        permission: permission::USERS_LOCK,
        resource_kind: None,
        resource_id: None,
        circumstances: Circumstances {
            ip: Some(OFFICE.into()),
            ..Circumstances::default()
        },
    };
    assert_eq!(
        explain(&root, &world.id, said.clone()).await.unwrap().verdict,
        Verdict::Allow
    );

    let error = explain(&plain, &world.id, said.clone()).await.unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Forbidden, "permission_denied")
    );
    let unknown = Explain {
        permission: Permission::known("users:adore"),
        ..said.clone()
    };
    assert_eq!(
        explain(&root, &world.id, unknown).await.unwrap_err().class(),
        Class::Invalid
    );
    let nobody = Explain {
        subject: Some(UserId::from_uuid(Uuid::nil())),
        ..said.clone()
    };
    assert_eq!(
        explain(&root, &world.id, nobody).await.unwrap_err().class(),
        Class::NotFound
    );
    let error = explain(&anonymous(), &world.id, said).await.unwrap_err();
    assert_eq!(error.class(), Class::Unauthenticated);
    assert_eq!(
        world.refusals("authorization.explain"),
        ["permission_denied", "not_signed_in"]
    );
}

#[tokio::test]
async fn a_policy_knows_what_a_request_is_about() {
    let world = World::new();
    world.admin("root").await;
    let ctx = from(&world, "root", OFFICE).await;
    let text = r#"{"effect": "forbid", "permissions": ["users:write"], "unless": [{"resource_own": true}]}"#;
    put(&ctx, &world.id, command(1, "own only", text)).await.unwrap();
    let ctx = from(&world, "root", OFFICE).await;
    assert!(!ctx.may(&permission::USERS_WRITE), "whose it is is not known");
    let about = |own| Ctx {
        bounds: ctx.bounds.clone().about(Resource::kind("user"), Some(own)),
        ..ctx.clone()
    };
    assert!(about(true).may(&permission::USERS_WRITE));
    assert!(!about(false).may(&permission::USERS_WRITE));
    assert!(roles_list::list(&about(false), &world.id).await.is_ok());
}

#[tokio::test]
async fn a_trial_tells_what_would_be_taken_and_keeps_nothing() {
    let world = World::new();
    world.admin("root").await;
    let ctx = from(&world, "root", ELSEWHERE).await;
    let trial = validate(&ctx, &world.id, rule(LOCKS_FROM_THE_OFFICE))
        .await
        .unwrap();
    assert_eq!(trial.takes, [permission::USERS_LOCK]);
    assert!(!trial.locks_out);
    let office = from(&world, "root", OFFICE).await;
    let trial = validate(&office, &world.id, rule(LOCKS_FROM_THE_OFFICE))
        .await
        .unwrap();
    assert!(trial.takes.is_empty());
    assert!(list(&ctx, &world.id).await.unwrap().is_empty());
}

/// What a policy costs, and what it costs to have none: `cargo test -p vutf-identity --release --test it -- --nocapture what_a_decision`.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are the output")]
async fn what_a_decision_costs() {
    const ROUNDS: u32 = 20_000;
    let world = World::new();
    world.admin("root").await;
    let bare = from(&world, "root", OFFICE).await;
    let office = r#"{"effect": "forbid", "permissions": ["keys:*", "crypto:*"], "unless": [{"network": ["192.0.2.0/24"]}]}"#;
    for number in 0..MOST_POLICIES {
        let number = u128::try_from(number).unwrap();
        put(&bare, &world.id, command(number, "x", office)).await.unwrap();
    }
    let bounded = from(&world, "root", OFFICE).await;
    for (name, ctx) in [("no policy", &bare), ("100 policies", &bounded)] {
        let began = std::time::Instant::now();
        for _ in 0..ROUNDS {
            assert!(std::hint::black_box(ctx).may(&permission::KEYS_MANAGE));
        }
        println!(
            "{name}: {} ns a decision",
            began.elapsed().as_nanos() / u128::from(ROUNDS)
        );
    }
    assert!(bare.bounds.is_empty() && !bounded.bounds.is_empty());
}
