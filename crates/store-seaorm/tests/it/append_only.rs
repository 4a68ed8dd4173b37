//! AU-9: the database refuses to change what was logged, and the check that says so can fail.

use std::sync::Arc;

use vutf_compliance::{AppendOnlyCheck, Check, Verdict};
use vutf_kernel::SystemClock;
use vutf_testkit::factory::Factory;

use crate::world::{AUDIT_TABLES, World};

on_both!(
    changes_are_refused,
    the_check_sees_the_triggers,
    the_check_leaves_nothing_behind
);

const COLUMN: [&str; 3] = ["action", "subject_id", "chain"];

async fn filled(world: &World) {
    let mut factory = Factory::new(1);
    world.append(&[factory.event(), factory.event()]).await;
    world.log().sequence_all(&world.lease().await).await;
}

async fn changes_are_refused(world: World) {
    filled(&world).await;
    for (table, column) in AUDIT_TABLES.into_iter().zip(COLUMN) {
        let count = format!("SELECT COUNT(*) FROM {table}");
        let before = world.number(&count).await;
        assert!(before > 1, "{table} has rows");
        let mut attempts = vec![
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("DELETE FROM {table} WHERE {column} = (SELECT MIN({column}::text) FROM {table})")
                .replace("::text", ""),
        ];
        if world.is_postgres() {
            attempts.truncate(2);
            attempts.push(format!("TRUNCATE {table}"));
            attempts.push(format!("TRUNCATE {table} CASCADE"));
        } else {
            attempts.push(format!(
                "PRAGMA recursive_triggers = ON; REPLACE INTO {table} SELECT * FROM {table}"
            ));
        }
        for attempt in attempts {
            let refused = world.try_sql(&attempt).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{attempt}: {refused}");
        }
        assert_eq!(world.number(&count).await, before);
    }
}

async fn verdict(world: &World) -> (Verdict, Vec<(String, String)>) {
    let probe = vutf_store_seaorm::SeaAppendOnlyProbe::new(world.store.clone());
    let check = AppendOnlyCheck::new(Arc::new(probe));
    let seen = check.probe(&SystemClock).await.unwrap();
    (seen.outcome, seen.facts)
}

async fn the_check_sees_the_triggers(world: World) {
    let (outcome, facts) = verdict(&world).await;
    assert_eq!(outcome, Verdict::Satisfied);
    assert!(
        facts.iter().all(|(_, fact)| fact.contains("append-only")),
        "{facts:?}"
    );
    world.drop_triggers().await;
    let (outcome, facts) = verdict(&world).await;
    assert_eq!(outcome, Verdict::NotSatisfied, "{facts:?}");
}

async fn the_check_leaves_nothing_behind(world: World) {
    filled(&world).await;
    let count = "SELECT COUNT(*) FROM audit_intake";
    let before = world.number(count).await;
    verdict(&world).await;
    world.drop_triggers().await;
    verdict(&world).await;
    assert_eq!(world.number(count).await, before);
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM audit_intake WHERE action = 'x'")
            .await,
        0
    );
}
