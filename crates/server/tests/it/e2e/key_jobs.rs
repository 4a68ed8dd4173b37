//! Re-encryption by two processes that are killed twenty times, under writers that do not stop: everything opens, nothing is left
//! under an older version, no row is gone, and the audit log is whole.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use vutf_app::UnitOfWork;
use vutf_crypto_keys::Purpose;
use vutf_identity::User;
use vutf_kernel::{Ambient, Fault, OrganizationId, PortError, Units, UserId};
use vutf_server::{
    config::{Sources, load},
    service::{Schema, Service},
};
use vutf_testkit::{
    client::ApiClient,
    factory::Factory,
    process::{ServerBuilder, ServerProcess},
    sql,
};

use super::{
    Admin, World, eventually,
    load::{Acknowledged, Load, Round},
    say,
    world::assert_verified,
};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const KILLS: u32 = 20;
const PEOPLE: usize = 4_000;
/// Fixed, so that a run can be repeated as far as the machine allows.
const SEED: u64 = 0x5eed_2026_0003;
const CLIENTS: [Round; 3] = [Round::Register, Round::Register, Round::SignIn];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_sqlite() {
    kill_while_rows_are_sealed_anew(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres() {
    if let Some(world) = World::own_servers(true).await {
        kill_while_rows_are_sealed_anew(world).await;
    }
}

/// Two processes on one database, and how to reach them.
struct Pair {
    sites: [ServerBuilder; 2],
    servers: Vec<ServerProcess>,
    api: ApiClient,
    admin: Admin,
}

impl Pair {
    async fn start(world: &World) -> Self {
        let site = |name: &str| {
            let site = world
                .replica(name)
                .env("VUTF__LOG__LEVEL", "warn")
                .env("VUTF__AUDIT__LEASE", "2s")
                .env("VUTF__KEYS__JOB_LEASE", "1s")
                .env("VUTF__KEYS__RELOAD_INTERVAL", "1s");
            if world.is_sqlite() {
                site.database(&world.database_url())
            } else {
                site
            }
        };
        let sites = [site("one"), site("two")];
        std::fs::create_dir_all(sites[0].data()).unwrap();
        let first = sites[0]
            .clone()
            .database(&format!("{}?mode=rwc", world.database_url()));
        let first = if world.is_sqlite() {
            first
        } else {
            sites[0].clone()
        };
        let servers = vec![first.spawn().unwrap(), sites[1].spawn().unwrap()];
        let api = ApiClient::new(servers[0].base_url()).unwrap();
        let admin = Admin::bootstrap(&servers[0], &api).await;
        Self {
            sites,
            servers,
            api,
            admin,
        }
    }

    fn kill(&mut self, which: usize) {
        self.servers[which].kill9().unwrap();
    }

    async fn restart(&mut self, which: usize) {
        self.servers[which] = self.sites[which].spawn().unwrap();
        self.api = self.api.at(self.servers[which].base_url());
        let person = self.admin.person.clone();
        self.admin = Admin::login(&self.api, person).await;
    }

    /// Rotates the key of passwords and asks for the rest to be brought under it.
    async fn rotate_and_start(&self) {
        let access = &self.admin.tokens.access;
        let keys = self
            .api
            .get("/api/v1/keys")
            .bearer(access)
            .expect(200)
            .await
            .unwrap();
        let keys = keys.json().unwrap();
        let mut listed = keys["items"].as_array().unwrap().iter();
        let key = listed
            .find(|key| key["purpose"] == "field:passwords" && key["state"] == "active")
            .unwrap();
        let rotate = format!("/api/v1/keys/{}/rotate", key["id"].as_str().unwrap());
        self.api.post(&rotate).bearer(access).expect(200).await.unwrap();
        let job = json!({"kind": "reencrypt", "purpose": "field:passwords"});
        let start = self.api.post("/api/v1/keys/jobs").json(&job);
        start.bearer(access).expect(202).await.unwrap();
    }

    async fn jobs(&self) -> Vec<Value> {
        let list = self
            .api
            .get("/api/v1/keys/jobs")
            .bearer(&self.admin.tokens.access);
        let jobs = list.expect(200).await.unwrap().json().unwrap();
        jobs["items"].as_array().unwrap().clone()
    }
}

/// A third party that changes passwords all the time, with keys that are up to a second old.
struct Changer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<HashMap<UserId, String>>,
}

impl Changer {
    fn start(service: &Service, people: &[User]) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (service, people, stopped) = (service.clone(), people.to_vec(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let (mut factory, mut last) = (Factory::new(SEED ^ 1), HashMap::new());
            for round in 0_usize.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                if round.is_multiple_of(20) {
                    // The database may be busy with a process that is being killed.
                    let _next_time = service.keys().reload().await;
                }
                let user = &people[(round * 37) % people.len()];
                let password = factory.password(user);
                let text = password.phc.expose().clone();
                let put = async {
                    let mut unit = begin(&service).await?;
                    unit.passwords().put(&password).await?;
                    unit.commit().await
                };
                match put.await {
                    Ok(()) => {
                        last.insert(user.id, text);
                    }
                    Err(error) => assert_eq!(error.fault, Fault::Contention, "{}", error.chain()),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            last
        });
        Self { stop, task }
    }

    async fn finish(self) -> HashMap<UserId, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn begin(service: &Service) -> Result<Box<dyn UnitOfWork>, PortError> {
    let units: &dyn Units<dyn UnitOfWork> = &service.store;
    units.begin().await
}

/// The service without listeners, in this process.
async fn third_party(world: &World, site: &ServerBuilder) -> Service {
    let home = world.home().join("third");
    let data = home.to_string_lossy().into_owned();
    let mut env: Vec<_> = site
        .settings()
        .filter(|(name, _)| *name != "VUTF__DATA_DIR")
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    env.push(("VUTF__DATA_DIR".into(), data.into()));
    let sources = Sources {
        env,
        ..Sources::default()
    };
    let config = Arc::new(load(&sources).unwrap().config);
    Service::assemble(config, Ambient::system(), Schema::Require)
        .await
        .unwrap()
}

async fn seed(service: &Service) -> (Vec<User>, HashMap<UserId, String>) {
    let (mut factory, mut people, mut passwords) = (Factory::new(SEED), Vec::new(), HashMap::new());
    while people.len() < PEOPLE {
        let mut unit = begin(service).await.unwrap();
        for _ in 0..200 {
            let user = factory.user();
            let password = factory.password(&user);
            unit.users().insert(&user).await.unwrap();
            unit.passwords().put(&password).await.unwrap();
            passwords.insert(user.id, password.phc.expose().clone());
            people.push(user);
        }
        unit.commit().await.unwrap();
    }
    (people, passwords)
}

async fn kill_while_rows_are_sealed_anew(world: World) {
    let mut pair = Pair::start(&world).await;
    let third = third_party(&world, &pair.sites[0]).await;
    let (people, mut expected) = seed(&third).await;
    let changer = Changer::start(&third, &people);
    let (mut acknowledged, mut random, url) = (Vec::<Acknowledged>::new(), SEED, world.database_url());
    for kill in 0..KILLS {
        if pair.jobs().await.iter().all(is_over) {
            pair.rotate_and_start().await;
        }
        let load = Load::of(&pair.api, &CLIENTS, Duration::from_millis(5));
        // Half of them right behind a commit of the job, half at any moment.
        if kill % 2 == 0 {
            let before = progress(&url).await;
            let deadline = std::time::Instant::now() + Duration::from_secs(3);
            while progress(&url).await == before && std::time::Instant::now() < deadline {}
        } else {
            random = next(random);
            tokio::time::sleep(Duration::from_millis(random % 700)).await;
        }
        let which = usize::from(kill % 4 >= 2);
        pair.kill(which);
        acknowledged.extend(load.finish().await.acknowledged);
        pair.restart(which).await;
    }
    eventually("every job is over", async || {
        pair.jobs().await.iter().all(is_over)
    })
    .await;
    // The last rotation may have come before the last passwords under an older key.
    expected.extend(changer.finish().await);
    pair.rotate_and_start().await;
    eventually("the last job is over", async || {
        pair.jobs().await.iter().all(is_over)
    })
    .await;

    let jobs = pair.jobs().await;
    assert!(jobs.iter().all(|job| job["state"] == "done"), "{jobs:?}");
    assert_everything_opens(&third, &expected, &acknowledged).await;
    assert_eq!(older(&third, &url, world.is_sqlite()).await, 0);
    let orphans =
        "SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM passwords p WHERE p.user_id = u.id)";
    assert_eq!(sql::number(&url, orphans).await.unwrap(), 0, "no row is gone");
    for server in &mut pair.servers {
        assert_eq!(server.terminate().unwrap(), Some(0));
    }
    third.close().await;
    assert_verified(&pair.sites[0]);
    let rows: u64 = jobs.iter().filter_map(|job| job["rows"]["done"].as_u64()).sum();
    say(&format!(
        "{KILLS} kills, {} jobs, {rows} rows sealed anew, {} passwords held against what was written",
        jobs.len(),
        expected.len() + acknowledged.len()
    ));
}

fn is_over(job: &Value) -> bool {
    matches!(job["state"].as_str(), Some("done" | "failed" | "cancelled"))
}

async fn progress(url: &str) -> i64 {
    let changes = "SELECT COALESCE(MAX(updated_at), 0) FROM key_jobs";
    sql::number(url, changes).await.unwrap_or_default()
}

async fn assert_everything_opens(
    service: &Service,
    expected: &HashMap<UserId, String>,
    acknowledged: &[Acknowledged],
) {
    service.keys().reload().await.unwrap();
    let mut unit = begin(service).await.unwrap();
    for (user, text) in expected {
        let found = unit.passwords().find(HOME, *user).await.unwrap().unwrap();
        assert_eq!(found.phc.expose(), text);
    }
    for one in acknowledged {
        let id: UserId = one.id.parse().unwrap();
        let found = unit.passwords().find(HOME, id).await.unwrap().unwrap();
        assert!(found.phc.expose().starts_with("$argon2id$"));
    }
}

/// Passwords that name another key than the newest.
async fn older(service: &Service, url: &str, sqlite: bool) -> i64 {
    let newest = service
        .keyring
        .lineage(HOME, &Purpose::field("passwords"))
        .unwrap();
    let hex = newest.newest.as_uuid().simple().to_string();
    let id = if sqlite {
        format!("X'{hex}'")
    } else {
        format!("'\\x{hex}'::bytea")
    };
    let old = format!("SELECT COUNT(*) FROM passwords WHERE substr(phc_ct, 5, 16) <> {id}");
    sql::number(url, &old).await.unwrap()
}

/// Xorshift (Marsaglia 2003): enough to choose a moment.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
