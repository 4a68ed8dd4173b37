//! Three replicas on one PostgreSQL whose commits reach the disk, clients at all of them, and SIGKILL for whichever gives events
//! their places: no event is lost, none has two places, and what was acknowledged is there.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;
use vutf_testkit::{
    client::{Answer, ApiClient, Person, Tokens},
    process::{ServerBuilder, ServerProcess},
    servers::settings::{KILLS, variable},
    sql,
};

use super::{
    Admin, World, eventually, say,
    world::{assert_verified, sequenced},
};

const REPLICAS: [&str; 3] = ["one", "two", "three"];
/// Clients at each replica: half of them make accounts, half of them look.
const CLIENTS: usize = 4;
/// Fixed, so that a run can be repeated as far as the machine allows.
const SEED: u64 = 0x5eed_2026_0004;
const HOLDER: &str = "SELECT holder::text FROM leases WHERE name = 'audit-sequencer'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_nothing_is_lost_when_the_leader_is_killed() {
    // Here a few; as many as are asked for by `cargo xtask drill replicas`.
    let kills = variable(KILLS).map_or(3, |kills| kills.parse().expect("a number of kills"));
    let Some(world) = World::own_servers(true).await else {
        return;
    };
    let world = world
        .with("VUTF__LOG__LEVEL", "warn,vutf_server::service::sequencer=info")
        .with("VUTF__AUDIT__LEASE", "2s")
        .with("VUTF__AUDIT__CHECKPOINT_INTERVAL", "1s");
    let mut fleet = Fleet::start(&world);
    let first = fleet.client(0);
    let admin = bootstrap_anywhere(&fleet).await;
    let shared = Arc::new(Shared::new(fleet.addresses(), admin.tokens.clone()));
    let load: Vec<_> = (0..REPLICAS.len() * CLIENTS)
        .map(|client| Client::start(&shared, client, &first))
        .collect();
    let mut random = SEED;
    let mut killed = [0; REPLICAS.len()];
    for round in 0..kills {
        let before = shared.acknowledged();
        eventually("the load is on", async || shared.acknowledged() >= before + 12).await;
        random = next(random);
        tokio::time::sleep(Duration::from_millis(random % 700)).await;
        let leader = fleet.leader(&world).await;
        fleet.servers[leader].kill9().unwrap();
        killed[leader] += 1;
        // The others go on without it for a while; one of them takes over when the lease expires.
        random = next(random);
        if random.is_multiple_of(2) {
            fleet.another_leads(&world, leader).await;
        }
        fleet.restart(leader);
        shared.follow(fleet.addresses());
        let someone = fleet.client((leader + 1) % REPLICAS.len());
        shared.sign_in(Admin::login(&someone, admin.person.clone()).await.tokens);
        assert_eq!(shared.refusals(), Vec::<String>::new(), "round {round}");
    }
    shared.stop.store(true, Ordering::Relaxed);
    for client in load {
        client.await.unwrap();
    }
    let admin = Admin::login(&fleet.client(0), admin.person).await;
    sequenced(&fleet.client(0), &admin).await;
    // Even a look at the status is an event: the log stands still when nobody is left, and whoever ends last places the rest.
    for server in &mut fleet.servers {
        assert_eq!(server.terminate().unwrap(), Some(0));
    }
    judge(&world, &fleet, &shared).await;
    say(&format!(
        "{kills} kills of the leader, of the replicas {killed:?}"
    ));
}

/// What the log and the clients say of one another.
async fn judge(world: &World, fleet: &Fleet, shared: &Shared) {
    let url = world.database_url();
    let number = async |sql: &str| sql::number(&url, sql).await.unwrap();
    let entries = number("SELECT count(*) FROM audit_leaf").await;
    assert_eq!(number("SELECT min(seq) FROM audit_leaf").await, 0);
    assert_eq!(
        number("SELECT max(seq) FROM audit_leaf").await + 1,
        entries,
        "gaps"
    );
    assert_eq!(
        number("SELECT count(DISTINCT event_id) FROM audit_leaf").await,
        entries,
        "twice"
    );
    let unplaced = "SELECT count(*) FROM audit_intake i WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.event_id = i.id)";
    assert_eq!(number(unplaced).await, 0, "without a place");
    assert_eq!(number("SELECT count(*) FROM audit_intake").await, entries, "lost");
    let rows = sql::texts(&url, "SELECT DISTINCT request_id FROM audit_intake")
        .await
        .unwrap();
    let recorded: HashSet<String> = rows.into_iter().flatten().collect();
    let kept = number("SELECT count(*) FROM audit_checkpoint").await;
    let epochs = number("SELECT epoch FROM leases WHERE name = 'audit-sequencer'").await;
    let seen = shared.seen.lock().unwrap();
    let missing: Vec<&String> = seen
        .acknowledged
        .iter()
        .filter(|id| !recorded.contains(*id))
        .collect();
    assert!(missing.is_empty(), "acknowledged and not in the log: {missing:?}");
    assert!(seen.changes > 0 && seen.reads > 0);
    for site in &fleet.sites {
        // Against the head that this replica has noted, and with the tree recomputed at the size of every kept checkpoint.
        assert!(site.data().join("audit-head").is_file());
        assert_verified(site);
    }
    say(&format!(
        "{} acknowledged requests ({} changes, {} reads) and {} without an answer; {entries} entries, dense, each event once; \
         {kept} kept checkpoints, verified with the heads of {} replicas; the lease changed hands {epochs} times",
        seen.acknowledged.len(),
        seen.changes,
        seen.reads,
        seen.unanswered,
        REPLICAS.len(),
    ));
}

struct Fleet {
    sites: Vec<ServerBuilder>,
    servers: Vec<ServerProcess>,
}

impl Fleet {
    fn start(world: &World) -> Self {
        let sites: Vec<ServerBuilder> = REPLICAS.iter().map(|name| world.replica(name)).collect();
        let mut servers: Vec<ServerProcess> = sites.iter().map(|site| site.launch().unwrap()).collect();
        for server in &mut servers {
            server.wait_ready().unwrap();
        }
        Self { sites, servers }
    }

    fn client(&self, replica: usize) -> ApiClient {
        ApiClient::new(self.servers[replica].base_url()).unwrap()
    }

    fn addresses(&self) -> Vec<String> {
        let bases = self.servers.iter().map(ServerProcess::base_url);
        bases.map(str::to_owned).collect()
    }

    /// Which replica holds the lease, by the holder that it has logged.
    async fn holds(&self, world: &World) -> Option<usize> {
        let rows = sql::texts(&world.database_url(), HOLDER).await.unwrap();
        let holder = rows.first()?.first()?.clone();
        self.servers
            .iter()
            .position(|server| server.own_logs().contains(&holder))
    }

    async fn leader(&self, world: &World) -> usize {
        let mut leader = None;
        eventually("somebody leads", async || {
            leader = self.holds(world).await;
            leader.is_some()
        })
        .await;
        leader.unwrap()
    }

    async fn another_leads(&self, world: &World, than: usize) {
        eventually("another one leads", async || {
            self.holds(world).await.is_some_and(|leader| leader != than)
        })
        .await;
    }

    fn restart(&mut self, replica: usize) {
        self.servers[replica] = self.sites[replica].spawn().unwrap();
    }
}

/// The secret of the replica that was first is good at all of them.
async fn bootstrap_anywhere(fleet: &Fleet) -> Admin {
    let (api, person) = (fleet.client(0), Person::new("admin"));
    for token in fleet.servers.iter().filter_map(ServerProcess::bootstrap_token) {
        if api.bootstrap(&token, &person).send().await.unwrap().status == 201 {
            return Admin::login(&api, person).await;
        }
    }
    panic!("no bootstrap token is good")
}

/// What the clients are told, and what they saw.
struct Shared {
    stop: AtomicBool,
    addresses: Mutex<Vec<String>>,
    admin: Mutex<Tokens>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The ids of requests that were answered with success.
    acknowledged: Vec<String>,
    changes: usize,
    reads: usize,
    unanswered: usize,
    refusals: Vec<String>,
}

impl Shared {
    fn new(addresses: Vec<String>, admin: Tokens) -> Self {
        Self {
            stop: AtomicBool::new(false),
            addresses: Mutex::new(addresses),
            admin: Mutex::new(admin),
            seen: Mutex::default(),
        }
    }

    fn acknowledged(&self) -> usize {
        self.seen.lock().unwrap().acknowledged.len()
    }

    fn refusals(&self) -> Vec<String> {
        self.seen.lock().unwrap().refusals.clone()
    }

    fn follow(&self, addresses: Vec<String>) {
        *self.addresses.lock().unwrap() = addresses;
    }

    fn sign_in(&self, tokens: Tokens) {
        *self.admin.lock().unwrap() = tokens;
    }
}

struct Client {
    shared: Arc<Shared>,
    replica: usize,
    changes: bool,
    api: ApiClient,
}

impl Client {
    fn start(shared: &Arc<Shared>, number: usize, api: &ApiClient) -> JoinHandle<()> {
        let client = Self {
            shared: Arc::clone(shared),
            replica: number % REPLICAS.len(),
            changes: (number / REPLICAS.len()).is_multiple_of(2),
            api: api.clone(),
        };
        tokio::spawn(client.work())
    }

    async fn work(self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let api = self.api.at(&self.shared.addresses.lock().unwrap()[self.replica]);
            let call = if self.changes {
                api.register(&Person::new("load"))
            } else {
                let access = self.shared.admin.lock().unwrap().access.clone();
                api.get("/api/v1/users?limit=3").bearer(&access)
            };
            if !self.note(call.send().await) {
                // Its replica is away: let it come back.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn note(&self, result: reqwest::Result<Answer>) -> bool {
        let mut seen = self.shared.seen.lock().unwrap();
        match result {
            Ok(answer) if answer.status < 400 => {
                let id = answer.header("x-request-id").expect("each answer has one");
                seen.acknowledged.push(id.to_owned());
                *(if self.changes {
                    &mut seen.changes
                } else {
                    &mut seen.reads
                }) += 1;
                true
            }
            // A replica that has just started may still be asked before it is ready; it says so.
            Ok(answer) if answer.status == 503 => false,
            Ok(answer) => {
                seen.refusals
                    .push(format!("{}: {}", answer.status, answer.text()));
                false
            }
            Err(_) => {
                seen.unanswered += 1;
                false
            }
        }
    }
}

/// Xorshift (Marsaglia 2003): enough to choose a moment.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
