//! One's own password, and accounts that bring a hash along.

use vutf_identity::{
    Username,
    password::{Assess, ImportedHash, strength::assess},
    repo::PasswordRecord,
    user::{
        change_password::{ChangePassword, ChangePasswordError, change_password},
        import::{ImportUsers, Imported, MAX_BATCH, Newcomer, import},
    },
};
use vutf_kernel::{Class, Ctx, Detail, OrganizationId, SessionId, UserId};

use crate::{
    foreign::cases,
    support::{PASSWORD, World, anonymous, email, operator, secret, username},
};

const NEXT: &str = "seven quiet copper lanterns";

async fn change(
    world: &World,
    ctx: &Ctx,
    current: &str,
    new: &str,
) -> Result<Vec<SessionId>, ChangePasswordError> {
    let command = ChangePassword {
        current: secret(current),
        new: secret(new),
        keep_other_sessions: false,
    };
    let changed = change_password(ctx, &world.id, command).await?;
    Ok(changed.ended)
}

async fn stored(world: &World, user: UserId) -> PasswordRecord {
    let mut unit = vutf_kernel::Units::begin(&*world.id.store).await.unwrap();
    let found = unit
        .passwords()
        .find(OrganizationId::DEFAULT, user)
        .await
        .unwrap();
    found.unwrap()
}

#[tokio::test]
async fn the_present_password_changes_it_and_ends_the_other_sessions() {
    let world = World::new();
    world.user("ada", &[]).await;
    let (mine, other) = (world.login("ada").await, world.login("ada").await);
    let ctx = world.ctx(&mine).await;
    let ended = change(&world, &ctx, PASSWORD, NEXT).await.unwrap();
    assert_eq!(ended, [other.session_id]);
    assert!(world.is_live(&mine).await && !world.is_live(&other).await);
    assert!(world.try_login("ada", PASSWORD).await.is_err());
    world.try_login("ada", NEXT).await.unwrap();
    let events = world.store.events();
    let event = events
        .iter()
        .find(|event| event.action == "password.change")
        .unwrap();
    assert!(format!("{event:?}").contains("sessions_ended"));
}

#[tokio::test]
async fn the_other_sessions_go_on_when_it_is_asked_for() {
    let world = World::new();
    world.user("ada", &[]).await;
    let (mine, other) = (world.login("ada").await, world.login("ada").await);
    let command = ChangePassword {
        current: secret(PASSWORD),
        new: secret(NEXT),
        keep_other_sessions: true,
    };
    let changed = change_password(&world.ctx(&mine).await, &world.id, command)
        .await
        .unwrap();
    assert_eq!(changed.ended, []);
    assert!(world.is_live(&other).await);
}

#[tokio::test]
async fn wrong_guesses_are_counted_with_those_of_sign_ins() {
    let world = World::new();
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    for _ in 0..3 {
        let error = change(&world, &ctx, "not the right phrase", NEXT)
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.class()),
            ("wrong_password", Class::Forbidden)
        );
    }
    for _ in 0..2 {
        assert!(world.try_login("ada", "wrong").await.is_err());
    }
    let error = change(&world, &ctx, PASSWORD, NEXT).await.unwrap_err();
    assert_eq!(error.code(), "too_many_guesses");
    assert!(
        world.try_login("ada", PASSWORD).await.is_err(),
        "the sign-in waits, too"
    );
    let mut expected = vec!["wrong_password"; 3];
    expected.push("too_many_guesses");
    assert_eq!(world.refusals("password.change"), expected);
    world.pass(std::time::Duration::from_secs(30));
    change(&world, &ctx, PASSWORD, NEXT).await.unwrap();
    world.try_login("ada", NEXT).await.unwrap();
}

#[tokio::test]
async fn what_the_policy_refuses_costs_no_attempt_and_the_same_again_is_refused() {
    let world = World::new();
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    for _ in 0..10 {
        for (new, code) in [
            ("short", "password_too_short"),
            (PASSWORD, "password_unchanged"),
            ("ada@example.org ada", "password_context"),
        ] {
            assert_eq!(
                change(&world, &ctx, PASSWORD, new).await.unwrap_err().code(),
                code
            );
        }
    }
    change(&world, &ctx, PASSWORD, NEXT).await.unwrap();
    let stranger = anonymous();
    let error = change(&world, &stranger, NEXT, PASSWORD).await.unwrap_err();
    assert_eq!(error.code(), "not_signed_in");
}

/// The request passed the guard, and the owner ended its session before the new password was written.
#[tokio::test]
async fn a_session_that_ended_meanwhile_changes_nothing() {
    let world = World::new();
    world.user("ada", &[]).await;
    let late = world.ctx(&world.login("ada").await).await;
    let own = world.ctx(&world.login("ada").await).await;
    vutf_identity::session::revoke::revoke_others(&own, &world.id)
        .await
        .unwrap();
    let error = change(&world, &late, PASSWORD, NEXT).await.unwrap_err();
    assert_eq!(error.code(), "not_signed_in");
    assert_eq!(world.refusals("password.change"), ["not_signed_in"]);
    world.try_login("ada", PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_changes_one_holds() {
    let world = std::sync::Arc::new(World::new());
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let changes: Vec<_> = (0..5)
        .map(|number| {
            let (world, ctx) = (world.clone(), ctx.clone());
            tokio::spawn(async move {
                let new = format!("{NEXT} number {number}");
                change(&world, &ctx, PASSWORD, &new).await.is_ok()
            })
        })
        .collect();
    let mut held = 0;
    for done in changes {
        held += usize::from(done.await.unwrap());
    }
    assert_eq!((held, world.successes("password.change")), (1, 1));
}

fn newcomer(name: &str, hash: Option<&str>) -> Newcomer {
    Newcomer {
        username: username(name),
        email: email(name),
        verified: true,
        display_name: None,
        phone: None,
        hash: hash.map(|text| ImportedHash::parse(text).unwrap()),
        must_change_password: false,
    }
}

async fn take_in(world: &World, batch: Vec<Newcomer>) -> Vec<Imported> {
    let command = ImportUsers {
        batch,
        dry_run: false,
    };
    import(&operator(), &world.id, command).await.unwrap()
}

#[tokio::test]
async fn whoever_was_taken_in_signs_in_once_with_the_old_hash_and_then_with_ours() {
    let world = World::new();
    let cases = cases();
    let batch = cases.iter().enumerate();
    let batch = batch.map(|(at, case)| newcomer(&format!("user{at}"), Some(&case.hash)));
    let outcomes = take_in(&world, batch.collect()).await;
    for (at, (case, outcome)) in cases.iter().zip(outcomes).enumerate() {
        let name = format!("user{at}");
        let Imported::Made(Some(user)) = outcome else {
            panic!("{name} is not there");
        };
        assert_eq!(stored(&world, user).await.phc.expose(), &case.hash);
        assert!(world.try_login(&name, "not the right phrase").await.is_err());
        assert_eq!(
            stored(&world, user).await.phc.expose(),
            &case.hash,
            "a wrong one changes nothing"
        );
        let before = stored(&world, user).await;
        world.try_login(&name, &case.password).await.unwrap();
        let after = stored(&world, user).await;
        assert!(
            after.phc.expose().starts_with("$argon2id$v=19$m=12288,t=3,p=1$"),
            "{name}"
        );
        assert_eq!(after.changed_at, before.changed_at);
        world.try_login(&name, &case.password).await.unwrap();
        assert_eq!(stored(&world, user).await.phc, after.phc);
    }
    assert_eq!(world.successes("password.rehash"), cases.len());
    let events = world.store.events();
    let rehash = events
        .iter()
        .find(|event| event.action == "password.rehash")
        .unwrap();
    assert!(
        rehash
            .details
            .iter()
            .any(|(name, detail)| *name == "from" && *detail == Detail::Text("argon2id".into()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_sign_ins_replace_an_old_hash_once_and_all_succeed() {
    let world = std::sync::Arc::new(World::new());
    let case = cases().into_iter().find(|case| case.scheme == "bcrypt").unwrap();
    let user = match take_in(&world, vec![newcomer("ada", Some(&case.hash))]).await[..] {
        [Imported::Made(Some(user))] => user,
        ref other => panic!("{other:?}"),
    };
    // As many as are admitted at once: each counts as a failure until it is proved.
    let sign_ins: Vec<_> = (0..5)
        .map(|_| {
            let (world, password) = (world.clone(), case.password.clone());
            tokio::spawn(async move { world.try_login("ada", &password).await.is_ok() })
        })
        .collect();
    for done in sign_ins {
        assert!(done.await.unwrap());
    }
    assert_eq!(world.successes("password.rehash"), 1);
    assert!(stored(&world, user).await.phc.expose().starts_with("$argon2id$"));
    world.try_login("ada", &case.password).await.unwrap();
}

#[tokio::test]
async fn what_is_there_stays_and_a_second_run_finds_everything() {
    let world = World::new();
    let hash = cases()[0].hash.clone();
    let ada = world.user("ada", &[]).await;
    let before = stored(&world, ada.id).await.phc;
    let mut same_address = newcomer("countess", Some(&hash));
    same_address.email = email("ada");
    let batch = vec![
        newcomer("ADA", Some(&hash)),
        same_address,
        newcomer("grace", Some(&hash)),
        newcomer("nohash", None),
    ];
    let outcomes = take_in(&world, batch.clone()).await;
    assert_eq!(outcomes[..2], [Imported::Exists, Imported::Exists]);
    assert!(matches!(
        outcomes[2..],
        [Imported::Made(Some(_)), Imported::Made(Some(_))]
    ));
    assert_eq!(take_in(&world, batch).await, [Imported::Exists; 4]);
    assert_eq!(stored(&world, ada.id).await.phc, before);
    // One event an account, and one a batch.
    assert_eq!(world.successes("user.import"), 2 + 2);
    assert!(world.try_login("nohash", PASSWORD).await.is_err());
}

#[tokio::test]
async fn a_dry_run_makes_nobody_and_only_the_operator_takes_anybody_in() {
    let world = World::new();
    let batch = vec![newcomer("grace", None)];
    let dry = ImportUsers {
        batch: batch.clone(),
        dry_run: true,
    };
    let outcomes = import(&operator(), &world.id, dry).await.unwrap();
    assert_eq!(outcomes, [Imported::Made(None)]);
    world.admin("root").await;
    let ctx = world.ctx(&world.login("root").await).await;
    let command = ImportUsers {
        batch: batch.clone(),
        dry_run: false,
    };
    let error = import(&ctx, &world.id, command).await.unwrap_err();
    assert_eq!(error.code(), "permission_denied");
    assert_eq!(world.refusals("user.import"), ["permission_denied"]);
    let many = vec![batch[0].clone(); MAX_BATCH + 1];
    let command = ImportUsers {
        batch: many,
        dry_run: false,
    };
    assert_eq!(
        import(&operator(), &world.id, command).await.unwrap_err().code(),
        "number_of_items"
    );
    assert!(matches!(
        take_in(&world, batch).await[..],
        [Imported::Made(Some(_))]
    ));
}

#[tokio::test]
async fn to_ask_how_strong_a_password_is_leaves_only_that_somebody_asked() {
    let world = World::new();
    let asked = Assess {
        password: secret("a planted pass phrase"),
        username: Username::parse("ada").ok(),
        email: None,
        display_name: None,
    };
    let found = assess(&anonymous(), &world.id, asked).await.unwrap();
    assert!(found.score >= 3, "{found:?}");
    assert_eq!(world.successes("password.assess"), 1);
    let text = format!("{:?}", world.store.events());
    assert!(!text.contains("planted pass"), "{text}");
}
