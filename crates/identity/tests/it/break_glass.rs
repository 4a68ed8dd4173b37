//! The way in for emergencies.

use std::time::Duration;

use vutf_identity::{
    Settings,
    break_glass::{
        open::{BreakGlass, Broken, open},
        seal::{Seal, Sealed, seal},
    },
    mail::MailKind,
    policy::{
        PolicyName, Rule,
        put::{PutPolicy, put},
    },
    role::{BUILT_IN, permission},
    session::authenticate,
    user::disable::{Disable, disable},
};
use vutf_kernel::{Class, Ctx, Detail, Origin, Outcome, PolicyId};

use crate::support::{World, anonymous, operator, request, secret, username};

async fn sealed(world: &World) -> Sealed {
    let command = Seal {
        username: username("glass"),
    };
    seal(&operator(), &world.id, command).await.unwrap()
}

fn with(name: &str, presented: &str) -> BreakGlass {
    BreakGlass {
        username: secret(name),
        secret: secret(presented),
        reason: "identity provider down, INC-4711".to_owned(),
    }
}

async fn broken(world: &World, sealed: &Sealed) -> Broken {
    let command = with("glass", sealed.secret.expose());
    open(&anonymous(), &world.id, command).await.unwrap()
}

async fn ctx(world: &World, broken: &Broken) -> Ctx {
    let caller = authenticate(&world.id, broken.access_token.expose())
        .await
        .unwrap();
    caller.ctx(request(), Origin::default())
}

#[tokio::test]
async fn it_opens_once_with_every_right_for_an_hour() {
    let world = World::new();
    let sealed = sealed(&world).await;
    assert!(sealed.secret.expose().starts_with("vutf_bg_"));
    let broken = broken(&world, &sealed).await;
    assert_eq!(broken.expires_in, Duration::from_hours(1));
    let ctx = ctx(&world, &broken).await;
    for (name, _) in permission::ALL {
        assert!(ctx.may(&vutf_kernel::Permission::known(name)), "{name}");
    }
    let again = open(&anonymous(), &world.id, with("glass", sealed.secret.expose())).await;
    assert_eq!(again.unwrap_err().class(), Class::Unauthenticated);
    assert_eq!(world.refusals("break_glass.open"), ["opened_before"]);
    world.pass(Duration::from_hours(1));
    assert!(
        authenticate(&world.id, broken.access_token.expose())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn of_many_with_the_secret_one_gets_in() {
    let world = World::new();
    let sealed = sealed(&world).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (id, presented) = (world.id.clone(), sealed.secret.expose().clone());
        tries.spawn(async move { open(&anonymous(), &id, with("glass", &presented)).await.is_ok() });
    }
    let won = tries.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!((won, world.successes("break_glass.open")), (1, 1));
}

#[tokio::test]
async fn every_wrong_try_gets_the_same_answer_and_its_reason_is_in_the_log() {
    let world = World::new();
    let sealed = sealed(&world).await;
    world.user("ada", &[]).await;
    let wrong = format!("{}x", &sealed.secret.expose()[..sealed.secret.expose().len() - 1]);
    let mut answers = Vec::new();
    for (name, presented) in [
        ("nobody", sealed.secret.expose().as_str()),
        ("ada", sealed.secret.expose().as_str()),
        ("glass", wrong.as_str()),
        ("glass", ""),
    ] {
        let error = open(&anonymous(), &world.id, with(name, presented))
            .await
            .unwrap_err();
        answers.push((error.class(), error.code(), error.to_string()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(
        world.refusals("break_glass.open"),
        [
            "unknown_account",
            "not_behind_glass",
            "wrong_secret",
            "wrong_secret"
        ]
    );
    for reason in ["", "a\nb", &"x".repeat(201)] {
        let command = BreakGlass {
            reason: reason.to_owned(),
            ..with("glass", sealed.secret.expose())
        };
        let error = open(&anonymous(), &world.id, command).await.unwrap_err();
        assert_eq!(error.class(), Class::Invalid, "{reason:?}");
    }
    broken(&world, &sealed).await;
}

#[tokio::test]
async fn a_network_that_guesses_is_barred_and_the_account_is_not() {
    let world = World::new();
    let sealed = sealed(&world).await;
    let limit = world.id.settings.networks.per_address;
    for _ in 0..limit {
        open(&anonymous(), &world.id, with("glass", "wrong"))
            .await
            .unwrap_err();
    }
    let command = with("glass", sealed.secret.expose());
    open(&anonymous(), &world.id, command).await.unwrap_err();
    assert_eq!(
        world.refusals("break_glass.open").last().unwrap(),
        "network_barred"
    );
    let elsewhere = Ctx {
        origin: Origin {
            ip: Some([198, 51, 100, 1].into()),
            user_agent: None,
        },
        ..anonymous()
    };
    let command = with("glass", sealed.secret.expose());
    open(&elsewhere, &world.id, command).await.unwrap();
}

#[tokio::test]
async fn policies_do_not_bound_it_and_the_log_sees_it() {
    let world = World::new();
    world.admin("root").await;
    let root = world.ctx(&world.login("root").await).await;
    let command = PutPolicy {
        policy_id: PolicyId::from_uuid(uuid::Uuid::from_u128(1)),
        expected_version: None,
        name: PolicyName::parse("nobody moves users").unwrap(),
        rule: Rule::parse(r#"{"effect": "forbid", "permissions": ["users:*"]}"#).unwrap(),
    };
    put(&root, &world.id, command).await.unwrap();
    let ada = world.user("ada", &[]).await;
    let sealed = sealed(&world).await;
    let ctx = ctx(&world, &broken(&world, &sealed).await).await;
    disable(&ctx, &world.id, Disable { user_id: ada.id })
        .await
        .unwrap();
    let events = world.store.events();
    let opened = events
        .iter()
        .find(|event| event.action == "break_glass.open")
        .unwrap();
    assert_eq!(opened.outcome, Outcome::Success);
    assert_eq!(
        opened.details["reason"],
        Detail::Text("identity provider down, INC-4711".into())
    );
    assert_eq!(opened.details["administrators_told"], Detail::Number(1));
    let done = events
        .iter()
        .find(|event| event.action == "user.disable")
        .unwrap();
    assert_eq!(done.actor.user_id(), Some(sealed.user_id));
}

#[tokio::test]
async fn every_administrator_is_mailed() {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.mail.enabled = true;
    let world = World::with(settings);
    world.admin("root").await;
    world.user("boss", &["admin"]).await;
    world.user("both", &["admin", "super_admin"]).await;
    world.user("clerk", &["user_manager"]).await;
    let sealed = sealed(&world).await;
    broken(&world, &sealed).await;
    let mut told: Vec<_> = world
        .store
        .letters()
        .into_iter()
        .filter(|letter| letter.kind == MailKind::GlassBroken)
        .map(|letter| letter.content.unwrap().to.expose().clone())
        .collect();
    told.sort();
    assert_eq!(told, ["boss@example.org", "both@example.org", "root@example.org"]);
}

#[tokio::test]
async fn only_the_machine_seals_and_a_new_seal_ends_what_was() {
    let world = World::new();
    world.admin("root").await;
    world.user("ada", &[]).await;
    let root = world.ctx(&world.login("root").await).await;
    let glass = || Seal {
        username: username("glass"),
    };
    let error = seal(&root, &world.id, glass()).await.unwrap_err();
    assert_eq!(error.class(), Class::Forbidden);
    let error = seal(
        &operator(),
        &world.id,
        Seal {
            username: username("ada"),
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Conflict, "break_glass_in_use")
    );

    let first = sealed(&world).await;
    let session = broken(&world, &first).await;
    let second = sealed(&world).await;
    assert_eq!(first.user_id, second.user_id);
    assert!(
        authenticate(&world.id, session.access_token.expose())
            .await
            .is_err()
    );
    open(&anonymous(), &world.id, with("glass", first.secret.expose()))
        .await
        .unwrap_err();
    broken(&world, &second).await;
}

#[tokio::test]
async fn the_account_itself_holds_nothing() {
    let world = World::new();
    let sealed = sealed(&world).await;
    let common = BUILT_IN.iter().find(|role| role.name == "user").unwrap();
    let roles = world.store.roles_of(sealed.user_id);
    assert_eq!(roles, [common.name]);
    // Nobody signs in with a password, and it is nobody's last administrator.
    world.try_login("glass", "").await.unwrap_err();
    let root = world.admin("root").await;
    let error = disable(&operator(), &world.id, Disable { user_id: root.id })
        .await
        .unwrap_err();
    assert_eq!(error.code(), "last_super_admin");
}

/// Whoever must have a second factor by then: in an emergency nobody enrols one.
#[tokio::test]
async fn no_rule_about_second_factors_confines_it() {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.enrolment.roles = vec!["user".to_owned()];
    settings.enrolment.grace = Duration::ZERO;
    let world = World::with(settings);
    let sealed = sealed(&world).await;
    let broken = broken(&world, &sealed).await;
    let caller = authenticate(&world.id, broken.access_token.expose()).await;
    assert!(!caller.unwrap().confined);
    world.user("ada", &[]).await;
    let everybody = world.login("ada").await;
    let caller = authenticate(&world.id, everybody.access_token.expose()).await;
    assert!(caller.unwrap().confined);
}
