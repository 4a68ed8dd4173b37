//! Whoever can write to the database alone cannot add an event that never happened.

use vutf_audit::{Edge, sequence_after};
use vutf_audit::{FindingKind, SequenceError, Sequencing, verify};
use vutf_kernel::Lease;
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(
    a_row_that_somebody_else_has_written_is_not_placed_and_is_told,
    a_mac_that_is_taken_away_is_told_and_lets_nothing_in,
    the_making_of_the_first_keys_needs_no_voucher_and_nothing_after_it_does_without
);

/// Copies the newest event under another id, with `mac` as its MAC.
fn copy(world: &World, mac: &str) -> String {
    let id = world.id(uuid::Uuid::from_u128(0x0193_7b6e_5b5c_7d3e_8f00_0000_0000_00ff));
    format!(
        "INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, \
           resource_id, outcome, body, parts, mac) \
         SELECT {id}, occurred_at, organization_id, request_id, actor_kind, actor_id, action, resource_kind, resource_id, outcome, \
           body, parts, {mac} FROM audit_intake WHERE id = (SELECT event_id FROM audit_leaf ORDER BY seq DESC LIMIT 1)"
    )
}

async fn refused(world: &World, lease: &Lease) -> (i64, FindingKind) {
    for _ in 0..500 {
        let how = Sequencing::unsigned(64);
        match sequence_after(&world.store, lease, &how, &mut Edge::default()).await {
            Err(SequenceError::Tampered(found)) => return (found.seq, found.kind),
            // Another database of the same server holds a transaction open.
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it was placed")
}

async fn a_row_that_somebody_else_has_written_is_not_placed_and_is_told(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(21));
    let lease = world.lease().await;
    world.append(&[factory.event(), factory.event()]).await;
    log.sequence_all(&lease).await;
    let next = log.whole().await.len();
    // A MAC of another body, none at all, and the MAC of the very body, which names another event.
    for mac in [world.bytes(&[7; 32]), world.bytes(&[]), "mac".to_owned()] {
        world.sql(&copy(&world, &mac)).await;
        assert_eq!(
            refused(&world, &lease).await,
            (i64::try_from(next).unwrap(), FindingKind::Forged)
        );
        let found = verify(log.reader(), &mut |_| {})
            .await
            .unwrap()
            .first_bad
            .unwrap();
        assert!(
            matches!(found.kind, FindingKind::Forged | FindingKind::PassedOver),
            "{found}"
        );
        world.drop_triggers().await;
        let id = world.id(uuid::Uuid::from_u128(0x0193_7b6e_5b5c_7d3e_8f00_0000_0000_00ff));
        world
            .sql(&format!("DELETE FROM audit_intake WHERE id = {id}"))
            .await;
    }
}

async fn the_making_of_the_first_keys_needs_no_voucher_and_nothing_after_it_does_without(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(22));
    let lease = world.lease().await;
    log.sequence_all(&lease).await;
    let without = world
        .number("SELECT COUNT(*) FROM audit_intake WHERE length(mac) = 0")
        .await;
    assert!(without > 0, "the first keys were made");
    world.append(&[factory.event()]).await;
    log.sequence_all(&lease).await;
    let after = world
        .number("SELECT COUNT(*) FROM audit_intake WHERE length(mac) = 0")
        .await;
    assert_eq!(after, without);
    let late = "SELECT COUNT(*) FROM audit_leaf l JOIN audit_intake i ON i.id = l.event_id WHERE length(i.mac) = 0 AND l.seq > \
        (SELECT MIN(v.seq) FROM audit_leaf v JOIN audit_intake w ON w.id = v.event_id WHERE length(w.mac) > 0)";
    assert_eq!(world.number(late).await, 0);
}

async fn a_mac_that_is_taken_away_is_told_and_lets_nothing_in(world: World) {
    let (log, mut factory) = (world.log(), Factory::new(23));
    let lease = world.lease().await;
    world.append(&[factory.event(), factory.event()]).await;
    log.sequence_all(&lease).await;
    let last = i64::try_from(log.whole().await.len()).unwrap() - 1;
    world.drop_triggers().await;
    let empty = world.bytes(&[]);
    world
        .sql(&format!(
            "UPDATE audit_intake SET mac = {empty} WHERE id = (SELECT event_id FROM audit_leaf WHERE seq = {last})"
        ))
        .await;
    let found = verify(log.reader(), &mut |_| {}).await.unwrap().first_bad;
    let found = found.map(|found| (found.seq, found.kind));
    assert_eq!(found, Some((last, FindingKind::ColumnChanged)));
    // The head looks like one from before there were keys; those before it do not.
    world.sql(&copy(&world, &empty)).await;
    assert_eq!(refused(&world, &lease).await, (last + 1, FindingKind::Forged));
}
