//! SIGKILL while the audit log is written to a file, ten times: every entry is there at least once, in order, without a gap.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use vutf_audit::{GENESIS, chain_after, leaf_hash};
use vutf_testkit::client::ApiClient;

use super::{
    World, eventually, say,
    world::{assert_verified, lag},
};

const ROUNDS: u32 = 10;
const CLIENTS: usize = 2;
/// Fixed, so that a run can be repeated as far as the machine allows.
const SEED: u64 = 0x5eed_2026_0011;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_sqlite() {
    killed_while_exporting(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres() {
    if let Some(world) = World::postgres().await {
        killed_while_exporting(world).await;
    }
}

async fn killed_while_exporting(world: World) {
    let started = Instant::now();
    let file = world.home().join("audit.jsonl");
    let site = world
        .server()
        .env("VUTF__LOG__LEVEL", "warn")
        // The shortest lease: whoever comes next waits for it.
        .env("VUTF__AUDIT__LEASE", "2s")
        .env("VUTF__AUDIT__EXPORT__TIMEOUT", "100ms")
        .env("VUTF__AUDIT__EXPORT__INTERVAL", "10ms")
        // Many moves of the token, and many files.
        .env("VUTF__AUDIT__EXPORT__BATCH", "5")
        .env("VUTF__AUDIT__EXPORT__FILE__ROTATE_SIZE", "64KiB")
        .env("VUTF__AUDIT__EXPORT__FILE__PATH", &file.to_string_lossy());
    let (mut random, mut sizes) = (SEED, BTreeSet::new());
    for round in 0..ROUNDS {
        let mut server = site.spawn().unwrap();
        let before = written(&file);
        let load = Load::of(&ApiClient::new(server.base_url()).unwrap());
        eventually("it exports again", async || written(&file) > before).await;
        random = next(random);
        tokio::time::sleep(Duration::from_micros(random % 60_000)).await;
        server.kill9().unwrap();
        load.finish().await;
        let now = written(&file);
        assert!(now > before, "round {round}");
        sizes.insert(now);
    }
    assert_eq!(sizes.len(), ROUNDS as usize, "each round got further");
    let mut server = site.spawn().unwrap();
    let management = ApiClient::new(server.management_url()).unwrap();
    eventually("everything is exported", async || {
        lag(&management, "file").await == Some(0)
    })
    .await;
    assert_eq!(server.terminate().unwrap(), Some(0));
    let (entries, again) = check(&file);
    let report = site.command(&["audit", "verify", "--json"]).unwrap();
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let head = report["head"]["seq"].as_i64().unwrap();
    // The end of the process may have placed an event after the last look.
    assert!(
        entries - 1 <= head && head - (entries - 1) <= 5,
        "{entries} of {head}"
    );
    assert_verified(&site);
    say(&format!(
        "{entries} entries exported through {ROUNDS} kills in {:.1} s, {again} of them again, none missing",
        started.elapsed().as_secs_f64()
    ));
}

/// Refusals are events, and cost little.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn of(api: &ApiClient) -> Self {
        let stop = Arc::new(AtomicBool::default());
        let client = || {
            let (api, stop) = (api.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) && api.get("/api/v1/users").send().await.is_ok() {}
            })
        };
        let tasks = (0..CLIENTS).map(|_| client()).collect();
        Self { stop, tasks }
    }

    async fn finish(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// The files in their order: those that were set aside, by the number in their names, and the one that grows.
fn files(path: &Path) -> Vec<std::path::PathBuf> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned() + ".";
    let beside = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut aside: Vec<_> = beside
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&name))
        .collect();
    aside.sort();
    aside.extend(path.exists().then(|| path.to_owned()));
    aside
}

fn written(path: &Path) -> u64 {
    let sizes = files(path)
        .into_iter()
        .map(|path| fs::metadata(path).map_or(0, |data| data.len()));
    sizes.sum()
}

/// How many entries there are, and how many lines repeat one. Every line is whole, continues or repeats, and is chained.
fn check(path: &Path) -> (i64, u64) {
    let files = files(path);
    assert!(files.len() > 2, "it was set aside: {files:?}");
    let (mut chains, mut again) = (vec![GENESIS], 0);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with('\n'), "{}", file.display());
        for line in text.lines() {
            let seq = serde_json::from_str::<Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap();
            let seq = usize::try_from(seq).unwrap();
            let body = line
                .split_once(",\"body\":")
                .unwrap()
                .1
                .strip_suffix('}')
                .unwrap();
            assert!(seq < chains.len(), "{seq} follows {}", chains.len() - 2);
            let chain = chain_after(&chains[seq], &leaf_hash(body.as_bytes()));
            if seq + 1 == chains.len() {
                chains.push(chain);
            } else {
                assert_eq!(chains[seq + 1], chain, "{seq} again, and as before");
                again += 1;
            }
        }
    }
    (i64::try_from(chains.len()).unwrap() - 1, again)
}

/// Xorshift (Marsaglia 2003): enough to choose a moment.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
