//! Two processes on one database and one cache.

use vutf_testkit::{
    client::{ApiClient, Person},
    process::ServerProcess,
    sql,
};

use super::{
    Admin, World, eventually, say,
    world::{assert_verified, sequenced, signed_in},
};

#[tokio::test]
async fn drill_two_replicas_start_at_once_and_share_everything() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let site = world.replica("one");
    let mut one = site.launch().unwrap();
    let mut two = world.replica("two").launch().unwrap();
    one.wait_ready().unwrap();
    two.wait_ready().unwrap();
    assert_migrated_once(&world, &[&one, &two]).await;

    let (at_one, at_two) = (client(&one), client(&two));
    let admin = bootstrap_anywhere(&one, &two).await;
    let tokens = signed_in(&at_one, &Person::new("ada")).await;
    // Twice: the second answer comes from what this replica remembers, which is the harder case.
    at_two.me(&tokens).expect(200).await.unwrap();
    at_two.me(&tokens).expect(200).await.unwrap();
    at_one.logout(&tokens).expect(204).await.unwrap();
    let took = eventually("the other replica refuses", async || {
        at_two.me(&tokens).send().await.unwrap().status == 401
    })
    .await;
    say(&format!(
        "revocation seen by the other replica after {} ms",
        took.as_millis()
    ));
    at_two.refresh(&tokens.refresh).expect(401).await.unwrap();
    assert_rotation_is_followed(&at_one, &at_two, &admin).await;

    let people: Vec<_> = (0..20).map(|_| Person::new("many")).collect();
    let made = people.iter().enumerate().map(|(index, person)| {
        let api = if index % 2 == 0 { &at_one } else { &at_two };
        api.register(person).expect(201)
    });
    for answer in futures_util::future::join_all(made).await {
        answer.unwrap();
    }
    sequenced(&at_two, &admin).await;
    let gaps = "SELECT max(seq) - min(seq) + 1 - count(*) FROM audit_leaf";
    assert_eq!(sql::number(&world.database_url(), gaps).await.unwrap(), 0);
    assert_verified(&site);
    assert_eq!(one.terminate().unwrap(), Some(0));
    // The one that is left takes over what the other was the leader of.
    signed_in(&at_two, &Person::new("late")).await;
    sequenced(&at_two, &admin).await;
    assert_verified(&site);
}

/// A token under a key that one replica has just made is good at the other, and so is one under the key before.
async fn assert_rotation_is_followed(one: &ApiClient, two: &ApiClient, admin: &Admin) {
    let old = signed_in(one, &Person::new("before")).await;
    let access = &admin.tokens.access;
    let keys = one.get("/api/v1/keys").bearer(access).expect(200).await.unwrap();
    let keys = keys.json().unwrap();
    let mut listed = keys["items"].as_array().unwrap().iter();
    let signing = listed.find(|key| key["purpose"] == "token-signing").unwrap();
    let rotate = format!("/api/v1/keys/{}/rotate", signing["id"].as_str().unwrap());
    one.post(&rotate).bearer(access).expect(200).await.unwrap();
    let new = signed_in(one, &Person::new("after")).await;
    for tokens in [&new, &old] {
        two.me(tokens).expect(200).await.unwrap();
        one.me(tokens).expect(200).await.unwrap();
    }
}

fn client(server: &ServerProcess) -> ApiClient {
    ApiClient::new(server.base_url()).unwrap()
}

/// Each replica tells what it migrated, and each key that was made is an event.
async fn assert_migrated_once(world: &World, replicas: &[&ServerProcess]) {
    let told = replicas
        .iter()
        .map(|server| server.own_logs().matches("schema migrated").count());
    assert_eq!(told.collect::<Vec<_>>().iter().sum::<usize>(), 1);
    let url = world.database_url();
    let made = "SELECT count(*) FROM audit_intake WHERE action = 'key.create' AND outcome = 'success'";
    let made = sql::number(&url, made).await.unwrap();
    let purposes = "SELECT count(DISTINCT (organization_id, purpose)) FROM crypto_keys";
    assert_eq!(made, sql::number(&url, purposes).await.unwrap());
    let keys = sql::number(&url, "SELECT count(*) FROM crypto_keys")
        .await
        .unwrap();
    assert_eq!(made, keys);
}

/// The secret of the replica that was first is good at both.
async fn bootstrap_anywhere(one: &ServerProcess, two: &ServerProcess) -> Admin {
    let tokens: Vec<_> = [one, two]
        .iter()
        .filter_map(|server| server.bootstrap_token())
        .collect();
    let api = client(two);
    let person = Person::new("admin");
    for token in &tokens {
        if api.bootstrap(token, &person).send().await.unwrap().status == 201 {
            return Admin::login(&api, person).await;
        }
    }
    panic!("{} bootstrap tokens, none of which is good", tokens.len());
}
