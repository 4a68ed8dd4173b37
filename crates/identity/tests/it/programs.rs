//! Whose keys somebody may handle, and accounts of programs.

use std::time::Duration;

use vutf_identity::{
    UserKind,
    api_key::{
        Whose,
        create::{CreateApiKey, create},
        list::{ListApiKeys, list},
        note::note_use,
        repo::KeyUse,
        revoke::{RevokeApiKey, revoke},
        rotate::{RotateApiKey, rotate},
        view::{ViewApiKey, view},
    },
    housekeeping::{KEPT, Sweep, sweep},
    user::{
        create::{CreateServiceAccount, create_service},
        disable::{Disable, disable},
    },
};
use vutf_kernel::{Detail, Outcome, PageRequest, Secret};

use crate::{
    api_keys::{DAY, plan},
    support::{PASSWORD, World, operator, username},
};

#[tokio::test]
async fn one_sees_and_ends_ones_own_keys_only() {
    let world = World::new();
    let (_, ada) = world.person("ada", &[]).await;
    let (_, bob) = world.person("bob", &[]).await;
    let made = world.key(&ada, &["self:manage"]).await;
    let all = |whose| ListApiKeys {
        whose,
        owner: None,
        page: PageRequest::default(),
    };
    let own = list(&ada, &world.id, all(Whose::Own)).await.unwrap().items;
    assert_eq!(own, std::slice::from_ref(&made.key));
    assert!(
        list(&bob, &world.id, all(Whose::Own))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let key_id = made.key.id;
    let (viewing, ending) = (
        ViewApiKey {
            key_id,
            whose: Whose::Own,
        },
        RevokeApiKey {
            key_id,
            whose: Whose::Own,
        },
    );
    assert_eq!(view(&ada, &world.id, viewing).await.unwrap(), made.key);
    assert_eq!(
        view(&bob, &world.id, viewing).await.unwrap_err().code(),
        "api_key_not_found"
    );
    assert_eq!(
        revoke(&bob, &world.id, ending).await.unwrap_err().code(),
        "api_key_not_found"
    );
    let others = RevokeApiKey {
        key_id,
        whose: Whose::Others,
    };
    for refused in [
        list(&bob, &world.id, all(Whose::Others))
            .await
            .unwrap_err()
            .code(),
        view(
            &bob,
            &world.id,
            ViewApiKey {
                key_id,
                whose: Whose::Others,
            },
        )
        .await
        .unwrap_err()
        .code(),
        revoke(&bob, &world.id, others).await.unwrap_err().code(),
    ] {
        assert_eq!(refused, "permission_denied");
    }
    // An administrator ends it, and does not make one in her name.
    let (_, root) = world.person("root", &["admin"]).await;
    assert_eq!(
        list(&root, &world.id, all(Whose::Others)).await.unwrap().items,
        own
    );
    let in_her_name = CreateApiKey {
        owner: Some(made.key.user_id),
        ..plan(&["self:manage"])
    };
    assert_eq!(
        create(&root, &world.id, in_her_name).await.unwrap_err().code(),
        "owner_is_a_person"
    );
    let rotating = RotateApiKey {
        key_id,
        whose: Whose::Others,
        overlap: None,
    };
    assert_eq!(
        rotate(&root, &world.id, rotating).await.unwrap_err().code(),
        "owner_is_a_person"
    );
    revoke(&root, &world.id, others).await.unwrap();
    assert_eq!(world.why(&made).await, Some("api_key_revoked"));
}

#[tokio::test]
async fn a_program_acts_through_keys_and_never_signs_in() {
    let world = World::new();
    let (_, root) = world.person("root", &["super_admin"]).await;
    let program = world.program("export", &["auditor"]).await;
    assert_eq!(program.kind, UserKind::Service);
    let command = CreateApiKey {
        owner: Some(program.id),
        ..plan(&["audit:read"])
    };
    let made = create(&root, &world.id, command).await.unwrap();
    assert_eq!(world.scopes(&made).await, ["audit:read"]);
    let beyond = CreateApiKey {
        owner: Some(program.id),
        ..plan(&["keys:manage"])
    };
    assert_eq!(
        create(&root, &world.id, beyond).await.unwrap_err().code(),
        "scopes_exceed_owner"
    );
    // Not even with a password in the store.
    let stolen = world.user("victim", &[]).await;
    let mut unit = vutf_kernel::Units::begin(&*world.id.store).await.unwrap();
    let organization = program.organization_id;
    let mut record = unit
        .passwords()
        .find(organization, stolen.id)
        .await
        .unwrap()
        .unwrap();
    record.user_id = program.id;
    unit.passwords().put(&record).await.unwrap();
    unit.commit().await.unwrap();
    world.try_login("export", PASSWORD).await.unwrap_err();
    assert_eq!(world.refusals("session.login"), ["service_account"]);
    let rotating = RotateApiKey {
        key_id: made.key.id,
        whose: Whose::Others,
        overlap: Some(Duration::ZERO),
    };
    let next = rotate(&root, &world.id, rotating).await.unwrap();
    assert_eq!(world.why(&made).await, Some("api_key_revoked"));
    assert_eq!(world.why(&next).await, None);
    disable(&root, &world.id, Disable { user_id: program.id })
        .await
        .unwrap();
    assert_eq!(world.why(&next).await, Some("api_key_owner_barred"));
}

#[tokio::test]
async fn somebody_without_the_right_makes_no_program() {
    let world = World::new();
    let (_, ctx) = world.person("ada", &["user_manager"]).await;
    let command = CreateServiceAccount {
        username: username("export"),
        display_name: None,
        roles: Vec::new(),
    };
    let refused = create_service(&ctx, &world.id, command.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "permission_denied");
    let (_, root) = world.person("root", &["admin"]).await;
    let beyond = CreateServiceAccount {
        roles: vec!["auditor".to_owned()],
        ..command
    };
    let refused = create_service(&root, &world.id, beyond).await.unwrap_err();
    assert_eq!(refused.code(), "exceeds_own_rights");
    assert_eq!(
        world.refusals("user.create_service"),
        ["permission_denied", "exceeds_own_rights"]
    );
}

#[tokio::test]
async fn a_use_is_noted_and_an_old_key_goes() {
    let world = World::new();
    let (ada, ctx) = world.person("ada", &[]).await;
    let made = world.key(&ctx, &["self:manage"]).await;
    let used = |world: &World| KeyUse {
        key_id: made.key.id,
        organization_id: ada.organization_id,
        user_id: ada.id,
        at: world.now(),
        ip: Some(Secret::new("192.0.2.7".to_owned())),
    };
    assert!(note_use(&world.id, used(&world)).await.unwrap());
    world.pass(Duration::from_secs(59));
    assert!(!note_use(&world.id, used(&world)).await.unwrap());
    world.pass(Duration::from_secs(1));
    assert!(note_use(&world.id, used(&world)).await.unwrap());
    world.pass(DAY * 90 + KEPT);
    let swept = sweep(&operator(), &world.id, Sweep::default()).await.unwrap();
    assert_eq!(swept.api_keys, 1);
    let sweep_event = world.store.events().pop().unwrap();
    assert_eq!(
        (sweep_event.outcome, sweep_event.details["api_keys"].clone()),
        (Outcome::Success, Detail::Number(1))
    );
}
