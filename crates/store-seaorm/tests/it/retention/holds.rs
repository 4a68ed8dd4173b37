//! A hold always wins: over the policy, over the run, and over whoever writes statements.

use vutf_audit::{
    LogReader as _,
    retention::{EventClass, HoldScope, Removal, Removed, RetentionError, Stopped, action},
};
use vutf_kernel::{Ambient, Env, Event, HoldId, OrganizationId, OsEntropy, Outcome, PruneRunId, SystemClock};
use vutf_testkit::contracts::NEIGHBOUR;

use super::{
    fill,
    world::{Keeper, days_ago, event, person},
};
use crate::world::{World, ctx_in};

on_both!(
    each_scope_keeps_what_it_covers,
    the_database_itself_refuses_what_is_held,
    a_hold_is_released_once,
    a_hold_of_another_tenant_is_not_seen,
    a_hold_that_somebody_removed_stops_the_run,
    a_release_that_the_service_did_not_write_releases_nothing,
    placing_and_releasing_are_events_and_so_are_refusals,
);

async fn each_scope_keeps_what_it_covers(world: World) {
    let keeper = Keeper::new(world).await;
    fill(&keeper).await;
    let all = HoldScope::default();
    // Of 12 reads and 5 sign-ins: subjects n % 5, actors 100 + n % 2.
    let scopes = [
        (17, all.clone()),
        (
            3 + 1,
            HoldScope {
                subject: Some(person(0)),
                ..all.clone()
            },
        ),
        (
            6 + 3,
            HoldScope {
                actor: Some(person(100)),
                ..all.clone()
            },
        ),
        (
            5,
            HoldScope {
                class: EventClass::named("authentication"),
                ..all.clone()
            },
        ),
        (
            12,
            HoldScope {
                until: Some(days_ago(470)),
                ..all.clone()
            },
        ),
        (
            5,
            HoldScope {
                from: Some(days_ago(470)),
                ..all.clone()
            },
        ),
        (
            17,
            HoldScope {
                organization_id: Some(OrganizationId::DEFAULT),
                ..all.clone()
            },
        ),
        (
            0,
            HoldScope {
                organization_id: Some(NEIGHBOUR),
                ..all.clone()
            },
        ),
        (
            2,
            HoldScope {
                subject: Some(person(0)),
                actor: Some(person(100)),
                class: EventClass::named("reads"),
                ..all
            },
        ),
    ];
    for (held, scope) in scopes {
        let hold = keeper.place(scope.clone()).await;
        let planned = keeper.dry_run().await;
        let found: u64 = planned.classes.iter().map(|class| class.held).sum();
        assert_eq!((found, planned.count()), (held, 17 - held), "{scope:?}");
        keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    }
    let hold = keeper
        .place(HoldScope {
            class: EventClass::named("authentication"),
            ..HoldScope::default()
        })
        .await;
    assert_eq!(keeper.run().await.unwrap().count(), 12);
    assert_eq!(keeper.events_of("session.login").await.len(), 5);
    keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    assert_eq!(keeper.run().await.unwrap().count(), 5);
}

/// A service that has gone wrong, or that somebody has taken over, asks for what is held.
async fn the_database_itself_refuses_what_is_held(world: World) {
    let keeper = Keeper::new(world).await;
    let old = fill(&keeper).await;
    let run = keeper.retention().request(&keeper.ctx).await.unwrap();
    let scopes = [
        HoldScope::default(),
        HoldScope {
            subject: Some(person(0)),
            ..HoldScope::default()
        },
        HoldScope {
            actor: Some(person(100)),
            ..HoldScope::default()
        },
        HoldScope {
            class: EventClass::named("reads"),
            ..HoldScope::default()
        },
        HoldScope {
            from: Some(days_ago(600)),
            until: Some(days_ago(400)),
            ..HoldScope::default()
        },
    ];
    for scope in scopes {
        let hold = keeper.place(scope.clone()).await;
        let refused = remove(&keeper, run.id, "reads", &old[..5]).await.unwrap_err();
        assert!(refused.contains("append-only"), "{scope:?}: {refused}");
        keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    }
    // What is kept for good, and what is young, goes neither.
    let mut kept_events = vec![event(days_ago(10), "user.read", 0)];
    for action in EventClass::named("evidence").unwrap().actions {
        let action = if *action == "kek.*" { "kek.rotate" } else { action };
        kept_events.push(event(days_ago(500), action, 0));
    }
    keeper.world.append(&kept_events).await;
    keeper.sequence().await;
    for kept in kept_events {
        let seq = keeper
            .world
            .store
            .entry(kept.id)
            .await
            .unwrap()
            .unwrap()
            .leaf
            .unwrap()
            .seq;
        let refused = remove(&keeper, run.id, "reads", &[seq]).await.unwrap_err();
        assert!(refused.contains("append-only"), "{}: {refused}", kept.action);
    }
    let last = keeper.world.store.head().await.unwrap().unwrap().seq;
    assert!(
        remove(&keeper, run.id, "reads", &[last])
            .await
            .unwrap_err()
            .contains("append-only")
    );
    assert_eq!(keeper.world.number("SELECT COUNT(*) FROM audit_pruned").await, 0);
    remove(&keeper, run.id, "reads", &old[..5]).await.unwrap();
    assert_eq!(keeper.world.number("SELECT COUNT(*) FROM audit_pruned").await, 5);
}

/// Removes entries without asking anybody but the database.
async fn remove(keeper: &Keeper, run: PruneRunId, class: &str, seqs: &[i64]) -> Result<(), String> {
    let mut removed = Removed::default();
    for seq in seqs {
        let entry = keeper.world.store.entries(*seq, 1).await.unwrap().remove(0);
        assert!(removed.push_leaf(&entry.leaf));
    }
    let now = Ambient::system().now();
    let removal = Removal {
        run,
        class: class.to_owned(),
        policy: "none".to_owned(),
        cutoff: days_ago(95),
        seqs: removed.seqs().clone(),
        digest: removed.digest(),
        places: removed.places(),
        checkpoint: None,
    };
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    };
    let event = Event::new(
        &keeper.ctx,
        &mut env,
        action::PRUNE.name,
        action::PRUNE.none(),
        Outcome::Success,
    );
    let (id, event) = (event.id, removal.describe(event));
    let mut tx = keeper.begin().await;
    tx.log().append(event).await.unwrap();
    match tx.remove(id, &removal, now).await {
        Ok(()) => tx.commit().await.map_err(|error| error.chain()),
        Err(error) => {
            tx.rollback().await.unwrap();
            Err(error.chain())
        }
    }
}

async fn a_hold_is_released_once(world: World) {
    let keeper = Keeper::new(world).await;
    let hold = keeper.place(HoldScope::default()).await;
    let listed = keeper.retention().holds(&keeper.ctx).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&hold));
    let released = keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    assert_eq!(keeper.retention().holds(&keeper.ctx).await.unwrap(), [released]);
    let again = keeper
        .retention()
        .release(&keeper.ctx, hold.id)
        .await
        .unwrap_err();
    assert!(matches!(again, RetentionError::Released), "{again}");
    let backwards = HoldScope {
        from: Some(days_ago(1)),
        until: Some(days_ago(2)),
        ..HoldScope::default()
    };
    let reason = hold.reason.clone();
    let refused = keeper
        .retention()
        .place(&keeper.ctx, reason, backwards)
        .await
        .unwrap_err();
    assert!(matches!(refused, RetentionError::Span), "{refused}");
}

async fn a_hold_of_another_tenant_is_not_seen(world: World) {
    let keeper = Keeper::new(world).await;
    let hold = keeper.place(HoldScope::default()).await;
    let neighbour = ctx_in(NEIGHBOUR);
    assert!(keeper.retention().holds(&neighbour).await.unwrap().is_empty());
    let refused = keeper.retention().release(&neighbour, hold.id).await.unwrap_err();
    assert!(matches!(refused, RetentionError::NotFound), "{refused}");
    let none = HoldId::from_uuid(uuid::Uuid::from_u128(4));
    assert!(matches!(
        keeper.retention().release(&keeper.ctx, none).await.unwrap_err(),
        RetentionError::NotFound
    ));
}

async fn a_hold_that_somebody_removed_stops_the_run(world: World) {
    let keeper = Keeper::new(world).await;
    fill(&keeper).await;
    let hold = keeper
        .place(HoldScope {
            class: EventClass::named("reads"),
            ..HoldScope::default()
        })
        .await;
    let (table, id) = ("audit_hold", keeper.world.id(hold.id.as_uuid()));
    let triggers = if keeper.world.is_postgres() {
        format!("DROP TRIGGER {table}_append_only ON {table}")
    } else {
        format!("DROP TRIGGER {table}_no_update; DROP TRIGGER {table}_no_delete")
    };
    keeper.world.sql(&triggers).await;
    let narrowed = format!("UPDATE {table} SET of_class = 'keys' WHERE id = {id}");
    let released = format!(
        "INSERT INTO audit_hold_release (hold_id, released_at, released_by_kind, event_id) VALUES ({id}, 1, 'operator', {id})"
    );
    let removed = format!("DELETE FROM {table} WHERE id = {id}");
    for change in [narrowed, removed] {
        keeper.world.sql(&change).await;
        let stopped = keeper.run().await.unwrap_err();
        assert!(
            matches!(stopped, Stopped::Holds(found) if found == hold.id),
            "{change}: {stopped}"
        );
    }
    assert_eq!(keeper.world.number("SELECT COUNT(*) FROM audit_pruned").await, 0);
    let other = keeper.place(HoldScope::default()).await;
    let other = keeper.world.id(other.id.as_uuid());
    keeper.world.sql(&released.replace(&id, &other)).await;
    assert!(matches!(keeper.run().await.unwrap_err(), Stopped::Holds(_)));
}

/// Whoever may insert rows, and no more, writes a release and an event that tells of it.
async fn a_release_that_the_service_did_not_write_releases_nothing(world: World) {
    let keeper = Keeper::new(world).await;
    fill(&keeper).await;
    let hold = keeper.place(HoldScope::default()).await;
    let hold_id = keeper.world.id(hold.id.as_uuid());
    let forged = person(77).as_uuid();
    let rewritten = if keeper.world.is_postgres() {
        "convert_to(replace(convert_from(body, 'UTF8'), 'audit.hold_place', 'audit.hold_release'), 'UTF8')"
    } else {
        "CAST(replace(CAST(body AS TEXT), 'audit.hold_place', 'audit.hold_release') AS BLOB)"
    };
    let rows = format!(
        "INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, \
         resource_id, outcome, reason, body, parts, mac) SELECT {}, occurred_at, organization_id, request_id, actor_kind, \
         actor_id, 'audit.hold_release', resource_kind, resource_id, outcome, reason, {rewritten}, parts, mac FROM audit_intake \
         WHERE action = 'audit.hold_place' AND resource_id = {hold_id}",
        keeper.world.id(forged)
    );
    assert_eq!(keeper.world.sql(&rows).await, 1);
    let release = format!(
        "INSERT INTO audit_hold_release (hold_id, released_at, released_by_kind, event_id) VALUES ({hold_id}, 1, 'operator', {})",
        keeper.world.id(forged)
    );
    keeper.world.sql(&release).await;
    let stopped = keeper.run().await.unwrap_err();
    assert!(
        matches!(stopped, Stopped::Holds(found) if found == hold.id),
        "{stopped}"
    );
    assert_eq!(keeper.world.number("SELECT COUNT(*) FROM audit_pruned").await, 0);
}

async fn placing_and_releasing_are_events_and_so_are_refusals(world: World) {
    let keeper = Keeper::new(world).await;
    let hold = keeper
        .place(HoldScope {
            subject: Some(person(1)),
            ..HoldScope::default()
        })
        .await;
    keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    keeper
        .retention()
        .release(&keeper.ctx, hold.id)
        .await
        .unwrap_err();
    let mut stranger = keeper.ctx.clone();
    stranger.actor = vutf_kernel::Actor::Anonymous;
    keeper.retention().release(&stranger, hold.id).await.unwrap_err();
    keeper.retention().request(&stranger).await.unwrap_err();
    keeper.retention().status(&stranger).await.unwrap_err();
    let outcomes = async |action: &str| -> Vec<String> {
        let records = keeper.events_of(action).await;
        records.into_iter().map(|record| record.intake.outcome).collect()
    };
    assert_eq!(outcomes("audit.hold_place").await, ["success"]);
    assert_eq!(
        outcomes("audit.hold_release").await,
        ["success", "refused", "refused"]
    );
    assert_eq!(outcomes("audit.retention_run").await, ["refused"]);
    assert_eq!(outcomes("audit.retention").await, ["refused"]);
    let placed = keeper.events_of("audit.hold_place").await.remove(0);
    let body = vutf_audit::parse_body(&placed.intake.body).unwrap();
    assert_eq!(body.resource.id, Some(hold.id.as_uuid()));
    assert!(body.details.contains_key("reason") && body.details.contains_key("of_subject"));
}
