//! SIGTERM under load: what was acknowledged is there, nothing is refused but with 503, and the exit code is 0.

use std::{collections::HashSet, io::Write as _, net::TcpStream};

use vutf_testkit::{client::ApiClient, process::ServerProcess, servers::Signal};

use super::{
    Admin, World, eventually,
    load::Load,
    say,
    world::{assert_verified, sequenced},
};

const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_sqlite() {
    terminate_under_load(World::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_postgres() {
    if let Some(world) = World::postgres().await {
        terminate_under_load(world).await;
    }
}

async fn terminate_under_load(world: World) {
    let site = world.server();
    let mut server = site.spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let load = Load::start(&api, CLIENTS);
    eventually("the load is on", async || load.acknowledged() >= 2 * CLIENTS).await;

    server.signal(Signal::Terminate).unwrap();
    let mut said_no = false;
    while server.exited().is_none() {
        said_no |= server.readiness().is_some_and(|(status, _)| status == 503);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(server.wait().unwrap().code(), Some(0), "{}", server.own_logs());
    assert!(said_no, "readiness never said 503 while the process drained");
    let seen = load.finish().await;
    seen.assert_only_unavailable();
    // A connection that the closing listener had not taken up yet is reset: one for each client at most.
    assert!(
        seen.unanswered <= CLIENTS,
        "{} requests were cut off",
        seen.unanswered
    );
    drop(server);

    let server = site.spawn().unwrap();
    let api = api.at(server.base_url());
    let admin = Admin::login(&api, admin.person).await;
    let users = api.all("/api/v1/users?", &admin.tokens).await.unwrap();
    let listed: HashSet<_> = users.iter().filter_map(|user| user["id"].as_str()).collect();
    for made in &seen.acknowledged {
        assert!(
            listed.contains(made.id.as_str()),
            "the acknowledged account {} is gone",
            made.id
        );
    }
    sequenced(&api, &admin).await;
    assert_verified(&site);
    say(&format!(
        "SIGTERM under load: {} answers, {} times 503, {} cut off, {} turned away afterwards",
        seen.answers,
        seen.refusals.len(),
        seen.unanswered,
        seen.refused
    ));
}

#[tokio::test]
async fn drill_a_second_signal_ends_it_at_once() {
    for second in [Signal::Terminate, Signal::Interrupt] {
        let world = World::sqlite();
        let site = world
            .server()
            .env("VUTF__SERVER__GRACE", "10m")
            .env("VUTF__SERVER__REQUEST_TIMEOUT", "10m");
        let mut server = site.spawn().unwrap();
        let _held = half_a_request(&server);
        server.signal(Signal::Interrupt).unwrap();
        eventually("it drains", async || server.own_logs().contains("stopping: ")).await;
        // The request that is under way would keep it for ten minutes.
        server.signal(second).unwrap();
        let code = server.wait().unwrap().code();
        assert_eq!(code, Some(1), "{}", server.own_logs());
    }
}

/// A request whose body never ends.
fn half_a_request(server: &ServerProcess) -> TcpStream {
    let address = server.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}
