//! What an administrator of the database can do to roles that organizations made: take away what they grant, and give nothing.

use vutf_identity::{
    IdentityRead as _,
    role::{CustomRole, Permissions, RoleDescription, RoleName},
};
use vutf_kernel::{OrganizationId, RoleId, Stamps};
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(a_role_that_somebody_else_wrote_grants_nothing);

const HOME: OrganizationId = OrganizationId::DEFAULT;

async fn a_role_that_somebody_else_wrote_grants_nothing(world: World) {
    let mut factory = Factory::new(0x401E);
    let id = RoleId::from_uuid(factory.id());
    let role = CustomRole {
        id,
        organization_id: HOME,
        name: RoleName::parse("clerk").unwrap(),
        description: RoleDescription::parse("").unwrap(),
        permissions: Permissions::parse(&["users:read".to_owned()]).unwrap(),
        is_untrusted: false,
        stamps: Stamps::new(None, factory.now()),
    };
    let mut unit = world.unit().await;
    unit.custom_roles().insert(&role).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(
        world.store.custom_roles(HOME).await.unwrap(),
        std::slice::from_ref(&role)
    );
    for change in [
        "permissions = 'keys:manage users:read'",
        "name = 'other'",
        "description = 'harmless'",
        "version = version + 1",
    ] {
        world.sql("CREATE TABLE kept AS SELECT * FROM custom_roles").await;
        world.sql(&format!("UPDATE custom_roles SET {change}")).await;
        let found = world.store.custom_roles(HOME).await.unwrap();
        assert!(found[0].is_untrusted, "{change}");
        assert_eq!(found[0].permissions, Permissions::none(), "{change}");
        let mut unit = world.unit().await;
        assert_eq!(unit.custom_roles().all(HOME).await.unwrap(), found, "{change}");
        drop(unit);
        world.sql("DELETE FROM custom_roles").await;
        world.sql("INSERT INTO custom_roles SELECT * FROM kept").await;
        world.sql("DROP TABLE kept").await;
    }
    assert_eq!(world.store.custom_roles(HOME).await.unwrap(), [role]);
}
