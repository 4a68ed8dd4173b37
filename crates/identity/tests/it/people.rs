//! Forced changes of a password, accounts that nobody uses, the system-use notice, requests to be erased, and batches.

use std::time::Duration;

use vutf_identity::{
    Settings, UserStatus,
    consent::SystemUse,
    erasure_request::{
        ask::{AskForErasureError, ask},
        cancel::{CancelErasureError, cancel},
        due::{DueError, due, postpone},
        receipt::by_receipt,
        view::view,
    },
    presence::{
        InactivityPolicy,
        sweep::{SweepIdleError, sweep_idle},
    },
    session::{
        SessionKind,
        login::{Client, LoggedIn, Login, LoginError, login},
        refresh::{Refresh, refresh},
    },
    user::{
        batch::{BatchError, BatchUsers, Operation, batch},
        change_password::{ChangePassword, change_password},
        create::CreateUser,
        enable::{Enable, enable},
        require_password_change::{
            RequirePasswordChange, RequirePasswordChangeError, require_password_change,
        },
        view::ViewUser,
    },
};
use vutf_kernel::{Actor, Ctx, OrganizationId, RequestId, UserId};

use crate::support::{PASSWORD, World, anonymous, email, operator, secret, username};

const DAY: Duration = Duration::from_hours(24);
const NEW: &str = "seven quiet copper lanterns";

fn service() -> Ctx {
    let actor = Actor::System { job: "test".into() };
    Ctx::internal(OrganizationId::DEFAULT, actor, RequestId::parse("r").unwrap())
}

fn with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.verified_at_once = true;
    change(&mut settings);
    World::with(settings)
}

#[tokio::test]
async fn whoever_must_change_the_password_can_do_nothing_else() {
    let world = World::new();
    world.admin("ada").await;
    let grace = world.user("grace", &["auditor"]).await;
    let before = world.login("grace").await;
    let admin = world.ctx(&world.login("ada").await).await;
    let command = RequirePasswordChange { user_id: grace.id };
    require_password_change(&admin, &world.id, command).await.unwrap();
    assert!(!world.is_live(&before).await, "what was open before has ended");

    let signed_in = world.login("grace").await;
    assert!(signed_in.password_due);
    let ctx = world.ctx(&signed_in).await;
    let may: Vec<_> = ctx
        .grants
        .iter()
        .map(|granted| granted.as_str().to_owned())
        .collect();
    assert_eq!(may, ["self:manage"], "the role counts no more");
    let view = vutf_identity::user::view::view(&ctx, &world.id, ViewUser { user_id: grace.id }).await;
    assert_eq!(view.unwrap_err().code(), "permission_denied");

    // A refresh is no way around it.
    let command = Refresh {
        refresh_token: signed_in.refresh_token.clone(),
    };
    let refreshed = refresh(&anonymous(), &world.id, command).await.unwrap();
    assert!(refreshed.password_due);

    let change = ChangePassword {
        current: secret(PASSWORD),
        new: secret(NEW),
        keep_other_sessions: false,
    };
    change_password(&ctx, &world.id, change).await.unwrap();
    let ctx = world.ctx(&signed_in).await;
    assert!(
        ctx.grants.iter().count() > 1,
        "the same session may do everything again"
    );
    assert!(!world.try_login("grace", NEW).await.unwrap().password_due);
    assert_eq!(world.successes("user.require_password_change"), 1);
}

#[tokio::test]
async fn nobody_requires_it_of_themself_or_of_who_has_no_password() {
    let world = World::new();
    let ada = world.admin("ada").await;
    let admin = world.ctx(&world.login("ada").await).await;
    let of = async |user_id| {
        require_password_change(&admin, &world.id, RequirePasswordChange { user_id })
            .await
            .unwrap_err()
    };
    assert_eq!(of(ada.id).await.code(), "own_account");
    let command = CreateUser {
        username: username("nopass"),
        email: email("nopass"),
        password: None,
        display_name: None,
        phone: None,
        roles: Vec::new(),
    };
    let nobody = vutf_identity::user::create::create(&operator(), &world.id, command)
        .await
        .unwrap();
    let error = of(nobody.id).await;
    assert!(matches!(error, RequirePasswordChangeError::NoPassword), "{error}");
}

#[tokio::test]
async fn accounts_that_nobody_uses_are_told_and_then_switched_off() {
    let world = with(|settings| {
        settings.inactivity = InactivityPolicy {
            enabled: true,
            ..InactivityPolicy::default()
        };
    });
    world.admin("ada").await;
    let grace = world.user("grace", &[]).await;
    world.user("alan", &[]).await;
    world.login("grace").await;
    let swept = async || {
        let swept = sweep_idle(&service(), &world.id).await.unwrap();
        (swept.warned, swept.disabled)
    };
    world.pass(DAY * 75 + Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(swept().await, (0, 0));
    world.pass(Duration::from_secs(1));
    // All three; the last super administrator is told, too.
    assert_eq!(swept().await, (3, 0));
    assert_eq!(swept().await, (0, 0), "nobody is told twice");
    // Alan comes back.
    world.login("alan").await;
    world.pass(DAY * 14);
    assert_eq!(swept().await, (0, 1));
    assert_eq!(swept().await, (0, 0));
    assert_eq!(world.refusals("user.disable"), ["last_super_admin"]);
    assert!(world.try_login("grace", PASSWORD).await.is_err());
    assert!(world.try_login("alan", PASSWORD).await.is_ok());
    assert!(world.try_login("ada", PASSWORD).await.is_ok());
    // Whoever is let in again is told before they are shut out again.
    let user = enable(&operator(), &world.id, Enable { user_id: grace.id })
        .await
        .unwrap();
    assert_eq!(user.status, UserStatus::Active);
    assert_eq!(swept().await, (1, 0));
    let stranger = sweep_idle(&anonymous(), &world.id).await;
    assert!(matches!(stranger, Err(SweepIdleError::NotAllowed)));
}

#[tokio::test]
async fn whoever_signs_in_agrees_to_the_notice_first() {
    let world = with(|settings| {
        settings.system_use = SystemUse {
            text: "For work alone.".to_owned(),
            version: "2".to_owned(),
            required: true,
        };
    });
    let grace = world.user("grace", &[]).await;
    let sign_in = async |password: &str, accepts: Option<&str>| {
        let command = Login {
            username: secret("grace"),
            password: secret(password),
            client: Client {
                kind: SessionKind::Token,
                device: None,
                accepts: accepts.map(str::to_owned),
            },
        };
        login(&anonymous(), &world.id, command).await
    };
    for accepts in [None, Some("1"), Some("")] {
        for password in [PASSWORD, "not the right pass phrase"] {
            let refused = sign_in(password, accepts).await;
            assert!(
                matches!(refused, Err(LoginError::NoticeNotAccepted)),
                "{accepts:?}"
            );
        }
    }
    let wrong = sign_in("not the right pass phrase", Some("2")).await;
    assert!(matches!(wrong, Err(LoginError::Refused)));
    assert_eq!(world.successes("system_use.accept"), 0);
    for _ in 0..2 {
        assert!(matches!(
            sign_in(PASSWORD, Some("2")).await,
            Ok(LoggedIn::SignedIn(_))
        ));
    }
    assert_eq!(world.successes("system_use.accept"), 2);
    let mut tx = vutf_kernel::Units::<dyn vutf_identity::IdentityUnit>::begin(&world.store)
        .await
        .unwrap();
    let kept = tx
        .consents()
        .of_user(grace.organization_id, grace.id)
        .await
        .unwrap();
    let versions: Vec<_> = kept.iter().map(|consent| consent.version.as_str()).collect();
    assert_eq!(versions, ["2"], "once for each version");
}

#[tokio::test]
async fn an_erasure_is_asked_for_with_a_fresh_proof_and_can_be_taken_back() {
    let world = World::new();
    world.admin("ada").await;
    let grace = world.user("grace", &[]).await;
    let signed_in = world.login("grace").await;
    let ctx = world.ctx(&signed_in).await;
    assert_eq!(view(&ctx, &world.id).await.unwrap(), None);
    let asked = ask(&ctx, &world.id).await.unwrap();
    assert_eq!(asked.request.due_at, world.now().plus(DAY * 7));
    assert_eq!(view(&ctx, &world.id).await.unwrap(), Some(asked.request.clone()));
    let again = ask(&ctx, &world.id).await;
    assert!(matches!(again, Err(AskForErasureError::AskedAlready)));
    let found = by_receipt(&anonymous(), &world.id, asked.receipt.clone())
        .await
        .unwrap();
    assert_eq!(found, asked.request);

    assert_eq!(due(&service(), &world.id, 10).await.unwrap(), []);
    world.pass(DAY * 7);
    let found = due(&service(), &world.id, 10).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&asked.request));
    let until = world.now().plus(DAY);
    postpone(&service(), &world.id, asked.request.clone(), until, "legal_hold")
        .await
        .unwrap();
    assert_eq!(due(&service(), &world.id, 10).await.unwrap(), []);
    assert_eq!(world.refusals("erasure.postpone"), ["legal_hold"]);
    assert!(matches!(
        due(&ctx, &world.id, 10).await,
        Err(DueError::NotAllowed)
    ));

    // To take it back takes no new proof.
    let ctx = world.ctx(&world.login("grace").await).await;
    world.pass(Duration::from_mins(6));
    let stale = ask(&ctx, &world.id).await;
    assert!(matches!(stale, Err(AskForErasureError::Fresh(_))));
    cancel(&ctx, &world.id).await.unwrap();
    let twice = cancel(&ctx, &world.id).await;
    assert!(matches!(twice, Err(CancelErasureError::NotAsked)));
    assert!(by_receipt(&anonymous(), &world.id, asked.receipt).await.is_err());
    assert_eq!(grace.id, asked.request.user_id);
    assert_eq!(world.successes("erasure.cancel"), 1);
}

#[tokio::test]
async fn the_last_super_administrator_is_not_erased_at_their_own_wish() {
    let world = World::new();
    world.admin("ada").await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let refused = ask(&ctx, &world.id).await.unwrap_err();
    assert_eq!(refused.code(), "last_super_admin");
    world.admin("grace").await;
    ask(&ctx, &world.id).await.unwrap();
}

fn newcomer(name: &str) -> Operation {
    Operation::Create(Box::new(CreateUser {
        username: username(name),
        email: email(name),
        password: None,
        display_name: None,
        phone: None,
        roles: Vec::new(),
    }))
}

async fn codes(world: &World, ctx: &Ctx, atomic: bool, operations: Vec<Operation>) -> Vec<&'static str> {
    let done = batch(ctx, &world.id, BatchUsers { operations, atomic })
        .await
        .unwrap();
    let code = |outcome: &Result<_, vutf_identity::user::batch::ItemRefused>| match outcome {
        Ok(_) => "done",
        Err(refused) => refused.code(),
    };
    done.iter().map(code).collect()
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_or_each_for_itself() {
    let world = World::new();
    let ada = world.admin("ada").await;
    let grace = world.user("grace", &[]).await;
    let admin = world.ctx(&world.login("ada").await).await;
    let stranger = UserId::from_uuid(grace.organization_id.as_uuid());
    let several = || {
        vec![
            newcomer("alan"),
            Operation::Lock(grace.id),
            Operation::Lock(ada.id),
            Operation::Lock(stranger),
        ]
    };
    let events = world.store.events().len();
    let command = BatchUsers {
        operations: several(),
        atomic: true,
    };
    let refused = batch(&admin, &world.id, command).await.unwrap_err();
    let BatchError::Item(item) = &refused else {
        panic!("{refused}")
    };
    assert_eq!((item.index, item.code()), (2, "own_account"));
    assert_eq!(world.refusals("user.batch"), ["own_account"]);
    assert_eq!(
        world.store.events().len(),
        events + 1,
        "nothing else is left of it"
    );
    assert!(world.try_login("grace", PASSWORD).await.is_ok());

    let done = codes(&world, &admin, false, several()).await;
    assert_eq!(done, ["done", "done", "own_account", "user_not_found"]);
    assert!(world.try_login("grace", PASSWORD).await.is_err());
    assert_eq!(
        (world.successes("user.create"), world.successes("user.lock")),
        (2, 1)
    );

    let together = vec![
        Operation::Unlock(grace.id),
        newcomer("joan"),
        Operation::Disable(grace.id),
    ];
    assert_eq!(codes(&world, &admin, true, together).await, ["done"; 3]);
    assert_eq!(world.successes("user.batch"), 2);
    assert_eq!(world.successes("user.disable"), 1);
}

#[tokio::test]
async fn a_batch_obeys_the_rules_of_each_route_and_has_bounds() {
    let world = World::new();
    world.admin("ada").await;
    let grace = world.user("grace", &["user_manager"]).await;
    let manager = world.ctx(&world.login("grace").await).await;
    let alan = world.user("alan", &[]).await;
    let delete = vutf_identity::user::delete::DeleteUser {
        user_id: alan.id,
        expected_version: Some(alan.stamps.version),
    };
    let roles = vutf_identity::role::assign::AssignRoles {
        user_id: alan.id,
        expected_version: Some(alan.stamps.version),
        roles: vec!["super_admin".to_owned()],
    };
    // A user manager neither deletes nor gives roles.
    let operations = vec![
        Operation::Delete(delete),
        Operation::AssignRoles(roles),
        Operation::Lock(alan.id),
    ];
    let done = codes(&world, &manager, false, operations).await;
    assert_eq!(done, ["permission_denied", "permission_denied", "done"]);
    let nobody = world.user("eve", &[]).await;
    let ctx = world.ctx(&world.login("eve").await).await;
    let command = BatchUsers {
        operations: vec![Operation::Lock(nobody.id)],
        atomic: false,
    };
    let refused = batch(&ctx, &world.id, command).await.unwrap_err();
    assert_eq!(refused.code(), "permission_denied");
    for operations in [Vec::new(), (0..501).map(|_| Operation::Lock(grace.id)).collect()] {
        let command = BatchUsers {
            operations,
            atomic: true,
        };
        let refused = batch(&manager, &world.id, command).await.unwrap_err();
        assert_eq!(refused.code(), "number_of_items");
    }
}
