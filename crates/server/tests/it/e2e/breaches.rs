//! A corpus of breached passwords beside the lists: what it is told, what it refuses, and what happens without it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use vutf_testkit::client::{ApiClient, Person};

use super::{Admin, World};

const BREACHED: &str = "seven quiet lanterns over the harbour";
/// Its SHA-1, as a corpus is indexed: `printf %s "$BREACHED" | sha1sum`.
const DIGITS: &str = "5A1EF8BD1C8585A79EFCD1132337E58EAF07E766";

/// Answers ranges as Have I Been Pwned does, to so many requests, and is gone.
fn corpus(requests: usize) -> (String, Arc<Mutex<Vec<String>>>, thread::JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/range", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let requests_seen = Arc::clone(&seen);
    let answering = thread::spawn(move || {
        for _ in 0..requests {
            let (stream, _) = listener.accept().unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let asked = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
            let (prefix, suffix) = DIGITS.split_at(5);
            let found = if asked == prefix {
                format!("{suffix}:42\r\n")
            } else {
                String::new()
            };
            let body = format!("0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n{found}");
            requests_seen.lock().unwrap().push(head);
            let mut stream = stream;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    (url, seen, answering)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corpus_is_told_five_digits_and_without_it_the_lists_decide() {
    let (url, seen, answering) = corpus(3);
    let world = World::sqlite().with("VUTF__IDENTITY__BREACHES__RANGE_URL", &url);
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    let admin = Admin::bootstrap(&server, &api).await;
    let breached = Person {
        password: BREACHED.to_owned(),
        ..Person::new("ada")
    };
    let refused = api.register(&breached).expect(400).await.unwrap().json().unwrap();
    assert_eq!(refused["errors"][0]["code"], "password_breached", "{refused}");
    api.register(&Person::new("grace")).expect(201).await.unwrap();
    tokio::task::spawn_blocking(|| answering.join().unwrap())
        .await
        .unwrap();
    let heads = seen.lock().unwrap().clone();
    for head in &heads {
        let asked = head.split(' ').nth(1).unwrap();
        assert_eq!(asked.len(), "/range/".len() + 5, "{head}");
        assert!(head.to_lowercase().contains("add-padding: true"), "{head}");
    }
    assert!(heads[1].contains(&format!("/range/{} ", &DIGITS[..5])));

    // The corpus is gone: nobody is turned away for it, and the log says that it was not asked.
    api.register(&breached).expect(201).await.unwrap();
    let events = api.events("password.breach_lookup", &admin.tokens).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["outcome"]["result"], "failed");
    assert_eq!(events[0]["outcome"]["reason"], "unavailable");
    assert!(!server.logs().contains(&DIGITS[..5]), "no digit is in the log");
}
