//! SIGKILL under write load, twenty times: what was acknowledged is there, and the audit log is whole.

use std::{collections::HashSet, time::Duration};

use vutf_testkit::{client::ApiClient, sql};

use super::{
    Admin, World, eventually,
    load::{Acknowledged, Load, Round},
    say,
    world::{assert_verified, sequenced},
};

const ROUNDS: u32 = 20;
/// Most write as fast as they can; the others have tokens in rotation when the power goes.
const CLIENTS: [Round; 8] = {
    use Round::{Refresh, Register};
    [
        Register, Register, Register, Refresh, Register, Register, Register, Refresh,
    ]
};
/// Fixed, so that a run can be repeated as far as the machine allows.
const SEED: u64 = 0x5eed_2026_0001;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_sqlite() {
    kill_under_load(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres() {
    // A server of its own, whose commits reach the disk.
    if let Some(world) = World::own_servers(true).await {
        kill_under_load(world).await;
    }
}

async fn kill_under_load(world: World) {
    let site = world
        .server()
        .env("VUTF__LOG__LEVEL", "warn")
        .env("VUTF__AUDIT__LEASE", "2s");
    let mut server = site.spawn().unwrap();
    let mut api = ApiClient::new(server.base_url()).unwrap();
    let mut admin = Admin::bootstrap(&server, &api).await;
    let (mut all, mut random) = (Vec::<Acknowledged>::new(), SEED);
    for round in 0..ROUNDS {
        let load = Load::of(&api, &CLIENTS, Duration::ZERO);
        eventually("the load is on", async || load.acknowledged() >= 4).await;
        random = next(random);
        tokio::time::sleep(Duration::from_millis(random % 400)).await;
        server.kill9().unwrap();
        let seen = load.finish().await;
        assert!(seen.refusals.is_empty(), "round {round}: {:?}", seen.refusals);
        drop(server);
        server = site.spawn().unwrap();
        api = api.at(server.base_url());
        admin = Admin::login(&api, admin.person).await;
        assert_kept(&api, &admin, &seen.acknowledged).await;
        assert_verified(&site);
        all.extend(seen.acknowledged);
    }
    sequenced(&api, &admin).await;
    assert_verified(&site);
    assert_kept(&api, &admin, &all).await;
    assert_one_head(&world).await;
    say(&format!(
        "{} acknowledged registrations, {ROUNDS} kills, none lost",
        all.len()
    ));
}

/// Every acknowledged account is listed, has its event, and one of them can sign in.
async fn assert_kept(api: &ApiClient, admin: &Admin, acknowledged: &[Acknowledged]) {
    let users = api.all("/api/v1/users?", &admin.tokens).await.unwrap();
    let listed: HashSet<_> = users.iter().filter_map(|user| user["id"].as_str()).collect();
    let events = api.events("user.register", &admin.tokens).await.unwrap();
    let recorded: HashSet<_> = events
        .iter()
        .filter(|event| event["outcome"]["result"] == "success")
        .filter_map(|event| event["resource"]["id"].as_str())
        .collect();
    for Acknowledged { id, .. } in acknowledged {
        assert!(
            listed.contains(id.as_str()),
            "the acknowledged account {id} is gone"
        );
        assert!(recorded.contains(id.as_str()), "the account {id} has no event");
    }
    // Nothing half-done either: no account without its event, no event without its account.
    let made: HashSet<_> = listed.iter().filter(|id| !recorded.contains(*id)).collect();
    assert_eq!(
        made.len(),
        1,
        "accounts without an event beside the administrator: {made:?}"
    );
    assert!(recorded.is_subset(&listed));
    if let Some(last) = acknowledged.last() {
        api.login(&last.person).expect(200).await.unwrap();
    }
}

async fn assert_one_head(world: &World) {
    let forked = "SELECT count(*) FROM (SELECT family_id FROM refresh_tokens WHERE used_at IS NULL \
                  GROUP BY family_id HAVING count(*) <> 1) AS forked";
    assert_eq!(sql::number(&world.database_url(), forked).await.unwrap(), 0);
    let headless = "SELECT count(*) FROM refresh_families AS f WHERE NOT EXISTS (SELECT 1 FROM refresh_tokens AS t \
                    WHERE t.family_id = f.id AND t.generation = f.generation AND t.used_at IS NULL)";
    assert_eq!(sql::number(&world.database_url(), headless).await.unwrap(), 0);
}

/// Xorshift (Marsaglia 2003): enough to choose a moment.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
