//! API keys: what thirty-two callers do at the same moment, and what another replica knows of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use vutf_testkit::{
    client::{ApiClient, Call, Person, Tokens},
    process::ServerProcess,
    sql,
};

use super::{
    Admin, World, eventually,
    races::{PARALLEL, at_once, on_both_databases, statuses},
    say,
    world::signed_in,
};

on_both_databases!(
    one_successor,
    so_many_keys_and_no_more,
    a_revoked_key_passes_no_more
);

const OWN: &str = "/api/v1/me/api-keys";

struct Site {
    world: World,
    _server: ServerProcess,
    api: ApiClient,
    tokens: Tokens,
}

impl Site {
    async fn raise(world: World) -> Self {
        let world = world.with("VUTF__IDENTITY__API_KEYS__PER_OWNER", "5");
        let server = world.server().spawn().unwrap();
        let api = ApiClient::new(server.base_url()).unwrap();
        Admin::bootstrap(&server, &api).await;
        let tokens = signed_in(&api, &Person::new("ada")).await;
        Self {
            world,
            _server: server,
            api,
            tokens,
        }
    }
    fn make(&self) -> Call {
        make(&self.api, &self.tokens)
    }
    async fn count(&self, condition: &str) -> i64 {
        let query = format!("SELECT count(*) FROM api_keys WHERE {condition}");
        sql::number(&self.world.database_url(), &query).await.unwrap()
    }
}

fn make(api: &ApiClient, tokens: &Tokens) -> Call {
    let body = json!({"name": "race", "scopes": ["self:manage"]});
    api.post(OWN).bearer(&tokens.access).json(&body)
}

/// Secret and id.
fn made(body: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&body["secret"]), text(&body["api_key"]["id"]))
}

async fn one_successor(world: World) {
    let site = Site::raise(world).await;
    let (_, id) = made(&site.make().expect(201).await.unwrap().json().unwrap());
    let rotate = format!("{OWN}/{id}/rotate");
    let calls = (0..PARALLEL).map(|_| {
        site.api
            .post(&rotate)
            .bearer(&site.tokens.access)
            .json(&json!({}))
    });
    let statuses = statuses(&at_once(calls).await);
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [201, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(site.count("successor_id IS NULL").await, 1);
    assert_eq!(site.count("successor_id IS NOT NULL").await, 1);
}

async fn so_many_keys_and_no_more(world: World) {
    let site = Site::raise(world).await;
    let statuses = statuses(&at_once((0..PARALLEL).map(|_| site.make())).await);
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        5,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [201, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(site.count("revoked_at IS NULL").await, 5);
}

/// Callers go on with the key while it is revoked: whatever they send after the answer is refused.
async fn a_revoked_key_passes_no_more(world: World) {
    let site = Site::raise(world).await;
    let (secret, id) = made(&site.make().expect(201).await.unwrap().json().unwrap());
    let (revoked, over) = (Arc::new(AtomicBool::default()), Arc::new(AtomicBool::default()));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (api, secret) = (site.api.clone(), secret.clone());
            let (revoked, over) = (Arc::clone(&revoked), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut before, mut after) = (Vec::new(), Vec::new());
                while !over.load(Ordering::SeqCst) {
                    let is_late = revoked.load(Ordering::SeqCst);
                    let answer = api
                        .get("/api/v1/me")
                        .header("x-api-key", &secret)
                        .send()
                        .await
                        .unwrap();
                    if is_late {
                        after.push(answer.status);
                    } else {
                        before.push(answer.status);
                    }
                }
                (before, after)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let path = format!("{OWN}/{id}");
    site.api
        .delete(&path)
        .bearer(&site.tokens.access)
        .expect(204)
        .await
        .unwrap();
    revoked.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::SeqCst);
    let (mut passed, mut late) = (0, 0);
    for caller in callers {
        let (before, after) = caller.await.unwrap();
        passed += before.iter().filter(|status| **status == 200).count();
        late += after.len();
        assert!(after.iter().all(|status| *status == 401), "{after:?}");
    }
    assert!(
        passed > 0 && late > 0,
        "{passed} passed before, {late} came after"
    );
}

#[tokio::test]
async fn drill_another_replica_refuses_a_revoked_key_within_a_second() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let one = world.replica("one").spawn().unwrap();
    let two = world.replica("two").spawn().unwrap();
    let (at_one, at_two) = (
        ApiClient::new(one.base_url()).unwrap(),
        ApiClient::new(two.base_url()).unwrap(),
    );
    Admin::bootstrap(&one, &at_one).await;
    let tokens = signed_in(&at_one, &Person::new("ada")).await;
    let (secret, id) = made(&make(&at_one, &tokens).expect(201).await.unwrap().json().unwrap());
    let by_key = || at_two.get("/api/v1/me").header("x-api-key", &secret);
    // Twice: the second answer comes from what this replica remembers, which is the harder case.
    by_key().expect(200).await.unwrap();
    by_key().expect(200).await.unwrap();
    at_one
        .delete(&format!("{OWN}/{id}"))
        .bearer(&tokens.access)
        .expect(204)
        .await
        .unwrap();
    let took = eventually("the other replica refuses", async || {
        by_key().send().await.unwrap().status == 401
    })
    .await;
    say(&format!(
        "revocation of a key seen by the other replica after {} ms",
        took.as_millis()
    ));
    assert!(took < Duration::from_secs(1), "{took:?}");
}
