use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::Notify;
use vutf_identity::{
    api_key::{ApiKeyStatus, Lookup},
    memory::MemoryStore,
    policy::Policy,
    repo::{IdentityRead, IdentityUnit},
    role::CustomRole,
    session::{
        AuthenticateError, MokaSessionCache, SessionStatus, SessionStatusCache, authenticate, list,
        logout::logout,
        revoke::{RevokeSession, revoke, revoke_others},
    },
};
use vutf_kernel::{Class, OrganizationId, PortError, SessionId, Units};

use crate::support::{World, anonymous};

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions_only() {
    let world = World::new();
    world.user("ada", &[]).await;
    world.user("bob", &[]).await;
    let (first, second, third) = (
        world.login("ada").await,
        world.login("ada").await,
        world.login("ada").await,
    );
    let bob = world.login("bob").await;
    let ctx = world.ctx(&first).await;
    let seen = list::list(&ctx, &world.id).await.unwrap();
    let ids: Vec<_> = seen.iter().map(|session| session.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(!ids.contains(&bob.session_id));
    let foreign = RevokeSession {
        session_id: bob.session_id,
    };
    assert_eq!(
        revoke(&ctx, &world.id, foreign).await.unwrap_err().class(),
        Class::NotFound
    );
    assert!(world.is_live(&bob).await && world.is_live(&second).await);
    let own = RevokeSession {
        session_id: second.session_id,
    };
    revoke(&ctx, &world.id, own).await.unwrap();
    assert_eq!(
        revoke(&ctx, &world.id, own).await.unwrap_err().class(),
        Class::NotFound
    );
    assert!(!world.is_live(&second).await);
    assert_eq!(revoke_others(&ctx, &world.id).await.unwrap(), [third.session_id]);
    assert!(world.is_live(&first).await && !world.is_live(&third).await && world.is_live(&bob).await);
}

#[tokio::test]
async fn a_logout_holds_at_once_and_can_be_repeated() {
    let world = World::new();
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    let ctx = world.ctx(&signed_in).await;
    logout(&ctx, &world.id).await.unwrap();
    assert!(!world.is_live(&signed_in).await);
    logout(&ctx, &world.id).await.unwrap();
    assert_eq!(world.successes("session.logout"), 2, "each answer has its event");
    assert_eq!(
        logout(&anonymous(), &world.id).await.unwrap_err().class(),
        Class::Unauthenticated
    );
}

#[tokio::test]
async fn an_access_token_ends_after_ten_minutes_and_the_session_after_thirty_days() {
    let world = World::new();
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    assert_eq!(signed_in.expires_in, Duration::from_mins(10));
    world.pass(Duration::from_mins(10));
    let error = authenticate(&world.id, signed_in.access_token.expose())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Unauthenticated, "token_expired")
    );
    let error = authenticate(&world.id, "v4.public.nonsense").await.unwrap_err();
    assert!(matches!(error, AuthenticateError::Token(_)));
    assert_eq!(error.code(), "invalid_token");
}

/// Answers a read of a session's state only when it is told to, with what was true at the start of the read.
#[derive(Clone)]
struct Slow {
    store: MemoryStore,
    read: Arc<Notify>,
    answer: Arc<Notify>,
}

#[async_trait]
impl Units<dyn IdentityUnit> for Slow {
    async fn begin(&self) -> Result<Box<dyn IdentityUnit>, PortError> {
        self.store.begin().await
    }
    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        self.store.retry(attempt, error).await
    }
}

#[async_trait]
impl IdentityRead for Slow {
    async fn session_status(&self, id: SessionId) -> Result<Option<SessionStatus>, PortError> {
        let found = self.store.session_status(id).await;
        self.read.notify_one();
        self.answer.notified().await;
        found
    }
    async fn api_key_status(&self, lookup: Lookup) -> Result<Option<ApiKeyStatus>, PortError> {
        self.store.api_key_status(lookup).await
    }
    async fn policies(&self, organization: OrganizationId) -> Result<Vec<Policy>, PortError> {
        self.store.policies(organization).await
    }
    async fn custom_roles(&self, organization: OrganizationId) -> Result<Vec<CustomRole>, PortError> {
        self.store.custom_roles(organization).await
    }
}

#[tokio::test]
async fn a_read_that_began_before_a_logout_is_not_remembered_after_it() {
    let world = World::new();
    let user = world.user("ada", &[]).await.id;
    for by_user in [false, true] {
        let signed_in = world.login("ada").await;
        let slow = Slow {
            store: world.store.clone(),
            read: Arc::default(),
            answer: Arc::default(),
        };
        let mut id = world.id.clone();
        id.store = Arc::new(slow.clone());
        id.sessions = Arc::new(MokaSessionCache::default());
        let bearer = signed_in.access_token.expose().clone();
        let (reader, token) = (id.clone(), bearer.clone());
        let early = tokio::spawn(async move { authenticate(&reader, &token).await.is_ok() });
        slow.read.notified().await;
        let ctx = world.ctx(&signed_in).await;
        if by_user {
            logout(&ctx, &world.id).await.unwrap();
            id.sessions.forget_user(user);
        } else {
            logout(&ctx, &id).await.unwrap();
        }
        slow.answer.notify_one();
        assert!(early.await.unwrap(), "it began before the logout");
        slow.answer.notify_one();
        assert!(
            authenticate(&id, &bearer).await.is_err(),
            "a state from before the logout was remembered"
        );
    }
}

#[tokio::test]
async fn an_entrys_life_counts_from_the_start_of_its_read() {
    let world = World::new();
    world.user("ada", &[]).await;
    let session = world.login("ada").await.session_id;
    let status = Arc::new(world.store.session_status(session).await.unwrap().unwrap());
    let cache = MokaSessionCache::default();
    let mut mark = cache.mark();
    cache.put(status.clone(), mark);
    assert!(cache.fetch(session).is_some());
    mark.began = mark.began.checked_sub(MokaSessionCache::TTL).unwrap();
    cache.put(status, mark);
    assert!(cache.fetch(session).is_none());
}
