//! On PostgreSQL an index stands behind every query.

use std::{sync::Arc, time::Duration};

use vutf_audit::{SEQUENCER_LEASE, retention::RetentionStore as _};
use vutf_kernel::{Event, Leases, Timestamp};
use vutf_store_seaorm::SeaStore;
use vutf_testkit::{
    contracts::{
        analysis::{AnalysisStore, analysis_contract},
        audit::{AuditStore, audit_contract},
        cosignatures::cosignatures_contract,
        identity::{identity_contract, mail_contract},
        jobs::{JobStore, jobs_contract},
        keys::{KeyStore, keys_contract},
    },
    factory::Factory,
};

use crate::world::World;

/// Two thousand strangers of another tenant, with all that belongs to them.
const CROWD: &str = "
INSERT INTO organizations (id, name, created_at, updated_at, version)
  VALUES ('00000000-0000-7000-8000-000000000003', 'crowd', 0, 0, 1);
INSERT INTO users (id, organization_id, username_ct, username_bidx, username_bidx_ver, email_ct, email_bidx, email_bidx_ver,
    status, epoch, created_at, updated_at, version)
  SELECT gen_random_uuid(), '00000000-0000-7000-8000-000000000003', decode(repeat('00', 90), 'hex'), sha256(i::text::bytea), 1,
    decode(repeat('00', 90), 'hex'), sha256(i::text::bytea), 1, 'active', 0, 0, 0, 1 FROM generate_series(1, 2000) i;
INSERT INTO passwords (user_id, organization_id, phc_ct, changed_at, created_at, updated_at, version)
  SELECT id, organization_id, decode(repeat('00', 150), 'hex'), 0, 0, 0, 1 FROM users WHERE status = 'active';
INSERT INTO password_history (id, organization_id, user_id, phc_ct, replaced_at)
  SELECT gen_random_uuid(), organization_id, id, decode(repeat('00', 150), 'hex'), 0 FROM users;
INSERT INTO user_roles (organization_id, user_id, role, granted_at) SELECT organization_id, id, 'user', 0 FROM users;
INSERT INTO login_guards (organization_id, account, authenticator, failures, updated_at)
  SELECT organization_id, username_bidx, 'password', 1, 4102444800000000 FROM users;
INSERT INTO sessions (id, organization_id, user_id, epoch, aal, amr, auth_time, last_seen_at, expires_at, created_at, updated_at, version)
  SELECT gen_random_uuid(), organization_id, id, 0, 'aal1', 'pwd', 0, 0, 4102444800000000, 0, 0, 1 FROM users;
INSERT INTO refresh_families (id, organization_id, session_id, user_id, generation, idle_expires_at, expires_at, created_at, updated_at, version)
  SELECT gen_random_uuid(), organization_id, id, user_id, 0, 0, 0, 0, 0, 1 FROM sessions;
INSERT INTO refresh_tokens (token_hash, organization_id, family_id, generation, created_at)
  SELECT sha256(id::text::bytea), organization_id, id, 0, 0 FROM refresh_families;
INSERT INTO key_transitions (key_id, revision, organization_id, to_state, occurred_at, actor_kind, reason, event_id)
  SELECT id, 1, organization_id, 'active', 0, 'operator', 'created', gen_random_uuid() FROM users;
INSERT INTO approvals (id, organization_id, action, subject_id, subject_revision, reason, requested_by, requested_at, expires_at, state,
    revision, authenticated_by, mac)
  SELECT gen_random_uuid(), organization_id, 'key.destroy', id, 1, 'cessation', 'operator', 0, 0, 'open', 1, id, sha256('x') FROM users;
INSERT INTO audit_findings (id, organization_id, rule, severity, happened_at, raised_at, event_id, detection)
  SELECT id, organization_id, 'r', 'low', 0, 0, id, '{}' FROM users;
INSERT INTO audit_finding_changes (finding_id, number, organization_id, to_status, changed_at, actor, event_id)
  SELECT id, 1, organization_id, 'resolved', 0, '{}', id FROM audit_findings;
INSERT INTO audit_alerts (finding_id, sink, organization_id, attempts, queued_at, next_at)
  SELECT id, 'log', organization_id, 0, 0, 4102444800000000 FROM audit_findings;
";

const OTHER_USERS: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Indexes that only cost. Those that keep something unique have a use of their own.
const IDLE_INDEXES: &str = "SELECT s.indexrelname::text FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid) \
     WHERE s.idx_scan = 0 AND NOT i.indisunique ORDER BY 1";

async fn crowded() -> Option<World> {
    let world = World::postgres().await?;
    world.sql(CROWD).await;
    let mut factory = Factory::new(0xC0);
    for _ in 0..20 {
        let events: Vec<Event> = (0..100).map(|_| factory.event()).collect();
        world.append(&events).await;
    }
    // A lease of long ago: the contract finds it free.
    let start = Timestamp::from_secs(0);
    let lease = world
        .store
        .acquire(SEQUENCER_LEASE, factory.id(), start, Duration::from_secs(1))
        .await
        .unwrap();
    world.log().sequence_all(&lease.unwrap()).await;
    world.sql("ANALYZE").await;
    Some(world)
}

/// Runs, and what one of two thousand batches removed.
async fn retention(world: &World, store: &SeaStore) {
    let crowd = "INSERT INTO audit_prune_run (id, requested_at, requested_by_kind, policy, event_id)
           SELECT gen_random_uuid(), 0, 'operator', 'p', gen_random_uuid() FROM generate_series(1, 2000);
         INSERT INTO audit_prune_batch (event_id, run_id, class, cutoff, removed, pruned_at)
           SELECT gen_random_uuid(), id, 'reads', 1, 1, 1 FROM audit_prune_run;
         INSERT INTO audit_pruned (seq, event_id)
           SELECT 1000000 + row_number() OVER (), event_id FROM audit_prune_batch;
         ANALYZE audit_prune_run, audit_prune_batch, audit_pruned";
    world.sql(crowd).await;
    assert_eq!(store.runs(1).await.unwrap().len(), 1);
    world.rows("SELECT vutf_prune(gen_random_uuid())").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_large_table_is_read_as_a_whole_and_no_index_is_idle() {
    let Some(world) = crowded().await else { return };
    let large: Vec<String> = world
        .rows("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > 1000 ORDER BY 1")
        .await
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect();
    assert_eq!(large.len(), 16, "the crowd fills {large:?}");
    // At two thousand rows a scan may be the cheaper way; what is wanted is that none is the only one.
    world
        .sql(&format!(
            "ALTER DATABASE {} SET enable_seqscan = off",
            world.database()
        ))
        .await;
    world.store.close().await;
    world.wait_for(OTHER_USERS, |others| others == 0).await;
    world.sql("SELECT pg_stat_reset()").await;
    let (store, _) = world.replica().await;
    identity_contract(Arc::new(store.clone())).await;
    mail_contract(Arc::new(store.clone()), &store).await;
    audit_contract(AuditStore::Store(Arc::new(store.clone()))).await;
    keys_contract(KeyStore::Store(Arc::new(store.clone()))).await;
    cosignatures_contract(&store).await;
    jobs_contract(JobStore::Store(Arc::new(store.clone()), world.place.url())).await;
    retention(&world, &store).await;
    analysis_contract(AnalysisStore::Store(Arc::new(store.clone()))).await;
    // A server process hands in its counts when it ends.
    store.close().await;
    world.wait_for(OTHER_USERS, |others| others == 0).await;
    for table in large {
        let scans = world
            .number(&format!(
                "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'"
            ))
            .await;
        assert_eq!(scans, 0, "{table} was read as a whole");
    }
    let idle: Vec<String> = world
        .rows(IDLE_INDEXES)
        .await
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect();
    assert!(idle.is_empty(), "no statement of the store uses {idle:?}");
}
