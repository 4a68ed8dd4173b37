//! Policies, and accounts behind glass.

use vutf_identity::{
    break_glass::Glass,
    policy::{Policy, PolicyName, Rule},
    refresh::TokenHash,
};
use vutf_kernel::{Fault, OrganizationId, PolicyId, SessionId, Stamps};

use super::{HOME, Store, race, stored_user, winners};
use crate::{contracts::NEIGHBOUR, factory::Factory};

const SAID: [&str; 3] = [
    r#"{"effect": "forbid", "permissions": ["keys:*", "users:read"], "roles": ["admin", "user"],
        "when": [{"any": [{"network": ["192.0.2.0/24", "2001:db8::/32"]}, {"weekday_utc": ["sat"]}]}],
        "unless": [{"acr_at_least": "aal2"}, {"hours_utc": {"from": "22:00", "to": "06:00"}}]}"#,
    r#"{"effect": "forbid", "permissions": ["*"]}"#,
    r#"{"effect": "forbid", "permissions": ["self:manage"],
        "when": [{"not": {"actor": ["api_key"]}}, {"proof_older_than_seconds": 900}, {"moved": true}]}"#,
];

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    policies_are_kept_as_they_were_made(store, factory).await;
    a_policy_is_written_once_a_version(store, factory).await;
    policies_of_tenants_are_apart(store, factory).await;
    a_seal_is_opened_once(store, factory).await;
    a_seal_is_seen_in_its_own_tenant(store, factory).await;
}

fn policy(factory: &mut Factory, organization: OrganizationId, text: &str) -> Policy {
    Policy {
        id: PolicyId::from_uuid(factory.id()),
        organization_id: organization,
        name: PolicyName::parse("näme of a policy").unwrap(),
        rule: Rule::parse(text).unwrap(),
        broken: None,
        stamps: Stamps::new(None, factory.now()),
    }
}

async fn of(store: &Store, organization: OrganizationId) -> Vec<Policy> {
    let inside = once!(store, policies.all(organization)).unwrap();
    // Whoever reads without a transaction sees the same.
    assert_eq!(store.policies(organization).await.unwrap(), inside);
    inside
}

async fn policies_are_kept_as_they_were_made(store: &Store, factory: &mut Factory) {
    assert!(of(store, HOME).await.is_empty());
    let mut made: Vec<Policy> = SAID.iter().map(|text| policy(factory, HOME, text)).collect();
    for policy in &made {
        once!(store, policies.insert(policy)).unwrap();
        assert_eq!(
            once!(store, policies.find(HOME, policy.id)).unwrap().as_ref(),
            Some(policy)
        );
    }
    made.sort_by_key(|policy| policy.id);
    assert_eq!(of(store, HOME).await, made);
    for policy in &made {
        assert!(once!(store, policies.remove(HOME, policy.id)).unwrap());
        assert!(!once!(store, policies.remove(HOME, policy.id)).unwrap());
    }
    assert!(of(store, HOME).await.is_empty());
}

async fn a_policy_is_written_once_a_version(store: &Store, factory: &mut Factory) {
    let first = policy(factory, HOME, SAID[0]);
    once!(store, policies.insert(&first)).unwrap();
    let twice = once!(store, policies.insert(&first)).unwrap_err();
    assert_eq!(twice.fault, Fault::Duplicate);
    let next = Policy {
        rule: Rule::parse(SAID[1]).unwrap(),
        name: PolicyName::parse("another").unwrap(),
        stamps: first.stamps.clone().changed(None, factory.now()),
        ..first.clone()
    };
    once!(store, policies.update(&next)).unwrap();
    assert_eq!(
        once!(store, policies.update(&next)).unwrap_err().fault,
        Fault::Stale
    );
    assert_eq!(of(store, HOME).await, std::slice::from_ref(&next));
    assert!(once!(store, policies.remove(HOME, next.id)).unwrap());
    assert_eq!(
        once!(store, policies.update(&next)).unwrap_err().fault,
        Fault::Stale
    );
}

async fn policies_of_tenants_are_apart(store: &Store, factory: &mut Factory) {
    let theirs = policy(factory, NEIGHBOUR, SAID[1]);
    once!(store, policies.insert(&theirs)).unwrap();
    assert!(of(store, HOME).await.is_empty());
    assert_eq!(once!(store, policies.find(HOME, theirs.id)).unwrap(), None);
    assert!(!once!(store, policies.remove(HOME, theirs.id)).unwrap());
    let stolen = Policy {
        organization_id: HOME,
        stamps: theirs.stamps.clone().changed(None, factory.now()),
        ..theirs.clone()
    };
    assert_eq!(
        once!(store, policies.update(&stolen)).unwrap_err().fault,
        Fault::Stale
    );
    assert_eq!(of(store, NEIGHBOUR).await, std::slice::from_ref(&theirs));
    assert!(once!(store, policies.remove(NEIGHBOUR, theirs.id)).unwrap());
}

async fn a_seal_is_opened_once(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let sealed = Glass {
        user_id: user.id,
        organization_id: HOME,
        secret: TokenHash(factory.bytes()),
        sealed_at: factory.now(),
        opened_at: None,
        session_id: None,
    };
    assert_eq!(once!(store, break_glass.find(HOME, user.id)).unwrap(), None);
    assert!(!once!(store, break_glass.open(&sealed)).unwrap(), "there is none");
    once!(store, break_glass.seal(&sealed)).unwrap();
    assert_eq!(
        once!(store, break_glass.find(HOME, user.id)).unwrap().as_ref(),
        Some(&sealed)
    );
    let opened = Glass {
        opened_at: Some(factory.now()),
        session_id: Some(SessionId::from_uuid(factory.id())),
        ..sealed.clone()
    };
    let with_another_secret = Glass {
        secret: TokenHash(factory.bytes()),
        ..opened.clone()
    };
    assert!(!once!(store, break_glass.open(&with_another_secret)).unwrap());
    let glass = opened.clone();
    let answers = race(store, move |_, tx| {
        let glass = glass.clone();
        Box::pin(async move { tx.break_glass().open(&glass).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    assert_eq!(
        once!(store, break_glass.find(HOME, user.id)).unwrap(),
        Some(opened)
    );
    let again = Glass {
        secret: TokenHash(factory.bytes()),
        ..sealed
    };
    once!(store, break_glass.seal(&again)).unwrap();
    assert_eq!(
        once!(store, break_glass.find(HOME, user.id)).unwrap(),
        Some(again)
    );
}

async fn a_seal_is_seen_in_its_own_tenant(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let sealed = Glass {
        user_id: user.id,
        organization_id: HOME,
        secret: TokenHash(factory.bytes()),
        sealed_at: factory.now(),
        opened_at: None,
        session_id: None,
    };
    once!(store, break_glass.seal(&sealed)).unwrap();
    assert_eq!(once!(store, break_glass.find(NEIGHBOUR, user.id)).unwrap(), None);
    let across = Glass {
        organization_id: NEIGHBOUR,
        opened_at: Some(factory.now()),
        ..sealed
    };
    assert!(!once!(store, break_glass.open(&across)).unwrap());
}
