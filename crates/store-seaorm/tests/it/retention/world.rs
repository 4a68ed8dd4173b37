//! A world whose log is kept for as long as the documented policy says.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use vutf_app::UnitOfWork;
use vutf_audit::{
    ActionMatch, EventFilter, LogReader as _, Record, SEQUENCER_LEASE,
    retention::{
        Hold, HoldReason, HoldScope, LEASE, PlanReport, Policy, Retention, RetentionSettings, RetentionTx,
        Stopped, prune,
    },
};
use vutf_kernel::{
    Actor, Ambient, Clock, Ctx, Env, Event, Lease, Leases, OrganizationId, OsEntropy, Outcome, PageRequest,
    Resource, SessionId, Timestamp, Units, UserId,
};
use vutf_store_seaorm::{GroupOptions, GroupRecorder};

use crate::world::{World, ctx_in};

pub(super) struct Keeper {
    pub(super) world: World,
    pub(super) ctx: Ctx,
    pub(super) settings: RetentionSettings,
    ambient: Ambient,
    recorder: GroupRecorder,
    sequencer: Lease,
}

impl Keeper {
    pub(super) async fn new(world: World) -> Self {
        let ambient = Ambient::system();
        let units: Arc<dyn Units<dyn UnitOfWork>> = Arc::new(world.store.clone());
        let recorder = GroupRecorder::spawn(units, ambient.clone(), GroupOptions::default());
        let holder = Uuid::from_u128(1);
        let sequencer = world
            .store
            .acquire(SEQUENCER_LEASE, holder, ambient.now(), Duration::from_hours(1))
            .await
            .unwrap()
            .unwrap();
        Self {
            world,
            ctx: ctx_in(OrganizationId::DEFAULT),
            settings: RetentionSettings {
                enabled: true,
                policy: Policy::documented(),
            },
            ambient,
            recorder,
            sequencer,
        }
    }

    pub(super) fn retention(&self) -> Retention<'_> {
        Retention {
            store: &self.world.store,
            reader: &self.world.store,
            recorder: &self.recorder,
            ambient: &self.ambient,
            settings: &self.settings,
        }
    }

    pub(super) async fn sequence(&self) {
        self.world.log().sequence_all(&self.sequencer).await;
    }

    pub(super) async fn dry_run(&self) -> PlanReport {
        self.retention().dry_run(&self.ctx, &mut |_| {}).await.unwrap()
    }

    /// Asks for a run and does it, as the job would.
    pub(super) async fn run(&self) -> Result<PlanReport, Stopped> {
        let run = self.retention().request(&self.ctx).await.unwrap();
        prune(
            &self.ctx,
            self.retention(),
            Uuid::from_u128(2),
            run.id,
            &mut |_| {},
        )
        .await
    }

    /// Somebody else prunes.
    pub(super) async fn hold_the_lease(&self) -> Lease {
        let acquired = self.world.store.acquire(
            LEASE,
            Uuid::from_u128(3),
            self.ambient.now(),
            Duration::from_hours(1),
        );
        acquired.await.unwrap().unwrap()
    }

    pub(super) async fn begin(&self) -> Box<dyn RetentionTx> {
        let units: &dyn Units<dyn RetentionTx> = &self.world.store;
        units.begin().await.unwrap()
    }

    pub(super) async fn place(&self, scope: HoldScope) -> Hold {
        let reason = HoldReason::parse("case 2026-17").unwrap();
        self.retention().place(&self.ctx, reason, scope).await.unwrap()
    }

    pub(super) async fn events_of(&self, action: &str) -> Vec<Record> {
        let filter = EventFilter {
            action: Some(ActionMatch::Exactly(action.to_owned())),
            ..EventFilter::within(OrganizationId::DEFAULT)
        };
        let page = PageRequest {
            after: None,
            limit: 100,
        };
        self.world.store.search(&filter, &page).await.unwrap().items
    }
}

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(super) fn days_ago(days: u64) -> Timestamp {
    Ambient::system().now().minus(Duration::from_hours(24 * days))
}

pub(super) fn person(n: u32) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x1000 + u128::from(n)))
}

/// An event of that time, the action `n` of user 100 + n % 2, about user `n % 5`.
pub(super) fn event(at: Timestamp, action: &'static str, n: u32) -> Event {
    let actor = Actor::User {
        user_id: person(100 + n % 2),
        session_id: SessionId::from_uuid(Uuid::from_u128(9)),
    };
    let ctx = Ctx {
        actor,
        ..ctx_in(OrganizationId::DEFAULT)
    };
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &At(at),
        entropy: &mut entropy,
    };
    Event::new(&ctx, &mut env, action, Resource::kind("user"), Outcome::Success).subject(person(n % 5))
}
