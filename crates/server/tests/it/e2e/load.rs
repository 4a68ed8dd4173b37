//! Clients that keep a server busy and remember what it acknowledged.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;
use vutf_testkit::client::{Answer, ApiClient, Person, Tokens};

/// An account whose registration was answered with 201.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) id: String,
    pub(super) person: Person,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Registrations that were answered with 201.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// Answers that are no success, with the request.
    pub(super) refusals: Vec<(&'static str, Answer)>,
    /// Requests without an answer.
    pub(super) unanswered: usize,
    /// Requests that could not even connect.
    pub(super) refused: usize,
    /// Answers in all.
    pub(super) answers: usize,
}

/// Clients at work.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// `clients` that register, sign in, refresh and look at their accounts, as fast as they can.
    pub(super) fn start(api: &ApiClient, clients: usize) -> Self {
        Self::of(api, &vec![Round::Refresh; clients], Duration::ZERO)
    }

    /// A client for each of `rounds`, which pauses after each one.
    pub(super) fn of(api: &ApiClient, rounds: &[Round], pause: Duration) -> Self {
        let (stop, seen) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Seen>>::default());
        let tasks = rounds.iter().map(|round| {
            let client = Client {
                api: api.clone(),
                stop: Arc::clone(&stop),
                seen: Arc::clone(&seen),
                round: *round,
            };
            tokio::spawn(client.work(pause))
        });
        Self {
            tasks: tasks.collect(),
            stop,
            seen,
        }
    }

    /// Answers so far.
    pub(super) fn answers(&self) -> usize {
        self.seen.lock().unwrap().answers
    }

    /// Registrations that were acknowledged so far.
    pub(super) fn acknowledged(&self) -> usize {
        self.seen.lock().unwrap().acknowledged.len()
    }

    /// Lets the clients finish their rounds, and returns what they saw.
    pub(super) async fn finish(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

struct Client {
    api: ApiClient,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    round: Round,
}

/// How far a client goes with each account that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// Registers.
    Register,
    /// Signs in and looks at the account too.
    SignIn,
    /// Refreshes too.
    Refresh,
}

impl Client {
    async fn work(self, pause: Duration) {
        while !self.stop.load(Ordering::Relaxed) {
            if self.round().await.is_none() {
                // The server is away or unwilling: let it breathe.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn round(&self) -> Option<()> {
        let person = Person::new("load");
        let made = self.note("register", self.api.register(&person).send().await)?;
        let id = made.id().unwrap();
        let acknowledged = Acknowledged {
            id,
            person: person.clone(),
        };
        self.seen.lock().unwrap().acknowledged.push(acknowledged);
        if self.round == Round::Register {
            return Some(());
        }
        let signed_in = self.note("login", self.api.login(&person).send().await)?;
        let tokens: Tokens = signed_in.tokens().unwrap();
        self.note("me", self.api.me(&tokens).send().await)?;
        if self.round == Round::SignIn {
            return Some(());
        }
        let refreshed = self.note("refresh", self.api.refresh(&tokens.refresh).send().await)?;
        self.note("me", self.api.me(&refreshed.tokens().unwrap()).send().await)?;
        Some(())
    }

    /// Keeps the book; gives back successes only.
    fn note(&self, request: &'static str, result: reqwest::Result<Answer>) -> Option<Answer> {
        let mut seen = self.seen.lock().unwrap();
        match result {
            Ok(answer) => {
                seen.answers += 1;
                if answer.status < 400 {
                    return Some(answer);
                }
                seen.refusals.push((request, answer));
            }
            Err(error) if error.is_connect() => seen.refused += 1,
            Err(_) => seen.unanswered += 1,
        }
        None
    }
}

impl Seen {
    /// Every refusal is a problem document with status 503 that says when to come back.
    pub(super) fn assert_only_unavailable(&self) {
        for (request, answer) in &self.refusals {
            let waits = answer.header("retry-after").is_some();
            assert!(
                answer.status == 503 && answer.is_problem() && waits,
                "{request}: {} {:?} {}",
                answer.status,
                answer.headers,
                answer.text()
            );
        }
    }
}
