//! From an empty directory to a session and back, and what a restart keeps.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use vutf_testkit::client::{ApiClient, Person};

use super::{
    Admin, World,
    world::{assert_verified, sequenced, signed_in},
};

#[tokio::test]
async fn sqlite() {
    first_start(&World::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    if let Some(world) = World::postgres().await {
        first_start(&world).await;
    }
}

/// The key-encryption key is made by the service too, when none is configured.
#[tokio::test]
async fn nothing_but_an_empty_directory_is_needed() {
    let world = World::sqlite();
    // An empty variable counts as unset.
    let site = world.server().env("VUTF__KEYS__KEK_KEY", "");
    let mut server = site.spawn().unwrap();
    assert_private(&site.data());
    let api = ApiClient::new(server.base_url()).unwrap();
    let person = Person::new("ada");
    signed_in(&api, &person).await;
    assert_eq!(server.terminate().unwrap(), Some(0));
    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    api.login(&person).expect(200).await.unwrap();
}

async fn first_start(world: &World) {
    let site = world.server().env("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m");
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    assert_private(&site.data());
    let token_file = server
        .bootstrap_token_file()
        .expect("a first start names the file");
    let token = server.bootstrap_token().unwrap();

    let admin = Admin::bootstrap(&server, &api).await;
    let again = api
        .bootstrap(&token, &Person::new("second"))
        .expect(409)
        .await
        .unwrap();
    assert!(
        again.is_problem() && again.text().contains("VUTF_BOOTSTRAP_USED"),
        "{}",
        again.text()
    );

    let (ended, kept, barred) = (Person::new("ada"), Person::new("grace"), Person::new("mary"));
    let kept_tokens = signed_in(&api, &kept).await;
    signed_in(&api, &barred).await;
    let first = signed_in(&api, &ended).await;
    let me = api.me(&first).expect(200).await.unwrap().json().unwrap();
    assert_eq!(me["username"], ended.username.as_str());
    assert_eq!(me["email"], ended.email.as_str());
    let second = api
        .refresh(&first.refresh)
        .expect(200)
        .await
        .unwrap()
        .tokens()
        .unwrap();
    assert_ne!(first.refresh, second.refresh);
    api.logout(&second).expect(204).await.unwrap();
    for refused in [api.me(&second), api.me(&first), api.refresh(&second.refresh)] {
        assert!(refused.expect(401).await.unwrap().is_problem());
    }
    guess_until_barred(&api, &barred).await;

    assert_eq!(server.terminate().unwrap(), Some(0));
    drop(server);
    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    assert!(server.bootstrap_token_file().is_none() && !token_file.exists());
    // What was granted holds, and so does what was taken away.
    api.me(&kept_tokens).expect(200).await.unwrap();
    api.refresh(&kept_tokens.refresh).expect(200).await.unwrap();
    api.me(&second).expect(401).await.unwrap();
    api.refresh(&second.refresh).expect(401).await.unwrap();
    api.login(&ended).expect(200).await.unwrap();
    api.login(&barred).expect(401).await.unwrap();
    unlock(&api, &admin, &barred).await;
    api.login(&barred).expect(200).await.unwrap();
    sequenced(&api, &admin).await;
    assert_verified(&site);
}

/// Five wrong guesses; after them the right password is refused too.
async fn guess_until_barred(api: &ApiClient, person: &Person) {
    let wrong = Person {
        password: "not the right phrase".to_owned(),
        ..person.clone()
    };
    for _ in 0..5 {
        api.login(&wrong).expect(401).await.unwrap();
    }
    api.login(person).expect(401).await.unwrap();
}

async fn unlock(api: &ApiClient, admin: &Admin, person: &Person) {
    let users = api.all("/api/v1/users?", &admin.tokens).await.unwrap();
    let user = users
        .iter()
        .find(|user| user["username"] == person.username.as_str());
    let id = user.unwrap()["id"].as_str().unwrap();
    let unlock = api.post(&format!("/api/v1/users/{id}/unlock"));
    unlock.bearer(&admin.tokens.access).expect(200).await.unwrap();
}

/// Nobody but the service's user may read anything in `directory`.
fn assert_private(directory: &Path) {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
