//! Known browsers, and guesses from one place.

use std::{net::IpAddr, sync::Arc, time::Duration};

use vutf_identity::{
    Settings,
    session::login::{Client, LoggedIn, Login, LoginError, login},
    user::{
        change_password::{ChangePassword, change_password},
        revoke_sessions::{RevokeSessions, revoke_sessions},
    },
};
use vutf_kernel::{Ctx, Origin, Secret};

use crate::support::{PASSWORD, World, anonymous, operator, secret};

type Cookie = Option<Secret<String>>;

fn from(ip: [u8; 4]) -> Ctx {
    let origin = Origin {
        ip: Some(IpAddr::from(ip)),
        user_agent: None,
    };
    Ctx {
        origin,
        ..anonymous()
    }
}

impl World {
    async fn attempt(
        &self,
        ctx: &Ctx,
        name: &str,
        password: &str,
        device: &Cookie,
    ) -> Result<Cookie, LoginError> {
        let command = Login {
            username: secret(name),
            password: secret(password),
            client: Client {
                device: device.clone(),
                ..Client::default()
            },
        };
        match login(ctx, &self.id, command).await? {
            LoggedIn::SignedIn(signed_in) => Ok(signed_in.device.map(|device| device.cookie)),
            other => panic!("{other:?}"),
        }
    }
    /// From nowhere in particular.
    async fn by(&self, device: &Cookie, password: &str) -> Result<Cookie, LoginError> {
        self.attempt(&anonymous(), "ada", password, device).await
    }
    fn reasons(&self, reason: &str) -> usize {
        self.refusals("session.login")
            .iter()
            .filter(|known| *known == reason)
            .count()
    }
}

fn with_places(per_address: i64, per_network: i64) -> World {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.networks.per_address = per_address;
    settings.networks.per_network = per_network;
    World::with(settings)
}

#[tokio::test]
async fn strangers_cannot_lock_the_owner_out() {
    let world = World::new();
    world.user("ada", &[]).await;
    let home = world.by(&None, PASSWORD).await.unwrap();
    for _ in 0..9 {
        world.by(&None, "wrong").await.unwrap_err();
    }
    world.by(&None, PASSWORD).await.unwrap_err();
    let again = world.by(&home, PASSWORD).await.unwrap();
    world.by(&None, PASSWORD).await.unwrap_err();
    assert_eq!(world.reasons("barred"), 6, "strangers go on waiting");
    world.by(&again, PASSWORD).await.unwrap();
    world.pass(Duration::from_secs(30));
    world.by(&None, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_known_browser_has_a_counter_of_its_own() {
    let world = World::new();
    world.user("ada", &[]).await;
    let (home, work) = (
        world.by(&None, PASSWORD).await.unwrap(),
        world.by(&None, PASSWORD).await.unwrap(),
    );
    for _ in 0..5 {
        world.by(&home, "wrong").await.unwrap_err();
    }
    world.by(&home, PASSWORD).await.unwrap_err();
    assert_eq!((world.reasons("wrong_password"), world.reasons("barred")), (5, 1));
    world.by(&work, PASSWORD).await.unwrap();
    world.by(&None, PASSWORD).await.unwrap();
    world.pass(Duration::from_secs(30));
    world.by(&home, PASSWORD).await.unwrap();
    for _ in 0..5 {
        world.by(&home, "wrong").await.unwrap_err();
    }
    assert_eq!(world.reasons("wrong_password"), 10, "it was forgotten");
}

#[tokio::test]
async fn a_browser_that_guesses_too_often_is_a_stranger_for_good() {
    let world = World::new();
    world.user("ada", &[]).await;
    let home = world.by(&None, PASSWORD).await.unwrap();
    for _ in 0..10 {
        world.by(&home, "wrong").await.unwrap_err();
        world.pass(Duration::from_hours(1));
    }
    assert_eq!(world.reasons("wrong_password"), 10);
    let renewed = world.by(&home, PASSWORD).await.unwrap();
    for _ in 0..5 {
        world.by(&home, "wrong").await.unwrap_err();
    }
    world.by(&home, PASSWORD).await.unwrap_err();
    world.by(&None, PASSWORD).await.unwrap_err();
    world.by(&renewed, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn it_is_bound_to_account_password_epoch_and_time() {
    let world = World::new();
    let ada = world.user("ada", &[]).await;
    world.user("bob", &[]).await;
    let known = async |device: &Cookie, password: &str| {
        for _ in 0..5 {
            let _counted = world.by(&None, "wrong").await;
        }
        let found = world.by(device, password).await.is_ok();
        world.pass(Duration::from_hours(2));
        found
    };
    let home = world.by(&None, PASSWORD).await.unwrap();
    assert!(known(&home, PASSWORD).await);
    let text = home.as_ref().unwrap().expose().clone();
    let bobs = world.attempt(&anonymous(), "bob", PASSWORD, &None).await.unwrap();
    let spoilt = format!(
        "{}{}",
        &text[..text.len() - 1],
        if text.ends_with('A') { 'E' } else { 'A' }
    );
    for other in [
        bobs,
        Some(secret(&spoilt)),
        Some(secret("vutf_dc_")),
        Some(secret("")),
    ] {
        assert!(!known(&other, PASSWORD).await, "{other:?}");
    }
    let command = RevokeSessions { user_id: ada.id };
    revoke_sessions(&operator(), &world.id, command).await.unwrap();
    assert!(
        !known(&home, PASSWORD).await,
        "everything that was issued has ended"
    );

    let home = world.by(&None, PASSWORD).await.unwrap();
    let ctx = world.ctx(&world.login("ada").await).await;
    let next = "seven quiet copper lanterns";
    let command = ChangePassword {
        current: secret(PASSWORD),
        new: secret(next),
        keep_other_sessions: true,
    };
    change_password(&ctx, &world.id, command).await.unwrap();
    assert!(!known(&home, next).await, "the password is another one");

    let home = world.by(&None, next).await.unwrap();
    world.pass(Duration::from_hours(24 * 30 - 3));
    assert!(known(&home, next).await);
    world.pass(Duration::from_hours(1));
    assert!(!known(&home, next).await, "a month is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_outrun_neither_the_browsers_counter_nor_the_accounts() {
    let world = Arc::new(World::new());
    world.user("ada", &[]).await;
    let home = world.by(&None, PASSWORD).await.unwrap();
    let guesses: Vec<_> = (0..64)
        .map(|number| {
            let (world, device) = (Arc::clone(&world), home.clone().filter(|_| number % 2 == 0));
            tokio::spawn(async move { world.by(&device, "wrong").await.is_err() })
        })
        .collect();
    for guess in guesses {
        assert!(guess.await.unwrap());
    }
    assert_eq!(
        (world.reasons("wrong_password"), world.reasons("barred")),
        (10, 54)
    );
}

#[tokio::test]
async fn one_place_has_so_many_guesses_at_all_accounts_together() {
    let world = with_places(6, 9);
    for name in ["ada", "bob", "eve"] {
        world.user(name, &[]).await;
    }
    let home = world
        .attempt(&from([192, 0, 2, 7]), "ada", PASSWORD, &None)
        .await
        .unwrap();
    for name in ["ada", "bob", "eve", "ada", "nobody", "eve"] {
        let error = world
            .attempt(&from([192, 0, 2, 7]), name, "wrong", &None)
            .await
            .unwrap_err();
        assert!(matches!(error, LoginError::Refused));
    }
    for name in ["ada", "bob", "nobody"] {
        let error = world
            .attempt(&from([192, 0, 2, 7]), name, PASSWORD, &None)
            .await
            .unwrap_err();
        assert!(matches!(error, LoginError::NetworkBarred));
        assert_eq!(
            (error.code(), error.to_string()),
            ("invalid_credentials", LoginError::Refused.to_string())
        );
    }
    assert_eq!(world.reasons("network_barred"), 3);
    world
        .attempt(&from([192, 0, 2, 7]), "ada", PASSWORD, &home)
        .await
        .unwrap();
    // A neighbour, until their network has guessed enough; and the rest of the world.
    for _ in 0..3 {
        let error = world
            .attempt(&from([192, 0, 2, 8]), "bob", "wrong", &None)
            .await
            .unwrap_err();
        assert!(matches!(error, LoginError::Refused));
    }
    let error = world
        .attempt(&from([192, 0, 2, 9]), "eve", PASSWORD, &None)
        .await
        .unwrap_err();
    assert!(matches!(error, LoginError::NetworkBarred));
    world
        .attempt(&from([192, 0, 3, 9]), "bob", PASSWORD, &None)
        .await
        .unwrap();
    world.pass(Duration::from_hours(1));
    world
        .attempt(&from([192, 0, 2, 7]), "eve", PASSWORD, &None)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_barred_for_its_place_counts_against_no_account_and_right_passwords_count_nowhere() {
    let world = with_places(3, 100);
    world.user("ada", &[]).await;
    for _ in 0..20 {
        world
            .attempt(&from([192, 0, 2, 7]), "ada", PASSWORD, &None)
            .await
            .unwrap();
    }
    for _ in 0..20 {
        world
            .attempt(&from([192, 0, 2, 7]), "ada", "wrong", &None)
            .await
            .unwrap_err();
    }
    assert_eq!(
        (world.reasons("wrong_password"), world.reasons("network_barred")),
        (3, 17)
    );
    world
        .attempt(&from([198, 51, 100, 1]), "ada", PASSWORD, &None)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_from_one_place_do_not_outrun_its_counter() {
    let world = Arc::new(with_places(7, 100));
    let guesses: Vec<_> = (0..32)
        .map(|number| {
            let world = Arc::clone(&world);
            let name = format!("nobody{number}");
            tokio::spawn(async move {
                let ctx = from([192, 0, 2, 7]);
                world.attempt(&ctx, &name, "wrong", &None).await.is_err()
            })
        })
        .collect();
    for guess in guesses {
        assert!(guess.await.unwrap());
    }
    assert_eq!(
        (world.reasons("unknown_account"), world.reasons("network_barred")),
        (7, 25)
    );
}
