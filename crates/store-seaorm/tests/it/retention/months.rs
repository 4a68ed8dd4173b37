//! PostgreSQL: a month has its partition, made ahead, and gives its room back when nothing is left in it.

use vutf_audit::{
    LogReader as _,
    retention::{HoldScope, RetentionStore as _},
    verify,
};
use vutf_kernel::{Event, Timestamp};

use super::world::{Keeper, event};
use crate::world::World;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

async fn partitions(keeper: &Keeper) -> Vec<String> {
    let sql = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               WHERE i.inhparent = 'audit_intake'::regclass ORDER BY 1";
    let rows = keeper.world.rows(sql).await;
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn count(keeper: &Keeper, partition: &str) -> i64 {
    keeper
        .world
        .number(&format!("SELECT COUNT(*) FROM {partition}"))
        .await
}

fn reads(month: &str, n: u32) -> Vec<Event> {
    (0..n)
        .map(|n| event(at(&format!("{month}-15T12:00:00Z")), "user.read", n))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_lie_in_their_months_and_an_empty_month_is_dropped() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let keeper = Keeper::new(world).await;
    let store = keeper.world.store.clone();
    assert_eq!(
        partitions(&keeper).await.len(),
        5,
        "this month, three ahead, and the default one"
    );
    // What is there before its month was made stays in the default partition, and is no obstacle.
    keeper.world.append(&reads("2024-01", 3)).await;
    let made = store.make_months(at("2024-01-31T23:59:59Z")).await.unwrap();
    assert_eq!(
        made,
        [
            "audit_intake_2024_02",
            "audit_intake_2024_03",
            "audit_intake_2024_04"
        ]
    );
    assert!(
        store
            .make_months(at("2024-01-01T00:00:00Z"))
            .await
            .unwrap()
            .is_empty()
    );
    keeper.world.append(&reads("2024-01", 2)).await;
    keeper.world.append(&reads("2024-02", 4)).await;
    keeper.world.append(&reads("2024-03", 5)).await;
    let edges =
        ["2024-02-29T23:59:59.999Z", "2024-03-01T00:00:00Z"].map(|text| event(at(text), "user.read", 0));
    keeper.world.append(&edges).await;
    keeper.sequence().await;
    let default = count(&keeper, "audit_intake_default").await;
    for (partition, events) in [
        ("audit_intake_2024_02", 5),
        ("audit_intake_2024_03", 6),
        ("audit_intake_2024_04", 0),
    ] {
        assert_eq!(count(&keeper, partition).await, events, "{partition}");
    }

    let hold = keeper
        .place(HoldScope {
            from: Some(at("2024-03-01T00:00:00Z")),
            ..HoldScope::default()
        })
        .await;
    assert_eq!(keeper.run().await.unwrap().count(), 10);
    assert_eq!(count(&keeper, "audit_intake_default").await, default - 5);
    assert_eq!(
        store.drop_empty_months().await.unwrap(),
        ["audit_intake_2024_02", "audit_intake_2024_04"]
    );
    assert!(
        partitions(&keeper)
            .await
            .contains(&"audit_intake_2024_03".to_owned()),
        "it holds what is held"
    );
    keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    assert_eq!(keeper.run().await.unwrap().count(), 6);
    assert_eq!(store.drop_empty_months().await.unwrap(), ["audit_intake_2024_03"]);
    assert_eq!(
        partitions(&keeper).await.len(),
        5,
        "the months ahead are empty and stay"
    );
    keeper.sequence().await;
    let report = verify(&store, &mut |_| {}).await.unwrap();
    assert_eq!((report.first_bad, report.pruned), (None, 16));
    assert!(report.unguarded.is_empty(), "{:?}", report.unguarded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_its_triggers_is_named() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let keeper = Keeper::new(world).await;
    let store = keeper.world.store.clone();
    store.make_months(at("2024-02-01T00:00:00Z")).await.unwrap();
    let bare = async || store.protection().await.unwrap().missing_triggers;
    assert!(bare().await.is_empty());
    let table = "audit_intake_2024_03";
    for (change, missing) in [
        (
            format!("ALTER TABLE {table} DISABLE TRIGGER audit_intake_append_only"),
            "audit_intake_append_only".to_owned(),
        ),
        (
            format!("DROP TRIGGER {table}_no_truncate ON {table}"),
            format!("{table}_no_truncate"),
        ),
    ] {
        keeper.world.sql(&change).await;
        let expected = format!("{table}: {missing}");
        assert!(bare().await.contains(&expected), "{change}");
    }
}

#[tokio::test]
async fn sqlite_has_one_table_for_all_time() {
    let keeper = Keeper::new(World::sqlite().await).await;
    let store = &keeper.world.store;
    assert!(
        store
            .make_months(at("2024-01-01T00:00:00Z"))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.drop_empty_months().await.unwrap().is_empty());
}
