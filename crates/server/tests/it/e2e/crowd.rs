//! The races of a sign-in with 32 and with 256 callers, at three replicas on PostgreSQL and Redis and at one process on SQLite: the
//! same counts everywhere.

use std::collections::{BTreeMap, HashSet};

use vutf_testkit::{
    authenticator::Authenticator,
    client::{ApiClient, Person},
    process::ServerProcess,
    sql,
};

use super::{
    Admin, World,
    races::{at_once, statuses, without_id},
    world::signed_in,
};

macro_rules! crowds {
    ($($name:ident),+) => {$(
        mod $name {
            use super::{Site, World};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn drill_one_process() {
                for callers in super::CROWDS {
                    super::$name(Site::raise(World::sqlite(), 1).await, callers).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn drill_three_replicas() {
                for callers in super::CROWDS {
                    let Some(world) = World::postgres().await else {
                        return;
                    };
                    super::$name(Site::raise(world, 3).await, callers).await;
                }
            }
        }
    )+};
}

crowds!(
    one_refresh_token,
    wrong_passwords,
    one_code,
    one_backup_code,
    what_ended_stays_ended
);

const CROWDS: [usize; 2] = [32, 256];
/// Attempts before the first wait.
const FREE: usize = 5;
const NAMES: [&str; 3] = ["one", "two", "three"];

/// One service, however many processes it is, and who runs it.
struct Site {
    world: World,
    servers: Vec<ServerProcess>,
    apis: Vec<ApiClient>,
    admin: Admin,
}

impl Site {
    async fn raise(world: World, replicas: usize) -> Self {
        // The cheapest hash that the service accepts, since every caller costs one; and whoever is barred stays so. Everybody calls
        // from one address.
        let world = world
            .with("VUTF__IDENTITY__ARGON2__MEMORY_KIB", "12288")
            .with("VUTF__IDENTITY__LOCKOUT__DELAYS", "10m")
            .with("VUTF__IDENTITY__LOCKOUT__ADDRESS_FAILURES", "1000000")
            .with("VUTF__IDENTITY__LOCKOUT__NETWORK_FAILURES", "1000000")
            .with("VUTF__IDENTITY__REFRESH_GRACE", "60s");
        let servers = start(&world, replicas);
        let apis = clients(&servers);
        let admin = Admin::bootstrap(&servers[0], &apis[0]).await;
        Self {
            world,
            servers,
            apis,
            admin,
        }
    }

    /// The process that a caller reaches.
    fn api(&self, caller: usize) -> &ApiClient {
        &self.apis[caller % self.apis.len()]
    }

    /// Ends every process in good order, and starts all of them anew.
    fn restart(&mut self) {
        for server in &mut self.servers {
            assert_eq!(server.terminate().unwrap(), Some(0));
        }
        self.servers = start(&self.world, self.servers.len());
        self.apis = clients(&self.servers);
    }

    async fn number(&self, query: &str) -> i64 {
        sql::number(&self.world.database_url(), query).await.unwrap()
    }

    /// Why sign-ins of a person were refused, and how often.
    async fn reasons(&self, subject: &str) -> BTreeMap<String, usize> {
        let path = format!("/api/v1/audit/events?action=session.login&outcome=refused&subject={subject}");
        let events = self.apis[0].all(&path, &self.admin.tokens).await.unwrap();
        let mut counts = BTreeMap::new();
        for event in events {
            let reason = event["outcome"]["reason"].as_str().unwrap().to_owned();
            *counts.entry(reason).or_default() += 1;
        }
        counts
    }
}

fn start(world: &World, replicas: usize) -> Vec<ServerProcess> {
    let names = NAMES.iter().take(replicas);
    names.map(|name| world.replica(name).spawn().unwrap()).collect()
}

fn clients(servers: &[ServerProcess]) -> Vec<ApiClient> {
    let urls = servers.iter().map(ServerProcess::base_url);
    urls.map(|url| ApiClient::new(url).unwrap()).collect()
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

/// Everybody has the same successor, and the family has one head.
async fn one_refresh_token(site: Site, callers: usize) {
    let first = signed_in(site.api(0), &Person::new("ada")).await;
    let answers = at_once((0..callers).map(|caller| site.api(caller).refresh(&first.refresh))).await;
    let statuses = statuses(&answers);
    assert_eq!(count(&statuses, 200), callers, "{statuses:?}");
    let successors: HashSet<_> = answers
        .iter()
        .map(|answer| answer.tokens().unwrap().refresh)
        .collect();
    assert_eq!(successors.len(), 1, "one token, one successor");
    let heads = "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL AND family_id IN \
                 (SELECT id FROM refresh_families WHERE generation = 1 AND revoked_at IS NULL)";
    assert_eq!(site.number(heads).await, 1);
}

/// Five guesses are looked at, wherever they come in; the others are not, and cannot tell.
async fn wrong_passwords(mut site: Site, callers: usize) {
    let person = Person::new("ada");
    let made = site.api(0).register(&person).expect(201).await.unwrap();
    let id = made.id().unwrap();
    let answers = at_once((0..callers).map(|caller| {
        site.api(caller).login(&Person {
            password: format!("a wrong phrase, number {caller}"),
            ..person.clone()
        })
    }))
    .await;
    let statuses = statuses(&answers);
    assert_eq!(count(&statuses, 401), callers, "{statuses:?}");
    let bodies: HashSet<_> = answers.iter().map(without_id).collect();
    assert_eq!(bodies.len(), 1, "a caller cannot tell why it was refused");
    let reasons = site.reasons(&id).await;
    let wanted = BTreeMap::from([
        ("barred".to_owned(), callers - 5),
        ("wrong_password".to_owned(), 5),
    ]);
    assert_eq!(reasons, wanted);
    // No process has forgotten when all of them start anew, and none of them knows better.
    site.restart();
    for api in &site.apis {
        api.login(&person).expect(401).await.unwrap();
    }
}

/// Somebody with an app, and as many proofs of the password as there will be callers.
async fn challenges(site: &Site, callers: usize) -> (Authenticator, Vec<String>) {
    let person = Person::new("ada");
    let tokens = signed_in(site.api(0), &person).await;
    let app = Authenticator::enrol(site.api(0), &tokens).await.unwrap();
    let mut answers = Vec::new();
    let all: Vec<usize> = (0..callers).collect();
    // Each attempt is counted before it is judged: more at once than are free would be barred.
    for few in all.chunks(FREE) {
        answers.extend(at_once(few.iter().map(|caller| site.api(*caller).login(&person))).await);
    }
    let challenges = answers.iter().map(|answer| {
        let body = answer.json().unwrap();
        assert_eq!(body["status"], "mfa_required", "{body}");
        body["challenge"].as_str().unwrap().to_owned()
    });
    let challenges = challenges.collect();
    (app, challenges)
}

/// One of all callers opens a session; the session in which the app was enrolled has both factors, too.
async fn proved_once(site: &Site, challenges: &[String], method: &str, code: &str) {
    let calls = challenges
        .iter()
        .enumerate()
        .map(|(caller, challenge)| site.api(caller).verify_mfa(challenge, method, code));
    let statuses = statuses(&at_once(calls).await);
    assert_eq!(count(&statuses, 200), 1, "{statuses:?}");
    assert_eq!(count(&statuses, 401), challenges.len() - 1, "{statuses:?}");
    let opened = site
        .number("SELECT count(*) FROM sessions WHERE aal = 'aal2'")
        .await;
    assert_eq!(opened, 1 + 1);
}

async fn one_code(site: Site, callers: usize) {
    let (mut app, challenges) = challenges(&site, callers).await;
    let code = app.next_code().await;
    proved_once(&site, &challenges, "totp", &code).await;
}

async fn one_backup_code(site: Site, callers: usize) {
    let (app, challenges) = challenges(&site, callers).await;
    proved_once(&site, &challenges, "backup_code", &app.backup_codes[0]).await;
    assert_eq!(site.number("SELECT count(*) FROM backup_codes").await, 9);
}

/// Everybody ends the same session at once: it ends once, and no process brings it back.
async fn what_ended_stays_ended(mut site: Site, callers: usize) {
    let tokens = signed_in(site.api(0), &Person::new("ada")).await;
    let answers = at_once((0..callers).map(|caller| site.api(caller).logout(&tokens))).await;
    let statuses = statuses(&answers);
    assert!(count(&statuses, 204) >= 1, "{statuses:?}");
    assert_eq!(
        count(&statuses, 204) + count(&statuses, 401),
        callers,
        "{statuses:?}"
    );
    let path = "/api/v1/audit/events?action=session.logout&outcome=success";
    let events = site.apis[0].all(path, &site.admin.tokens).await.unwrap();
    let ended = events.iter().filter(|event| event["details"]["repeated"] != true);
    assert_eq!(ended.count(), 1);
    site.restart();
    for api in &site.apis {
        api.me(&tokens).expect(401).await.unwrap();
        api.refresh(&tokens.refresh).expect(401).await.unwrap();
    }
}
