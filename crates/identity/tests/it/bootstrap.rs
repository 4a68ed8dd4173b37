use std::sync::Arc;

use vutf_identity::bootstrap::{
    Bootstrap, BootstrapError, CreateAdmin, Offer, bootstrap, create_admin, make_token, offer,
};
use vutf_kernel::{Class, OsEntropy, Secret};

use crate::support::{PASSWORD, World, anonymous, email, operator, secret, username};

fn command(token: &Secret<String>, name: &str) -> Bootstrap {
    Bootstrap {
        token: token.clone(),
        username: username(name),
        email: email(name),
        password: secret(PASSWORD),
    }
}

async fn offered(world: &World) -> Secret<String> {
    let token = make_token(&mut OsEntropy);
    assert_eq!(offer(&operator(), &world.id, &token).await.unwrap(), Offer::Open);
    token
}

#[tokio::test]
async fn the_first_secret_is_the_one_and_is_kept_over_a_restart() {
    let world = World::new();
    let ctx = operator();
    let first = offered(&world).await;
    assert!(first.expose().starts_with("vutf_bootstrap_") && first.expose().len() == 58);
    assert_eq!(offer(&ctx, &world.id, &first).await.unwrap(), Offer::Open);
    let second = make_token(&mut OsEntropy);
    assert_eq!(offer(&ctx, &world.id, &second).await.unwrap(), Offer::Elsewhere);
    let error = bootstrap(&anonymous(), &world.id, command(&second, "root"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::Unauthenticated);
    bootstrap(&anonymous(), &world.id, command(&first, "root"))
        .await
        .unwrap();
    assert_eq!(offer(&ctx, &world.id, &first).await.unwrap(), Offer::Closed);
    assert_eq!(world.refusals("user.bootstrap"), ["bootstrap_token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_one_of_thirty_two_makes_the_administrator() {
    let world = Arc::new(World::new());
    let token = offered(&world).await;
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let (world, command) = (world.clone(), command(&token, &format!("root-{n}")));
            tokio::spawn(async move { bootstrap(&anonymous(), &world.id, command).await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(matches!(error, BootstrapError::Used), "{error:?}"),
        }
    }
    assert_eq!(made, 1);
    let again = bootstrap(&anonymous(), &world.id, command(&token, "root"))
        .await
        .unwrap_err();
    assert_eq!((again.class(), again.code()), (Class::Conflict, "bootstrap_used"));
}

#[tokio::test]
async fn an_administrator_from_the_command_line_uses_it_up() {
    let world = World::new();
    let token = offered(&world).await;
    let admin = CreateAdmin {
        username: username("cli"),
        email: email("cli"),
        password: secret(PASSWORD),
    };
    let error = create_admin(&anonymous(), &world.id, admin).await.unwrap_err();
    assert_eq!(error.class(), Class::Forbidden);
    world.admin("cli").await;
    let error = bootstrap(&anonymous(), &world.id, command(&token, "root"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "bootstrap_used");
    let signed_in = world.login("cli").await;
    assert!(world.ctx(&signed_in).await.grants.iter().count() > 10);
}

#[tokio::test]
async fn a_weak_password_uses_nothing_up() {
    let world = World::new();
    let token = offered(&world).await;
    let weak = Bootstrap {
        password: secret("short"),
        ..command(&token, "root")
    };
    let error = bootstrap(&anonymous(), &world.id, weak).await.unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Invalid, "password_too_short")
    );
    bootstrap(&anonymous(), &world.id, command(&token, "root"))
        .await
        .unwrap();
}
