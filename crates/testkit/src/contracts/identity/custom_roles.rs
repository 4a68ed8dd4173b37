//! Roles that organizations make.

use vutf_identity::role::{CustomRole, Permissions, RoleDescription, RoleName};
use vutf_kernel::{Fault, OrganizationId, RoleId, Stamps};

use super::{HOME, Store, race, stored_user, winners};
use crate::{contracts::NEIGHBOUR, factory::Factory};

pub(super) async fn contract(store: &Store, factory: &mut Factory) {
    roles_are_kept_as_they_were_made(store, factory).await;
    a_role_is_written_once_a_version(store, factory).await;
    roles_of_tenants_are_apart(store, factory).await;
    whoever_holds_one_is_counted(store, factory).await;
    one_is_given_or_deleted_and_never_both(store, factory).await;
}

fn role(factory: &mut Factory, organization: OrganizationId, name: &str, grants: &[&str]) -> CustomRole {
    let grants: Vec<String> = grants.iter().map(ToString::to_string).collect();
    CustomRole {
        id: RoleId::from_uuid(factory.id()),
        organization_id: organization,
        name: RoleName::parse(name).unwrap(),
        description: RoleDescription::parse("für wen?").unwrap(),
        permissions: Permissions::parse(&grants).unwrap(),
        is_untrusted: false,
        stamps: Stamps::new(None, factory.now()),
    }
}

async fn of(store: &Store, organization: OrganizationId) -> Vec<CustomRole> {
    let inside = once!(store, custom_roles.all(organization)).unwrap();
    // Whoever reads without a transaction sees the same.
    assert_eq!(store.custom_roles(organization).await.unwrap(), inside);
    inside
}

async fn roles_are_kept_as_they_were_made(store: &Store, factory: &mut Factory) {
    assert!(of(store, HOME).await.is_empty());
    let later = role(factory, HOME, "zebra", &["users:read", "audit:read"]);
    let first = role(factory, HOME, "aardvark", &["self:manage"]);
    for role in [&later, &first] {
        once!(store, custom_roles.insert(role)).unwrap();
    }
    assert_eq!(of(store, HOME).await, [first.clone(), later.clone()]);
    for role in [&later, &first] {
        assert!(once!(store, custom_roles.remove(HOME, role.id)).unwrap());
        assert!(!once!(store, custom_roles.remove(HOME, role.id)).unwrap());
    }
    assert!(of(store, HOME).await.is_empty());
}

async fn a_role_is_written_once_a_version(store: &Store, factory: &mut Factory) {
    let first = role(factory, HOME, "clerk", &["users:read"]);
    once!(store, custom_roles.insert(&first)).unwrap();
    let namesake = role(factory, HOME, "clerk", &["audit:read"]);
    let twice = once!(store, custom_roles.insert(&namesake)).unwrap_err();
    assert_eq!(twice.fault, Fault::Duplicate);
    let next = CustomRole {
        permissions: namesake.permissions.clone(),
        stamps: first.stamps.clone().changed(None, factory.now()),
        ..first.clone()
    };
    once!(store, custom_roles.update(&next)).unwrap();
    let again = once!(store, custom_roles.update(&next)).unwrap_err();
    assert_eq!(again.fault, Fault::Stale);
    assert_eq!(of(store, HOME).await, std::slice::from_ref(&next));
    assert!(once!(store, custom_roles.remove(HOME, next.id)).unwrap());
    let gone = once!(store, custom_roles.update(&next)).unwrap_err();
    assert_eq!(gone.fault, Fault::Stale);
}

async fn roles_of_tenants_are_apart(store: &Store, factory: &mut Factory) {
    let theirs = role(factory, NEIGHBOUR, "clerk", &["users:read"]);
    let ours = role(factory, HOME, "clerk", &["audit:read"]);
    once!(store, custom_roles.insert(&theirs)).unwrap();
    once!(store, custom_roles.insert(&ours)).unwrap();
    assert_eq!(of(store, HOME).await, std::slice::from_ref(&ours));
    assert_eq!(of(store, NEIGHBOUR).await, std::slice::from_ref(&theirs));
    let stolen = CustomRole {
        organization_id: HOME,
        stamps: theirs.stamps.clone().changed(None, factory.now()),
        ..theirs.clone()
    };
    let refused = once!(store, custom_roles.update(&stolen)).unwrap_err();
    assert_eq!(refused.fault, Fault::Stale);
    assert!(!once!(store, custom_roles.remove(HOME, theirs.id)).unwrap());
    assert!(once!(store, custom_roles.remove(NEIGHBOUR, theirs.id)).unwrap());
    assert!(once!(store, custom_roles.remove(HOME, ours.id)).unwrap());
}

async fn whoever_holds_one_is_counted(store: &Store, factory: &mut Factory) {
    let (user, name) = (
        stored_user(store, factory).await,
        RoleName::parse("clerk").unwrap(),
    );
    let given = ["clerk".to_owned(), "user".to_owned()];
    assert_eq!(once!(store, custom_roles.assigned(HOME, &name)).unwrap(), 0);
    once!(store, roles.assign(HOME, user.id, &given, None, factory.now())).unwrap();
    assert_eq!(once!(store, custom_roles.assigned(HOME, &name)).unwrap(), 1);
    assert_eq!(once!(store, custom_roles.assigned(NEIGHBOUR, &name)).unwrap(), 0);
    once!(
        store,
        roles.assign(HOME, user.id, &given[1..], None, factory.now())
    )
    .unwrap();
    assert_eq!(once!(store, custom_roles.assigned(HOME, &name)).unwrap(), 0);
}

/// Some delete a role while others give it, as the use cases do: behind the lock of the organization.
async fn one_is_given_or_deleted_and_never_both(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let role = role(factory, HOME, "clerk", &["users:read"]);
    once!(store, custom_roles.insert(&role)).unwrap();
    let (id, now, user) = (role.id, factory.now(), user.id);
    let done = race(store, move |racer, tx| {
        let name = role.name.clone();
        Box::pin(async move {
            tx.roles().lock_organization(HOME).await?;
            if racer % 2 == 0 {
                let held = tx.custom_roles().assigned(HOME, &name).await?;
                return Ok(held == 0 && tx.custom_roles().remove(HOME, id).await?);
            }
            let is_there = tx
                .custom_roles()
                .all(HOME)
                .await?
                .iter()
                .any(|role| role.id == id);
            if is_there {
                let given = [name.as_str().to_owned()];
                tx.roles().assign(HOME, user, &given, None, now).await?;
            }
            Ok(false)
        })
    })
    .await;
    let (deleted, left) = (winners(&done), of(store, HOME).await.len());
    let held = once!(store, roles.of_user(HOME, user)).unwrap();
    assert_eq!(
        (deleted, left, held.len()),
        if deleted == 1 { (1, 0, 0) } else { (0, 1, 1) }
    );
    once!(store, roles.assign(HOME, user, &[], None, now)).unwrap();
    once!(store, custom_roles.remove(HOME, id)).unwrap();
}
