//! Witnesses as processes of their own, and a log that submits to them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use tempfile::TempDir;
use vutf_audit::{
    MemoryLog, leaf_hash,
    tlog::{
        Checkpoint, KeyName, Note, PolicyFile, Trust as _, TrustPolicy, VerifierKey,
        publish::{MemoryCosignatures, MemoryPublished, PublishedLog as _, SignedHead, cosigned_checkpoint},
        witness::AddCheckpoint,
    },
};
use vutf_kernel::{Ambient, BreakerOptions, Event, EventRecorder, Fault, PortError, Secret};
use vutf_server::{
    service::{HttpWitness, Target, WitnessPorts, Witnesses},
    telemetry::Metrics,
};
use vutf_testkit::{
    client::ApiClient,
    process::{ServerBuilder, ServerProcess},
    servers::Place,
    sql,
};

use super::{World, eventually, say};

const ORIGIN: &str = "log.example.org/audit";
const ROUNDS: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(20);

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

fn log() -> (MemoryPublished, VerifierKey) {
    MemoryPublished::keyed(name(ORIGIN), &Secret::new([1; 32])).unwrap()
}

fn leaves(count: u64, salt: u64) -> impl Iterator<Item = [u8; 32]> {
    (0..count).map(move |number| leaf_hash(&[number.to_be_bytes(), salt.to_be_bytes()].concat()))
}

/// A witness's home, and how it is started.
struct Site {
    home: TempDir,
    builder: ServerBuilder,
    key: VerifierKey,
}

impl Site {
    fn new(who: &str, log: &VerifierKey) -> Self {
        let home = tempfile::tempdir_in(Place::Memory.root()).unwrap();
        let builder = ServerProcess::builder(home.path())
            .unwrap()
            .arguments(&["witness", "serve"])
            .env("VUTF__WITNESS__PORT", "0")
            .env("VUTF__WITNESS__LOGS", &log.to_string());
        let made = builder
            .command(&["witness", "init", "--name", who, "--json"])
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let key = VerifierKey::parse(made["vkey"].as_str().unwrap()).unwrap();
        Self { home, builder, key }
    }

    fn start(&self) -> ServerProcess {
        self.builder.spawn().unwrap()
    }

    fn directory(&self) -> PathBuf {
        self.builder.data().join("witness")
    }

    fn target(&self, url: &str) -> Target {
        let breaker = BreakerOptions {
            failures: 1_000,
            cool_down: Duration::from_millis(1),
        };
        Target {
            key: self.key.clone(),
            call: HttpWitness::new(HttpWitness::client().unwrap(), url, PATIENCE, breaker),
        }
    }
}

#[derive(Clone, Default)]
struct Recorded {
    events: Arc<Mutex<Vec<Event>>>,
    down: Arc<AtomicBool>,
}

#[async_trait]
impl EventRecorder for Recorded {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(PortError::new("audit.append", Fault::Unreachable, "planted"));
        }
        self.events.lock().unwrap().push(event);
        Ok(())
    }
}

impl Recorded {
    /// What was recorded since, as witness and kind.
    fn conflicts(&self) -> Vec<(String, String)> {
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let told = |event: Event| {
            assert_eq!(event.action, "audit.witness.conflict");
            let vutf_kernel::Outcome::Refused { reason } = &event.outcome else {
                panic!("{:?}", event.outcome)
            };
            let Some(vutf_kernel::Detail::Text(witness)) = event.details.get("witness") else {
                panic!("{:?}", event.details)
            };
            (witness.clone(), reason.to_string())
        };
        events.into_iter().map(told).collect()
    }
}

/// A log that submits.
struct Submitter {
    witnesses: Witnesses,
    recorded: Recorded,
    metrics: Arc<Metrics>,
}

impl Submitter {
    fn new(log: &MemoryPublished, targets: Vec<Target>, kept: MemoryCosignatures) -> Self {
        let (recorded, metrics) = (Recorded::default(), Arc::new(Metrics::new().unwrap()));
        let ports = WitnessPorts {
            log: Arc::new(log.clone()),
            kept: Arc::new(kept),
            recorder: Arc::new(recorded.clone()),
            leases: Arc::new(MemoryLog::unsealed()),
            ambient: Ambient::system(),
        };
        Self {
            witnesses: Witnesses::new(ports, targets, 2, Arc::clone(&metrics)),
            recorded,
            metrics,
        }
    }

    fn sizes(&self) -> Vec<u64> {
        self.witnesses
            .status()
            .witnesses()
            .iter()
            .map(|(_, state)| state.size)
            .collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A log with three witnesses, of whom two are demanded.
struct Trio {
    log: MemoryPublished,
    log_key: VerifierKey,
    sites: [Site; 3],
    servers: Vec<ServerProcess>,
    kept: MemoryCosignatures,
}

impl Trio {
    fn start() -> Self {
        let (log, log_key) = log();
        let sites =
            ["w1.example.org", "w2.example.org", "w3.example.org"].map(|who| Site::new(who, &log_key));
        Self {
            servers: sites.iter().map(Site::start).collect(),
            kept: MemoryCosignatures::default(),
            log,
            log_key,
            sites,
        }
    }

    fn submitter(&self) -> Submitter {
        let both = self.sites.iter().zip(&self.servers);
        let targets = both.map(|(site, server)| site.target(server.base_url()));
        Submitter::new(&self.log, targets.collect(), self.kept.clone())
    }

    /// Somebody with the log's key shows a witness another log.
    async fn show_a_fork_to(&self, number: usize) {
        let fork = self.log.fork();
        fork.append(leaves(2, 77));
        let target = self.sites[number].target(self.servers[number].base_url());
        let submitter = Submitter::new(&fork, vec![target], MemoryCosignatures::default());
        submitter.witnesses.round().await.unwrap();
    }

    /// Its directory is put back as it was.
    fn restore(&mut self, number: usize, older: &Path) {
        let site = &self.sites[number];
        self.servers[number].kill9().unwrap();
        fs::remove_dir_all(site.directory()).unwrap();
        copy(older, &site.directory());
        self.servers[number] = site.start();
    }

    /// Whoever demands two of the three believes the checkpoint of this size, and whoever demands all does not.
    async fn assert_two_of_three_at(&self, size: u64) {
        let keys: Vec<_> = self.sites.iter().map(|site| site.key.clone()).collect();
        let served = cosigned_checkpoint(&self.kept, size, &keys)
            .await
            .unwrap()
            .unwrap();
        let policy = |threshold: &str| {
            let witness = |(n, key)| format!("witness W{n} {key}\n");
            let witnesses = (1..).zip(&keys).map(witness).collect::<Vec<_>>().concat();
            let (log, group) = (&self.log_key, "group G");
            let text = format!("log {log}\n{witnesses}{group} {threshold} W1 W2 W3\nquorum G\n");
            PolicyFile::parse(&text).unwrap().verify(&served)
        };
        assert_eq!(policy("2").unwrap().checkpoint.size, size);
        assert!(policy("all").is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_are_enough_and_a_fork_and_a_rollback_are_told() {
    let mut trio = Trio::start();
    let submitter = trio.submitter();
    let (status, recorded) = (submitter.witnesses.status(), &submitter.recorded);
    let round = async || submitter.witnesses.round().await.unwrap();
    round().await;
    assert!(submitter.sizes().is_empty(), "there is nothing to submit yet");
    trio.log.append(leaves(10, 0));
    round().await;
    assert_eq!(
        (submitter.sizes(), status.quorum_size()),
        (vec![10, 10, 10], Some(10))
    );
    let older = trio.sites[2].home.path().join("older");
    copy(&trio.sites[2].directory(), &older);

    // One is down: the others are enough.
    trio.servers[0].kill9().unwrap();
    trio.log.append(leaves(5, 1));
    round().await;
    assert_eq!(
        (submitter.sizes(), status.quorum_size()),
        (vec![10, 15, 15], Some(15))
    );
    assert_eq!(recorded.conflicts(), []);
    let failure = "vutf_audit_witness_failures_total{witness=\"w1.example.org\"} 1";
    assert!(submitter.metrics.render().contains(failure));

    // The second has seen another log: told once, however often it says so, and evidence with it.
    trio.show_a_fork_to(1).await;
    trio.log.append(leaves(5, 2));
    round().await;
    assert_eq!(recorded.conflicts(), told([("w2.example.org", "fork")]));
    assert!(status.is_contradicted());
    assert_eq!(
        (submitter.sizes(), status.quorum_size()),
        (vec![10, 15, 20], Some(15))
    );
    round().await;
    assert_eq!(recorded.conflicts(), []);
    let listed = trio.sites[1]
        .builder
        .command(&["witness", "status", "--json"])
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        (&listed["logs"][0]["size"], &listed["logs"][0]["doubts"]),
        (&17.into(), &1.into())
    );

    // The third gets an older directory back: it breaks its word, and is told of.
    trio.servers[0] = trio.sites[0].start();
    trio.restore(2, &older);
    trio.log.append(leaves(5, 3));
    let submitter = trio.submitter();
    // While the log takes nothing the alarms are owed, and the witness that broke its word does not repeat that.
    submitter.recorded.down.store(true, Ordering::Relaxed);
    submitter.witnesses.round().await.unwrap_err();
    submitter.recorded.down.store(false, Ordering::Relaxed);
    submitter.witnesses.round().await.unwrap();
    let mut conflicts = submitter.recorded.conflicts();
    conflicts.sort();
    assert_eq!(
        conflicts,
        told([("w2.example.org", "fork"), ("w3.example.org", "forgot")])
    );
    let status = submitter.witnesses.status();
    assert_eq!(
        (submitter.sizes(), status.quorum_size()),
        (vec![25, 15, 25], Some(25))
    );
    trio.assert_two_of_three_at(25).await;
}

fn told<const N: usize>(conflicts: [(&str, &str); N]) -> Vec<(String, String)> {
    conflicts
        .map(|(who, kind)| (who.to_owned(), kind.to_owned()))
        .into()
}

/// A cosigned checkpoint, as far as the drill compares them.
type Answered = Arc<Mutex<Vec<(u64, [u8; 32])>>>;

/// Submits what one of two forked logs has, over and over, and notes what was cosigned.
async fn press(log: MemoryPublished, url: String, salt: u64, answered: Answered, stop: Arc<AtomicBool>) {
    let http = HttpWitness::client().unwrap();
    let (mut old, mut grown) = (0_u64, 0_u64);
    while !stop.load(Ordering::Relaxed) {
        grown += 1;
        log.append(leaves(1 + grown % 5, salt + grown));
        let head = SignedHead::read(&log.newest_checkpoint().await.unwrap().unwrap()).unwrap();
        let size = head.checkpoint.size;
        let proof = if old == 0 {
            vec![]
        } else {
            log.consistency(old.min(size), size).await.unwrap()
        };
        let request = AddCheckpoint {
            old,
            proof,
            checkpoint: head.note.clone(),
        };
        let answer = http
            .post(format!("{url}/add-checkpoint"))
            .body(request.to_string())
            .send()
            .await;
        let Ok(answer) = answer else { continue };
        let status = answer.status().as_u16();
        let Ok(body) = answer.text().await else { continue };
        match status {
            200 => {
                answered.lock().unwrap().push((size, head.checkpoint.root));
                old = size;
            }
            409 => old = body.trim().parse().unwrap(),
            _ => {}
        }
    }
}

fn cosigned_of(directory: &Path) -> Option<Checkpoint> {
    let mut files = fs::read_dir(directory.join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_none())?;
    let note = Note::parse(&fs::read_to_string(file).unwrap()).unwrap();
    Some(Checkpoint::parse(note.text()).unwrap())
}

/// Both logs are signed by one key and begin alike. Whatever the witness had answered when it was killed is where it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_a_witness_that_is_killed_cosigns_no_fork_and_nothing_smaller() {
    let (log, log_key) = log();
    log.append(leaves(3, 0));
    let branches = [log.clone(), log.fork()];
    let site = Site::new("w1.example.org", &log_key);
    let (answered, mut random) = (Answered::default(), 0x5eed_2026_0033_u64);
    let mut largest = 0;
    for round in 0..ROUNDS {
        let mut server = site.start();
        let (url, stop) = (server.base_url().to_owned(), Arc::new(AtomicBool::new(false)));
        let before = answered.lock().unwrap().len();
        let tasks: Vec<_> = (0_u64..)
            .zip(branches.iter().chain(&branches))
            .map(|(number, branch)| {
                let salt = 1_000_000 * (number + 1) + 10_000 * u64::from(round);
                tokio::spawn(press(
                    branch.clone(),
                    url.clone(),
                    salt,
                    Arc::clone(&answered),
                    Arc::clone(&stop),
                ))
            })
            .collect();
        eventually("it cosigns", async || answered.lock().unwrap().len() > before + 2).await;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(random % 100)).await;
        server.kill9().unwrap();
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        let told = answered
            .lock()
            .unwrap()
            .iter()
            .map(|(size, _)| *size)
            .max()
            .unwrap();
        let kept = cosigned_of(&site.directory()).unwrap();
        assert!(
            kept.size >= told && kept.size >= largest,
            "round {round}: {} after {told}",
            kept.size
        );
        largest = kept.size;
    }
    let answered = answered.lock().unwrap().clone();
    assert_in_one_branch(&branches, &answered).await;
    say(&format!(
        "{} cosignatures under two forked logs, {ROUNDS} kills, one branch, none smaller",
        answered.len()
    ));
}

/// Every cosigned root is that of one and the same branch at its size: it leads to that branch's end.
async fn assert_in_one_branch(branches: &[MemoryPublished], answered: &[(u64, [u8; 32])]) {
    let mut in_branch = Vec::new();
    for branch in branches {
        let head = SignedHead::read(&branch.newest_checkpoint().await.unwrap().unwrap())
            .unwrap()
            .checkpoint;
        let mut fitting = 0;
        for (size, root) in answered {
            let proof = branch
                .consistency((*size).min(head.size), head.size)
                .await
                .unwrap();
            let fits = vutf_audit::merkle::verify_consistency(*size, head.size, &proof, root, &head.root);
            fitting += usize::from(fits.is_ok());
        }
        in_branch.push(fitting);
    }
    assert!(
        in_branch.contains(&answered.len()),
        "{in_branch:?} of {}",
        answered.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_answers_as_the_specification_says() {
    let (log, log_key) = log();
    let site = Site::new("w1.example.org", &log_key);
    let server = site.start();
    let (http, url) = (HttpWitness::client().unwrap(), server.base_url().to_owned());
    let post = async |body: String| {
        let answer = http
            .post(format!("{url}/add-checkpoint"))
            .body(body)
            .send()
            .await
            .unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let checkpoint = log.append(leaves(4, 0));
    let request = |old, checkpoint: &str| {
        AddCheckpoint {
            old,
            proof: vec![],
            checkpoint: checkpoint.to_owned(),
        }
        .to_string()
    };
    let monitored = {
        use sha2::Digest as _;
        format!("{url}/{}/checkpoint", hex::encode(sha2::Sha256::digest(ORIGIN)))
    };
    let get = async |url: &str| {
        let answer = http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get(&monitored).await.0, 404);
    let (status, _, line) = post(request(0, &checkpoint)).await;
    assert_eq!(status, 200);
    let shown = get(&monitored).await;
    assert_eq!(shown, (200, format!("{checkpoint}{line}")));
    let trusted = TrustPolicy {
        log: log_key.clone(),
        witnesses: vec![site.key.clone()],
        quorum: 1,
    }
    .verify(&shown.1);
    assert_eq!(trusted.unwrap().cosigned.len(), 1);
    assert_eq!(
        post(request(0, &checkpoint)).await,
        (409, "text/x.tlog.size".into(), "4\n".into())
    );
    let other = MemoryPublished::keyed(name("other.example.org"), &Secret::new([1; 32]))
        .unwrap()
        .0;
    let stranger = MemoryPublished::keyed(name(ORIGIN), &Secret::new([2; 32]))
        .unwrap()
        .0;
    let fork = self::log().0;
    for (body, expected) in [
        ("nonsense".to_owned(), 400),
        (request(9, &checkpoint), 400),
        (request(4, &other.append(leaves(5, 0))), 404),
        (request(4, &stranger.append(leaves(5, 0))), 403),
        (request(4, &fork.append(leaves(4, 9))), 422),
        ("x".repeat(200 * 1024), 413),
    ] {
        let (status, kind, text) = post(body).await;
        assert_eq!(
            (status, kind.as_str()),
            (expected, "application/problem+json"),
            "{text}"
        );
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["status"], expected);
    }
    for path in ["/", "/metrics", "/AA/checkpoint", "/add-checkpoint"] {
        assert_eq!(get(&format!("{url}{path}")).await.0, 404, "{path}");
    }
    // Two processes with one memory would cosign two logs.
    let second = site.builder.run().unwrap();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(
        second.stderr.contains("another process is the witness"),
        "{}",
        second.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_ends_in_good_order() {
    let (_, log_key) = log();
    let mut server = Site::new("w1.example.org", &log_key).start();
    assert_eq!(server.terminate().unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_submits_what_its_sequencer_signs() {
    let world = World::sqlite();
    let mut server = world.server().spawn().unwrap();
    let vkeys = world.server().data().join("audit-log.vkeys");
    eventually("the log's key is noted", async || vkeys.is_file()).await;
    let vkey = fs::read_to_string(&vkeys).unwrap();
    let log_key = VerifierKey::parse(vkey.lines().next().unwrap()).unwrap();
    server.terminate().unwrap();
    drop(server);
    let site = Site::new("w1.example.org", &log_key);
    let witness = site.start();
    let server = world
        .server()
        .env(
            "VUTF__AUDIT__WITNESSES",
            &format!("{} {}", site.key, witness.base_url()),
        )
        .env("VUTF__AUDIT__WITNESS_QUORUM", "1")
        .env("VUTF__AUDIT__WITNESS_INTERVAL", "1s")
        .spawn()
        .unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    super::Admin::bootstrap(&server, &api).await;
    let url = world.database_url();
    let kept = "SELECT count(*) FROM audit_cosignature WHERE size > 3";
    eventually("what was done is cosigned", async || {
        sql::number(&url, kept).await.unwrap() > 0
    })
    .await;
    let management = ApiClient::new(server.management_url()).unwrap();
    eventually("and the metrics say so", async || {
        let text = management.get("/metrics").send().await.unwrap().text();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<i64>().ok())
                .unwrap_or(0)
        };
        value("vutf_audit_witness_quorum_size ") > 3 && value("vutf_audit_witness_size{") > 3
    })
    .await;
}
