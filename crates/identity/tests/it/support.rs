//! A domain over memory with a clock that stands still until it is moved.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use vutf_identity::{
    Email, Identity, Settings, User, Username,
    bootstrap::{CreateAdmin, create_admin},
    memory::MemoryStore,
    session::{
        SignedIn, authenticate,
        login::{self, LoggedIn},
    },
    user::create::{CreateUser, create},
};
use vutf_kernel::{
    Actor, Ambient, Clock, Ctx, OrganizationId, Origin, OsEntropy, Outcome, RequestId, Secret, Timestamp,
};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Moved by hand.
#[derive(Clone)]
pub(crate) struct HandClock(Arc<AtomicI64>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) id: Identity,
    pub(crate) store: MemoryStore,
    clock: HandClock,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut settings = Settings::new("https://id.example.org", "violentutf-api");
        settings.open_registration = true;
        settings.verified_at_once = true;
        Self::with(settings)
    }
    pub(crate) fn with(settings: Settings) -> Self {
        let clock = HandClock(Arc::new(AtomicI64::new(1_800_000_000_000_000)));
        let ambient = Ambient::new(Arc::new(clock.clone()), Arc::new(|| Box::new(OsEntropy)));
        let store = MemoryStore::default();
        let id = Identity::over_memory(store.clone(), ambient, settings);
        Self { id, store, clock }
    }
    pub(crate) fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        self.clock.0.fetch_add(micros, Ordering::SeqCst);
    }
    /// Somebody who may sign in, with roles beside the common one.
    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> User {
        let command = CreateUser {
            username: username(name),
            email: email(name),
            password: Some(secret(PASSWORD)),
            display_name: None,
            phone: None,
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        create(&operator(), &self.id, command).await.unwrap()
    }
    pub(crate) async fn admin(&self, name: &str) -> User {
        let command = CreateAdmin {
            username: username(name),
            email: email(name),
            password: secret(PASSWORD),
        };
        create_admin(&operator(), &self.id, command).await.unwrap()
    }
    pub(crate) async fn login(&self, name: &str) -> SignedIn {
        self.try_login(name, PASSWORD).await.unwrap()
    }
    pub(crate) async fn try_login(&self, name: &str, password: &str) -> Result<SignedIn, login::LoginError> {
        match self.first_step(name, password).await? {
            LoggedIn::SignedIn(signed_in) => Ok(signed_in),
            LoggedIn::Cookie(_) => panic!("no cookie was asked for"),
            LoggedIn::Challenged(challenged) => panic!("a second factor is asked for: {challenged:?}"),
        }
    }
    pub(crate) async fn first_step(&self, name: &str, password: &str) -> Result<LoggedIn, login::LoginError> {
        let command = login::Login {
            username: secret(name),
            password: secret(password),
            client: login::Client::default(),
        };
        login::login(&anonymous(), &self.id, command).await
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    /// The context of a request with the tokens of a sign-in.
    pub(crate) async fn ctx(&self, signed_in: &SignedIn) -> Ctx {
        let caller = authenticate(&self.id, signed_in.access_token.expose())
            .await
            .unwrap();
        caller.ctx(request(), Origin::default())
    }
    pub(crate) async fn is_live(&self, signed_in: &SignedIn) -> bool {
        authenticate(&self.id, signed_in.access_token.expose())
            .await
            .is_ok()
    }
    /// Reasons of the refusals of `action`, oldest first.
    pub(crate) fn refusals(&self, action: &str) -> Vec<String> {
        let events = self
            .store
            .events()
            .into_iter()
            .filter(|event| event.action == action);
        let reason = |outcome| match outcome {
            Outcome::Refused { reason } => Some(reason.into_owned()),
            _ => None,
        };
        events.filter_map(|event| reason(event.outcome)).collect()
    }
    pub(crate) fn successes(&self, action: &str) -> usize {
        let events = self.store.events().into_iter();
        events
            .filter(|event| event.action == action && event.outcome == Outcome::Success)
            .count()
    }
}

pub(crate) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}
pub(crate) fn username(name: &str) -> Username {
    Username::parse(name).unwrap()
}
pub(crate) fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.org")).unwrap()
}
pub(crate) fn request() -> RequestId {
    RequestId::parse("test").unwrap()
}
pub(crate) fn anonymous() -> Ctx {
    let origin = Origin {
        ip: Some([192, 0, 2, 7].into()),
        user_agent: Some("planted-agent".into()),
    };
    Ctx::anonymous(OrganizationId::DEFAULT, request(), origin)
}
pub(crate) fn operator() -> Ctx {
    Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request())
}
