//! Roles that an organization makes for itself.

use vutf_identity::{
    policy::{
        PolicyName, Rule,
        explain::{Circumstances, Explain, explain},
    },
    role::{
        CustomRole, Permissions, RoleDescription, RoleName,
        assign::{AssignRoles, assign},
        create::{CreateRole, create},
        list, permission,
        remove::{RemoveRole, remove},
        update::{UpdateRole, update},
    },
};
use vutf_kernel::{Class, Ctx, OrganizationId, UserId};

use crate::support::{World, operator};

fn permissions(names: &[&str]) -> Permissions {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Permissions::parse(&names).unwrap()
}

fn role(name: &str, names: &[&str]) -> CreateRole {
    CreateRole {
        name: RoleName::parse(name).unwrap(),
        description: RoleDescription::parse("").unwrap(),
        permissions: permissions(names),
    }
}

fn wider(name: &str, version: i64, names: &[&str]) -> UpdateRole {
    UpdateRole {
        name: name.to_owned(),
        expected_version: Some(version),
        description: None,
        permissions: Some(permissions(names)),
    }
}

fn gone(name: &str, version: i64) -> RemoveRole {
    RemoveRole {
        name: name.to_owned(),
        expected_version: Some(version),
    }
}

fn given(user_id: UserId, version: i64, names: &[&str]) -> AssignRoles {
    AssignRoles {
        user_id,
        expected_version: Some(version),
        roles: names.iter().map(ToString::to_string).collect(),
    }
}

async fn made(world: &World, name: &str, names: &[&str]) -> CustomRole {
    create(&operator(), &world.id, role(name, names)).await.unwrap()
}

/// Whoever holds nothing but what is said, `roles:manage` included: no role grants that to anybody else.
async fn manager(world: &World, name: &str) -> Ctx {
    world.user(name, &["user_manager"]).await;
    let signed_in = world.login(name).await;
    let mut ctx = world.ctx(&signed_in).await;
    let held = ctx.grants.iter().cloned();
    ctx.grants = held.chain([permission::ROLES_MANAGE]).collect();
    ctx
}

#[tokio::test]
async fn a_role_grants_at_once_and_no_longer_than_it_says() {
    let world = World::new();
    let clerk = made(&world, "clerk", &["users:read"]).await;
    let user = world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    assign(&operator(), &world.id, given(user.id, 1, &["clerk"]))
        .await
        .unwrap();
    let ctx = world.ctx(&signed_in).await;
    assert!(ctx.grants.allow(&permission::USERS_READ));
    let wide = wider("clerk", clerk.stamps.version, &["roles:read"]);
    update(&operator(), &world.id, wide).await.unwrap();
    let ctx = world.ctx(&signed_in).await;
    assert!(!ctx.grants.allow(&permission::USERS_READ));
    let shown = list::list(&ctx, &world.id).await.unwrap();
    assert_eq!(shown.last().unwrap().name(), "clerk");
    let why = Explain {
        subject: None,
        permission: permission::ROLES_READ,
        resource_kind: None,
        resource_id: None,
        circumstances: Circumstances::default(),
    };
    assert_eq!(explain(&ctx, &world.id, why).await.unwrap().granted_by, ["clerk"]);
    assign(&operator(), &world.id, given(user.id, 2, &[]))
        .await
        .unwrap();
    let ctx = world.ctx(&signed_in).await;
    assert_eq!(
        list::list(&ctx, &world.id).await.unwrap_err().class(),
        Class::Forbidden
    );
}

#[tokio::test]
async fn nobody_makes_widens_or_gives_more_than_they_hold() {
    let world = World::new();
    let manager = manager(&world, "boss").await;
    let code = |error: &str| assert_eq!(error, "exceeds_own_rights");
    code(
        create(&manager, &world.id, role("clerk", &["keys:manage"]))
            .await
            .unwrap_err()
            .code(),
    );
    create(&manager, &world.id, role("clerk", &["users:read"]))
        .await
        .unwrap();
    code(
        update(
            &manager,
            &world.id,
            wider("clerk", 1, &["users:read", "keys:manage"]),
        )
        .await
        .unwrap_err()
        .code(),
    );
    made(&world, "keeper", &["keys:manage"]).await;
    // To narrow what one does not hold, or to delete it, is to act on more than one holds.
    code(
        update(&manager, &world.id, wider("keeper", 1, &["users:read"]))
            .await
            .unwrap_err()
            .code(),
    );
    code(
        remove(&manager, &world.id, gone("keeper", 1))
            .await
            .unwrap_err()
            .code(),
    );
    let user = world.user("ada", &[]).await;
    world.user("chief", &["admin"]).await;
    let chief = world.login("chief").await;
    let chief = world.ctx(&chief).await;
    code(
        assign(&chief, &world.id, given(user.id, 1, &["keeper"]))
            .await
            .unwrap_err()
            .code(),
    );
    assign(&operator(), &world.id, given(user.id, 1, &["keeper"]))
        .await
        .unwrap();
    // Nor does anybody act on somebody who holds more by a role of the organization.
    code(
        assign(&chief, &world.id, given(user.id, 2, &[]))
            .await
            .unwrap_err()
            .code(),
    );
    let refused = create(&chief, &world.id, role("other", &["users:read"]))
        .await
        .unwrap_err();
    assert_eq!(refused.class(), Class::Forbidden);
}

#[tokio::test]
async fn a_role_that_is_held_stays() {
    let world = World::new();
    let user = world.user("ada", &[]).await;
    made(&world, "clerk", &["users:read"]).await;
    assign(&operator(), &world.id, given(user.id, 1, &["clerk"]))
        .await
        .unwrap();
    let held = remove(&operator(), &world.id, gone("clerk", 1))
        .await
        .unwrap_err();
    assert_eq!((held.code(), held.class()), ("role_held", Class::Conflict));
    assert!(held.to_string().starts_with("1 accounts"), "{held}");
    assign(&operator(), &world.id, given(user.id, 2, &[]))
        .await
        .unwrap();
    assert_eq!(
        remove(&operator(), &world.id, gone("clerk", 9))
            .await
            .unwrap_err()
            .class(),
        Class::Stale
    );
    remove(&operator(), &world.id, gone("clerk", 1)).await.unwrap();
    let unknown = assign(&operator(), &world.id, given(user.id, 3, &["clerk"]))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), "unknown_role");
    for event in ["role.create", "role.delete"] {
        assert!(
            world.store.events().iter().any(|known| known.action == event),
            "{event}"
        );
    }
    for name in ["admin", "user"] {
        let code = remove(&operator(), &world.id, gone(name, 1)).await.unwrap_err();
        assert_eq!(code.code(), "role_built_in");
    }
}

#[tokio::test]
async fn a_neighbour_sees_and_reaches_none() {
    let world = World::new();
    made(&world, "clerk", &["users:read"]).await;
    let mut neighbour = operator();
    neighbour.organization_id = OrganizationId::from_uuid(uuid::Uuid::from_u128(77));
    let seen = list::list(&neighbour, &world.id).await.unwrap();
    assert!(seen.iter().all(|role| role.name() != "clerk"));
    let code = remove(&neighbour, &world.id, gone("clerk", 1)).await.unwrap_err();
    assert_eq!(code.class(), Class::NotFound);
    assert!(
        list::view(&neighbour, &world.id, "clerk".to_owned())
            .await
            .is_err()
    );
}

/// Policies name roles that every organization has; one that is about everybody bounds the holders of other roles, too.
#[tokio::test]
async fn a_policy_for_everybody_bounds_holders_of_custom_roles() {
    use vutf_identity::policy::put::{PutPolicy, put};
    let world = World::new();
    made(&world, "clerk", &["users:read", "roles:read"]).await;
    let user = world.user("ada", &[]).await;
    assign(&operator(), &world.id, given(user.id, 1, &["clerk"]))
        .await
        .unwrap();
    let policy = PutPolicy {
        policy_id: vutf_kernel::PolicyId::from_uuid(uuid::Uuid::from_u128(5)),
        expected_version: None,
        name: PolicyName::parse("no roles").unwrap(),
        rule: Rule::parse(r#"{"effect": "forbid", "permissions": ["roles:read"]}"#).unwrap(),
    };
    put(&operator(), &world.id, policy).await.unwrap();
    let signed_in = world.login("ada").await;
    let ctx = world.ctx(&signed_in).await;
    assert_eq!(
        list::list(&ctx, &world.id).await.unwrap_err().code(),
        "forbidden_by_policy"
    );
}
