//! PostgreSQL: the service works as a role that can neither change nor remove an audit record.

use vutf_audit::retention::RetentionStore as _;
use vutf_audit::{LogReader as _, retention::HoldScope, verify};
use vutf_identity::link::LinkPurpose;
use vutf_testkit::factory::Factory;

use super::{
    fill,
    world::{Keeper, days_ago, event},
};
use crate::world::{Place, World, provide_keys};

const ROLES: &str = include_str!("../../../../../deploy/postgresql/roles.sql");

/// The same database as its owner sees it, and as the service does.
async fn two_roles() -> Option<(World, Keeper)> {
    let owner = World::postgres().await?;
    let role = format!("app_{}", owner.database().replace('-', "_"));
    owner
        .sql(&format!(
            "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD 'app'"
        ))
        .await;
    owner.sql(&ROLES.replace("vutf_app", &role)).await;
    let url = url_of(&owner, &role);
    let place = match &owner.place {
        Place::Postgres(database) => Place::Borrowed(url, database.name().to_owned()),
        _ => panic!("this is PostgreSQL"),
    };
    let service = World::bare(place).await;
    provide_keys(&service.store, &service.keyring).await;
    Some((owner, Keeper::new(service).await))
}

fn url_of(owner: &World, role: &str) -> String {
    let url = owner.place.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_owner, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    format!("{scheme}://{role}:app@{host}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_works_as_a_role_that_owns_nothing() {
    let Some((owner, keeper)) = two_roles().await else {
        return;
    };
    let store = keeper.world.store.clone();
    assert!(
        store.migrate_up().await.unwrap().is_empty(),
        "the start finds nothing to do"
    );
    let mut factory = Factory::new(0x0F);
    let user = factory.user();
    let mut unit = keeper.world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.passwords().put(&factory.password(&user)).await.unwrap();
    unit.sessions().insert(&factory.session(&user)).await.unwrap();
    unit.mfa().enrol(&factory.totp_factor(&user)).await.unwrap();
    let codes = factory.backup_codes();
    unit.mfa()
        .put_codes(user.organization_id, user.id, &codes, factory.now())
        .await
        .unwrap();
    unit.mfa()
        .open_challenge(&factory.mfa_challenge(&user))
        .await
        .unwrap();
    unit.mfa().remove_of(user.organization_id, user.id).await.unwrap();
    unit.api_keys().insert(&factory.api_key(&user)).await.unwrap();
    unit.api_keys()
        .remove_of(user.organization_id, user.id)
        .await
        .unwrap();
    crate::dba_mail::mailed(&mut *unit, &mut factory, &user).await;
    let home = user.organization_id;
    unit.links().end(home, user.id, &LinkPurpose::ALL).await.unwrap();
    unit.mail().remove_of(home, user.id).await.unwrap();
    unit.commit().await.unwrap();

    let old = fill(&keeper).await;
    let hold = keeper
        .place(HoldScope {
            from: Some(days_ago(460)),
            ..HoldScope::default()
        })
        .await;
    assert_eq!(keeper.run().await.unwrap().count(), 12);
    keeper.retention().release(&keeper.ctx, hold.id).await.unwrap();
    assert_eq!(keeper.run().await.unwrap().count(), 5);
    let long_ago = vutf_kernel::Timestamp::parse_rfc3339("2024-02-01T00:00:00Z").unwrap();
    assert_eq!(store.make_months(long_ago).await.unwrap().len(), 4);
    assert_eq!(store.drop_empty_months().await.unwrap().len(), 4);
    keeper.sequence().await;
    let report = verify(&store, &mut |_| {}).await.unwrap();
    assert_eq!(
        (report.first_bad, report.pruned, report.unguarded.len()),
        (None, old.len() as u64, 0)
    );
    assert!(store.head().await.unwrap().is_some());
    store.close().await;
    drop(keeper);
    owner
        .sql(&format!(
            "DROP OWNED BY app_{0}; DROP ROLE app_{0}",
            owner.database().replace('-', "_")
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_has_its_rights() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition \
                  AND relnamespace = 'public'::regnamespace ORDER BY 1";
    for row in world.rows(tables).await {
        let name: String = row.try_get_by_index(0).unwrap();
        let words = ROLES.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        assert!(
            words.into_iter().any(|word| word == name),
            "{name} is in no GRANT"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_role_cannot_change_what_only_grows() {
    let Some((owner, keeper)) = two_roles().await else {
        return;
    };
    keeper.world.append(&[event(days_ago(500), "user.read", 1)]).await;
    keeper.sequence().await;
    let mut attempts = Vec::new();
    for (table, column) in [
        ("audit_intake", "action"),
        ("audit_subject_ref", "subject_id"),
        ("audit_leaf", "chain"),
        ("audit_node", "hash"),
        ("audit_checkpoint", "note"),
        ("audit_hold", "reason"),
        ("audit_hold_release", "event_id"),
        ("audit_prune_run", "policy"),
        ("audit_prune_end", "finding"),
        ("audit_prune_batch", "class"),
        ("audit_pruned", "event_id"),
        ("erasures", "certificate"),
        ("key_transitions", "note"),
    ] {
        attempts.push(format!("UPDATE {table} SET {column} = {column}"));
        attempts.push(format!("DELETE FROM {table}"));
        attempts.push(format!("TRUNCATE {table}"));
        attempts.push(format!("DROP TABLE {table}"));
        attempts.push(format!("ALTER TABLE {table} DISABLE TRIGGER ALL"));
        attempts.push(format!("ALTER TABLE {table} ADD COLUMN x TEXT"));
    }
    attempts.extend(
        [
            "DROP TABLE audit_intake_default",
            "DELETE FROM audit_intake_default",
            "INSERT INTO audit_intake_default SELECT * FROM audit_intake_default",
            "CREATE TABLE mine (id INTEGER)",
            "CREATE OR REPLACE FUNCTION vutf_prune(event UUID) RETURNS BIGINT LANGUAGE sql AS 'SELECT 0::bigint'",
            "ALTER FUNCTION vutf_prune(UUID) SECURITY INVOKER",
            "SET session_replication_role = replica",
            "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999', 0)",
        ]
        .map(str::to_owned),
    );
    for attempt in attempts {
        let refused = keeper.world.try_sql(&attempt).await.unwrap_err().to_string();
        let denied = refused.contains("permission denied") || refused.contains("must be owner");
        assert!(denied, "{attempt}: {refused}");
    }
    // The function alone removes nothing: no event tells of it.
    let rows = keeper
        .world
        .rows("SELECT vutf_prune('00000000-0000-0000-0000-000000000007')")
        .await;
    assert_eq!(rows[0].try_get_by_index::<i64>(0).unwrap(), 0);
    keeper.world.store.close().await;
    drop(keeper);
    owner
        .sql(&format!(
            "DROP OWNED BY app_{0}; DROP ROLE app_{0}",
            owner.database().replace('-', "_")
        ))
        .await;
}
