use vutf_identity::{
    session::{
        login::{Client, Login},
        refresh::Refresh,
    },
    user::register::Register,
};
use vutf_kernel::Detail;

use crate::support::{PASSWORD, World, email, secret, username};

#[tokio::test]
async fn nothing_that_is_printed_shows_a_secret_or_a_person() {
    let world = World::new();
    let user = world.user("planted", &[]).await;
    let signed_in = world.login("planted").await;
    let tokens = [&signed_in.access_token, &signed_in.refresh_token].map(|token| token.expose().clone());
    let mut printed = vec![
        format!("{user:#?}"),
        format!("{signed_in:#?}"),
        format!("{:#?}", world.store.events()),
        format!(
            "{:#?}",
            Login {
                username: secret("planted"),
                password: secret(PASSWORD),
                client: Client::default()
            }
        ),
        format!(
            "{:#?}",
            Refresh {
                refresh_token: secret(&tokens[1])
            }
        ),
        format!(
            "{:#?}",
            Register {
                invitation: None,
                username: username("planted"),
                email: email("planted"),
                password: secret(PASSWORD)
            }
        ),
        format!("{:#?}", world.ctx(&signed_in).await),
    ];
    printed.push(format!(
        "{:#?}",
        world.try_login("planted", "wrong password here").await
    ));
    for text in printed {
        for needle in [
            "planted",
            PASSWORD,
            "192.0.2.7",
            "$argon2id",
            &tokens[0],
            &tokens[1],
        ] {
            assert!(!text.contains(needle), "{needle} in {text}");
        }
    }
}

#[tokio::test]
async fn events_carry_the_origin_as_private_parts_only() {
    let world = World::new();
    world.user("ada", &[]).await;
    world.login("ada").await;
    let events = world.store.events();
    let login = events
        .iter()
        .find(|event| event.action == "session.login")
        .unwrap();
    assert_eq!(login.private["source_ip"].expose(), "192.0.2.7");
    let facts: Vec<_> = login.details.iter().map(|(name, fact)| (&**name, fact)).collect();
    assert_eq!(facts, [("kind", &Detail::Text("token".to_owned()))]);
    assert_eq!(login.subjects.len(), 1);
}
