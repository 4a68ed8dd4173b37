//! A client that resets its connection while its request is under way: what it began is finished and recorded.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::json;
use vutf_testkit::{
    client::{ApiClient, Person},
    sql,
};

use super::{Admin, World, eventually, say};

/// As many as are free before guessing is slowed down.
const GUESSES: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_of_clients_that_went_away_are_in_the_log() {
    let world = World::sqlite();
    let mut server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let victim = Person::new("victim");
    api.register(&victim).expect(201).await.unwrap();
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let body = json!({"username": victim.username, "password": "not the right password"}).to_string();
    for _ in 0..GUESSES {
        let (address, body) = (address.clone(), body.clone());
        tokio::task::spawn_blocking(move || guess_and_reset(&address, &body))
            .await
            .unwrap();
    }
    let took = eventually("every guess that was counted is in the log", async || {
        let events = api.events("session.login", &admin.tokens).await.unwrap();
        let reason = |event: &&serde_json::Value| event["outcome"]["reason"] == "wrong_password";
        let recorded = i64::try_from(events.iter().filter(reason).count()).unwrap();
        recorded > 0 && recorded == counted(&world).await
    })
    .await;
    say(&format!(
        "guesses of clients that went away were recorded after {} ms",
        took.as_millis()
    ));
    assert_eq!(server.terminate().unwrap(), Some(0));
}

/// Guesses that count against an account.
async fn counted(world: &World) -> i64 {
    // A sum of none is null; CAST, because PostgreSQL sums to NUMERIC.
    let query = "SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM login_guards WHERE authenticator = 'password'";
    sql::number(&world.database_url(), query).await.unwrap()
}

/// An answer that was received and not read turns the close into a reset.
fn guess_and_reset(address: &str, body: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let requests = format!(
        "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n\
         POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(requests.as_bytes()).unwrap();
    // The first answer has begun to arrive, so the second request is under way or about to be.
    stream.read_exact(&mut [0; 1]).unwrap();
    std::thread::sleep(Duration::from_millis(20));
}
