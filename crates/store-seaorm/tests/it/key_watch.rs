//! Keys that are rotated by hand are announced in time, and once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use vutf_app::keys::Keys;
use vutf_crypto_keys::{Purpose, memory::MemoryWrapper};
use vutf_kernel::{Ambient, Clock, OrganizationId, OsEntropy, SystemClock, Timestamp};

use crate::world::{World, ctx_in, wrapper};

on_both!(
    a_key_that_is_rotated_by_hand_is_announced_once,
    nothing_is_announced_of_what_is_rotated_by_itself
);

const DAY: Duration = Duration::from_hours(24);
const AHEAD: Duration = Duration::from_hours(14 * 24);

/// Runs this much ahead of the machine.
#[derive(Clone, Default)]
struct Ahead(Arc<AtomicI64>);

impl Ahead {
    fn days(&self, days: u32) {
        let micros = (DAY * days).as_micros();
        self.0.store(i64::try_from(micros).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + self.0.load(Ordering::SeqCst))
    }
}

struct Watch {
    wrapper: MemoryWrapper,
    clock: Ahead,
    ambient: Ambient,
}

impl Watch {
    fn new() -> Self {
        let clock = Ahead::default();
        Self {
            wrapper: wrapper(),
            ambient: Ambient::new(Arc::new(clock.clone()), Arc::new(|| Box::new(OsEntropy))),
            clock,
        }
    }

    /// What is announced now, by purpose.
    async fn announced(&self, world: &World) -> Vec<Purpose> {
        let keys = Keys {
            units: &world.store,
            reader: &world.store,
            wrapper: &self.wrapper,
            keyring: &world.keyring,
            ambient: &self.ambient,
            settle: vutf_crypto_keys::destruction::SETTLE,
        };
        let ctx = ctx_in(OrganizationId::DEFAULT);
        let records = keys.announce_due(&ctx, &world.store, AHEAD).await.unwrap();
        records.into_iter().map(|record| record.purpose).collect()
    }
}

async fn a_key_that_is_rotated_by_hand_is_announced_once(world: World) {
    let watch = Watch::new();
    watch.clock.days(350);
    assert_eq!(watch.announced(&world).await, [], "not yet");
    watch.clock.days(352);
    let announced = watch.announced(&world).await;
    assert!(announced.contains(&Purpose::Tenant));
    watch.clock.days(353);
    assert_eq!(watch.announced(&world).await, [], "once");
    watch.clock.days(400);
    assert_eq!(watch.announced(&world).await, [], "once, however late it gets");
    let events = "SELECT COUNT(*) FROM audit_intake WHERE action = 'key.due'";
    let each = i64::try_from(announced.len()).unwrap();
    assert_eq!(world.number(events).await, each);
}

async fn nothing_is_announced_of_what_is_rotated_by_itself(world: World) {
    let watch = Watch::new();
    watch.clock.days(5_000);
    let announced = watch.announced(&world).await;
    assert!(!announced.is_empty());
    assert!(
        announced.iter().all(|purpose| !purpose.rotates_alone()),
        "{announced:?}"
    );
}
