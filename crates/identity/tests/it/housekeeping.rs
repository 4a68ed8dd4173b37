//! What is old is removed, by the service alone, with an event if anything went.

use std::time::Duration;

use vutf_identity::{
    guard::GuardKey,
    housekeeping::{KEPT, Sweep, SweepError, Swept, sweep},
};
use vutf_kernel::{Actor, Class, Ctx, Detail, OrganizationId};

use crate::support::{World, operator, request};

const ACTION: &str = "identity.sweep";

fn service() -> Ctx {
    let actor = Actor::System {
        job: "housekeeping".into(),
    };
    Ctx::internal(OrganizationId::DEFAULT, actor, request())
}

async fn swept(world: &World) -> Swept {
    sweep(&service(), &world.id, Sweep::default()).await.unwrap()
}

#[tokio::test]
async fn nothing_goes_before_its_time_and_nothing_is_recorded_then() {
    let world = World::new();
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    world.try_login("nobody", "wrong").await.unwrap_err();
    world.pass(KEPT);
    assert_eq!(swept(&world).await, Swept::default());
    assert_eq!(world.successes(ACTION), 0);
    world.pass(Duration::from_micros(1));
    // The counters are a month old, those of the place among them; the session ended only now.
    let first = swept(&world).await;
    assert_eq!((first.guards, first.tokens, first.sessions), (4, 0, 0));
    world.pass(KEPT);
    let second = swept(&world).await;
    assert_eq!((second.guards, second.tokens, second.sessions), (0, 1, 1));
    assert_eq!(swept(&world).await, Swept::default());
    assert_eq!(world.successes(ACTION), 2);
    assert!(!world.is_live(&signed_in).await);
    let event = world.store.events().pop().unwrap();
    assert_eq!(event.details["sessions"], Detail::Number(1));
}

#[tokio::test]
async fn a_batch_is_as_large_as_it_may_be_and_says_that_there_is_more() {
    let world = World::new();
    for name in ["one", "two", "three"] {
        world.try_login(name, "wrong").await.unwrap_err();
    }
    world.pass(KEPT * 2);
    let command = Sweep { limit: 2 };
    let first = sweep(&operator(), &world.id, command).await.unwrap();
    assert_eq!((first.guards, first.more), (2, true));
    // Three names, and address and network that they came from.
    let second = sweep(&operator(), &world.id, command).await.unwrap();
    assert_eq!((second.guards, second.more), (2, true));
    let third = sweep(&operator(), &world.id, command).await.unwrap();
    assert_eq!((third.guards, third.more), (1, false));
}

#[tokio::test]
async fn failures_of_an_account_are_never_forgotten() {
    let world = World::new();
    let user = world.user("ada", &[]).await;
    for _ in 0..3 {
        world.try_login("ada", "wrong").await.unwrap_err();
    }
    world.pass(KEPT * 20);
    assert_eq!(swept(&world).await.guards, 2, "those of the place");
    assert_eq!(swept(&world).await, Swept::default());
    let mut unit = vutf_kernel::Units::begin(&*world.id.store).await.unwrap();
    let key = GuardKey::password_of(user.id);
    let now = world.id.ambient.now();
    let kept = unit
        .guards()
        .lock(OrganizationId::DEFAULT, &key, now)
        .await
        .unwrap();
    assert_eq!(kept.failures, 3);
}

#[tokio::test]
async fn nobody_over_the_network_may_sweep() {
    let world = World::new();
    world.admin("root").await;
    let ctx = world.ctx(&world.login("root").await).await;
    let refused = sweep(&ctx, &world.id, Sweep::default()).await.unwrap_err();
    assert!(matches!(refused, SweepError::NotAllowed));
    assert_eq!(refused.class(), Class::Forbidden);
    assert_eq!(world.refusals(ACTION), ["operator_only"]);
}
