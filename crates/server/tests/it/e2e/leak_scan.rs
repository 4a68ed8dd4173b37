//! Unmistakable values go through the whole API, failures included; then the database's files, a dump, the logs and the
//! metrics are searched for them.

use std::{fs, net::Ipv6Addr, process::Command};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use vutf_testkit::{
    client::{ApiClient, Call, Person, Tokens},
    process::ServerProcess,
    random,
    servers::find_binaries,
};

use super::{
    Admin, World,
    needles::{Needle, found_in},
    world::sequenced,
};

const IPV4: &str = "203.0.113.177";
const IPV6: &str = "2001:db8:dead:beef:c0ff:ee00:1234:5678";

#[tokio::test]
async fn drill_sqlite() {
    leaves_no_trace(World::sqlite()).await;
}

#[tokio::test]
async fn drill_postgres() {
    if let Some(world) = World::postgres().await {
        leaves_no_trace(world).await;
    }
}

/// Everything that was planted.
struct Planted {
    agent: String,
    display_name: String,
    phone: String,
    needles: Vec<Needle>,
}

impl Planted {
    fn new(kek: &str) -> Self {
        let tag = random::hex::<6>();
        let digits: String = tag.bytes().map(|byte| char::from(b'0' + byte % 10)).collect();
        let mut planted = Self {
            agent: format!("PlantedAgent/{tag}"),
            display_name: format!("Planted Displayname {tag}"),
            phone: format!("+1{digits}"),
            needles: Vec::new(),
        };
        let key: Vec<u8> = (0..32)
            .map(|index| u8::from_str_radix(&kek[2 * index..2 * index + 2], 16).unwrap())
            .collect();
        planted.needles.push(Needle::bytes("key-encryption key", &key));
        planted.plant("IPv4 address", IPV4);
        planted.plant("IPv6 address", IPV6);
        let octets = IPV6.parse::<Ipv6Addr>().unwrap().octets();
        planted.needles.push(Needle::bytes("IPv6 octets", &octets));
        for (name, value) in [
            ("User-Agent", planted.agent.clone()),
            ("display name", planted.display_name.clone()),
            ("phone", planted.phone.clone()),
        ] {
            planted.plant(name, &value);
        }
        planted
    }

    fn plant(&mut self, name: &str, value: &str) {
        self.needles.push(Needle::text(name, value));
    }

    /// The hashes that a dictionary could be tried against.
    fn digests(&mut self, typed: &str) {
        let canonical = typed.to_lowercase();
        let separated = format!("vutf/guard/v1\0name\0{canonical}");
        for (form, text) in [
            ("plain", typed),
            ("canonical", &canonical),
            ("separated", &separated),
        ] {
            let name = format!("{form} SHA-256 of a name");
            self.needles.push(Needle::bytes(&name, &Sha256::digest(text)));
        }
    }

    fn person(&mut self, prefix: &str) -> Person {
        let person = Person::new(prefix);
        self.plant("username", &person.username);
        self.plant("e-mail", &person.email);
        self.plant("password", &person.password);
        person
    }

    fn tokens(&mut self, tokens: &Tokens) {
        self.plant("refresh token", &tokens.refresh);
        self.plant("access token", &tokens.access);
        // Each part alone too: payload and signature.
        let payload = tokens.access.rsplit('.').nth(1).unwrap_or_default().to_owned();
        self.plant("payload of an access token", &payload);
    }

    /// With the planted origin.
    fn with_origin(&self, call: Call, address: &str) -> Call {
        call.header("x-forwarded-for", address)
            .header("user-agent", &self.agent)
    }
}

async fn leaves_no_trace(world: World) {
    let site = world
        .server()
        .env("VUTF__SERVER__TRUSTED_PROXIES", "127.0.0.1/32")
        .env("VUTF__LOG__LEVEL", "debug");
    let mut planted = Planted::new(world.kek());
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = administer(&server, &api, &mut planted).await;
    succeed(&api, &admin, &mut planted).await;
    fail(&api, &mut planted).await;
    sequenced(&api, &admin).await;
    let metrics = api
        .at(server.management_url())
        .get("/metrics")
        .expect(200)
        .await
        .unwrap();
    let mut found = found_in("metrics", &metrics.body, &planted.needles);
    // While it runs the write-ahead log holds what the file does not, and the other way round afterwards.
    found.extend(scan_database(&world, &planted));
    assert_eq!(server.terminate().unwrap(), Some(0));
    found.extend(scan_database(&world, &planted));
    let logs = server.logs();
    assert!(logs.lines().count() > 50, "there is nothing to search:\n{logs}");
    found.extend(found_in("logs", logs.as_bytes(), &planted.needles));
    assert!(found.is_empty(), "{found:#?}");
}

async fn administer(server: &ServerProcess, api: &ApiClient, planted: &mut Planted) -> Admin {
    let token = server.bootstrap_token().unwrap();
    planted.plant("bootstrap token", &token);
    let person = planted.person("plantedadmin");
    let wrong = planted.with_origin(api.bootstrap("vutf_bootstrap_planted-wrong-token", &person), IPV4);
    wrong.expect(401).await.unwrap();
    planted.plant("wrong bootstrap token", "vutf_bootstrap_planted-wrong-token");
    let bootstrap = planted.with_origin(api.bootstrap(&token, &person), IPV4);
    bootstrap.expect(201).await.unwrap();
    let admin = Admin::login(api, person).await;
    planted.tokens(&admin.tokens);
    admin
}

async fn succeed(api: &ApiClient, admin: &Admin, planted: &mut Planted) {
    let person = planted.person("planteduser");
    planted
        .with_origin(api.register(&person), IPV6)
        .expect(201)
        .await
        .unwrap();
    let login = planted.with_origin(api.login(&person), IPV6);
    let tokens = login.expect(200).await.unwrap().tokens().unwrap();
    planted.tokens(&tokens);
    let me = api.me(&tokens).expect(200).await.unwrap();
    let change = api
        .patch("/api/v1/me")
        .bearer(&tokens.access)
        .header("if-match", me.header("etag").unwrap())
        .json(&json!({"display_name": planted.display_name, "phone": planted.phone}));
    planted.with_origin(change, IPV4).expect(200).await.unwrap();
    let refresh = planted.with_origin(api.refresh(&tokens.refresh), IPV6);
    let tokens = refresh.expect(200).await.unwrap().tokens().unwrap();
    planted.tokens(&tokens);
    let sessions = api.get("/api/v1/me/sessions").bearer(&tokens.access);
    let sessions = sessions.expect(200).await.unwrap();
    // The planted origin did arrive: without that the search would prove nothing.
    assert!(
        sessions.text().contains(IPV6) && sessions.text().contains(&planted.agent),
        "{}",
        sessions.text()
    );
    let other = planted.person("plantedother");
    let make = api
        .post("/api/v1/users")
        .bearer(&admin.tokens.access)
        .json(&json!({
            "username": other.username, "email": other.email, "password": other.password,
            "display_name": planted.display_name, "phone": planted.phone,
        }));
    let id = planted
        .with_origin(make, IPV4)
        .expect(201)
        .await
        .unwrap()
        .id()
        .unwrap();
    for verb in ["lock", "unlock", "disable", "enable", "revoke-sessions"] {
        let call = api
            .post(&format!("/api/v1/users/{id}/{verb}"))
            .bearer(&admin.tokens.access);
        planted.with_origin(call, IPV4).send().await.unwrap();
    }
    let list = api.all("/api/v1/users?", &admin.tokens).await.unwrap();
    assert!(list.len() >= 3);
    planted
        .with_origin(api.logout(&tokens), IPV6)
        .expect(204)
        .await
        .unwrap();
}

/// Values arrive where they do not belong: in paths, queries, headers, and bodies that are refused.
async fn fail(api: &ApiClient, planted: &mut Planted) {
    let person = planted.person("plantedstranger");
    // What is typed as a name may be a password in the wrong field; without the key nothing may tell that it was typed.
    for typed in [&person.username, &person.email, &person.password] {
        planted.digests(typed);
        let mistyped = Person {
            username: typed.clone(),
            ..person.clone()
        };
        let login = planted.with_origin(api.login(&mistyped), IPV4);
        login.expect(401).await.unwrap();
    }
    planted
        .with_origin(api.login(&person), IPV4)
        .expect(401)
        .await
        .unwrap();
    planted
        .with_origin(api.refresh("vutf_rt_planted-unknown-refresh-token"), IPV4)
        .expect(401)
        .await
        .unwrap();
    planted.plant("unknown refresh token", "vutf_rt_planted-unknown-refresh-token");
    let forged = "v4.public.planted-forged-access-token";
    planted.plant("forged access token", forged);
    api.get("/api/v1/me").bearer(forged).expect(401).await.unwrap();
    let mut calls = Vec::new();
    for path in [
        format!("/api/v1/users/{}", person.email),
        format!("/api/v1/{}", person.username),
        format!("/api/v1/users?status={}", person.password.replace(' ', "%20")),
        format!("/api/v1/audit/events?{}=1", person.username),
    ] {
        calls.push(api.get(&path).bearer(forged));
    }
    for body in [
        json!({"username": person.username, "email": person.email, "password": person.password, "extra": person.email}),
        json!({"username": [person.username], "email": person.email, "password": person.password}),
        json!({"username": person.username, "email": person.username, "password": person.password}),
        json!({"username": person.username, "email": person.email, "password": "short"}),
        json!(person.password),
    ] {
        calls.push(api.post("/api/v1/auth/register").json(&body));
    }
    let namesake = Person {
        username: person.username.clone(),
        ..planted.person("plantedtwin")
    };
    api.register(&person).expect(201).await.unwrap();
    calls.push(api.register(&namesake));
    for call in calls {
        let answer = planted.with_origin(call, IPV6).send().await.unwrap();
        assert!((400..500).contains(&answer.status), "{}", answer.text());
    }
}

fn scan_database(world: &World, planted: &Planted) -> Vec<String> {
    if !world.is_sqlite() {
        let dump = pg_dump(&world.database_url());
        assert!(dump.len() > 10_000, "the dump is empty");
        return found_in("pg_dump", &dump, &planted.needles);
    }
    let (mut found, mut searched) = (Vec::new(), 0);
    for end in ["", "-wal", "-shm"] {
        let file = format!("{}{end}", world.sqlite_file().display());
        let bytes = fs::read(&file).unwrap_or_default();
        searched += bytes.len();
        found.extend(found_in(&file, &bytes, &planted.needles));
    }
    assert!(searched > 100_000, "the files hold {searched} bytes only");
    found
}

fn pg_dump(url: &str) -> Vec<u8> {
    let directory = find_binaries().postgres;
    let program = directory.map_or_else(|| "pg_dump".into(), |directory| directory.join("pg_dump"));
    let dump = Command::new(program).arg(url).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    dump.stdout
}
