//! Every migration goes up, down with rows in its tables, and up again; replicas that start at once run each once.

use uuid::Uuid;
use vutf_migration::{Migrator, MigratorTrait};
use vutf_store_seaorm::{DownError, SchemaError};
use vutf_testkit::{
    servers::{database::create_empty, require_postgres},
    sqlite::SqliteFile,
};

use crate::world::{Place, World, connect, options};

/// As `on_both!`, on a database without a schema.
macro_rules! on_empty {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(super::empty_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(world) = super::empty_postgres().await {
                    super::$name(world).await;
                }
            }
        }
    )+};
}

on_empty!(
    each_step_goes_up_and_down_with_rows_in_it,
    what_holds_rows_is_taken_back_by_name_only,
    replicas_that_start_at_once_migrate_once,
    a_newer_schema_is_refused,
    a_migration_that_fails_leaves_nothing,
);

async fn empty_sqlite() -> World {
    World::bare(Place::Sqlite(SqliteFile::create().unwrap())).await
}

async fn empty_postgres() -> Option<World> {
    let database = create_empty(require_postgres()?).await.unwrap();
    Some(World::bare(Place::Postgres(database)).await)
}

/// Steps, counted from nought, that leave SQLite as it is: the columns that an index carries.
const POSTGRES_ONLY: [usize; 1] = [23];

/// Rows for the tables of each migration, in their order; a later one writes a function of its own.
fn rows(world: &World) -> Vec<String> {
    let mut rows = first_rows(world);
    rows.push(passkey_rows(world));
    let [home, one, two] = [0x7000_8000_0000_0000_0001, 1, 2].map(|n| world.id(Uuid::from_u128(n)));
    let blob = world.bytes(b"blob");
    rows.push(authorization_rows(&home, &one, &two, &blob));
    rows.push(people_rows(&home, &one, &two, &blob));
    rows.push(password_rows(&home, &one, &two, &blob));
    rows.push(role_rows(&home, &two, &blob));
    rows.push("SELECT 1".to_owned());
    rows
}

/// Of the first eighteen.
fn first_rows(world: &World) -> Vec<String> {
    let [home, one, two, three] = [0x7000_8000_0000_0000_0001, 1, 2, 3].map(|n| world.id(Uuid::from_u128(n)));
    let blob = world.bytes(b"blob");
    let refused = world.bytes(br#"{"outcome":{"reason":"denied","result":"refused"}}"#);
    let stamps = "created_at, updated_at, version";
    vec![
        format!("INSERT INTO leases (name, holder, epoch, expires_at) VALUES ('l', {one}, 1, 2)"),
        format!(
            "INSERT INTO users (id, organization_id, username_ct, username_bidx, username_bidx_ver, email_ct, email_bidx, \
               email_bidx_ver, status, epoch, {stamps}) VALUES ({one}, {home}, {blob}, {blob}, 1, {blob}, {blob}, 1, 'active', 0, 1, 1, 1);
             INSERT INTO passwords (user_id, organization_id, phc_ct, changed_at, created_at, updated_at, version)
                 VALUES ({one}, {home}, {blob}, 1, 1, 1, 1);
             INSERT INTO user_roles (organization_id, user_id, role, granted_at) VALUES ({home}, {one}, 'user', 1);
             INSERT INTO login_guards (organization_id, account, authenticator, user_id, failures, updated_at)
                 VALUES ({home}, {blob}, 'password', {one}, 1, 1);
             INSERT INTO bootstrap_tokens (organization_id, token_hash, created_at) VALUES ({home}, {blob}, 1)"
        ),
        format!(
            "INSERT INTO sessions (id, organization_id, user_id, epoch, aal, amr, auth_time, last_seen_at, expires_at, {stamps}) \
               VALUES ({two}, {home}, {one}, 0, 'aal1', 'pwd', 1, 1, 1, 1, 1, 1);
             INSERT INTO refresh_families (id, organization_id, session_id, user_id, generation, idle_expires_at, expires_at, {stamps}) \
               VALUES ({three}, {home}, {two}, {one}, 0, 1, 1, 1, 1, 1);
             INSERT INTO refresh_tokens (token_hash, organization_id, family_id, generation, created_at) VALUES ({blob}, {home}, {three}, 0, 1)"
        ),
        format!(
            "INSERT INTO crypto_keys (id, organization_id, purpose, key_version, algorithm, state, wrapped, wrapped_by, fingerprint, created_at, \
               state_changed_at, revision, mac) \
               VALUES ({one}, {home}, 'tenant', 1, 'xchacha20-poly1305', 'active', {blob}, 'kek:x', {blob}, 1, 1, 1, {blob})"
        ),
        format!(
            "INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, action, resource_kind, outcome, body, parts, mac) \
               VALUES ({one}, 1, {home}, 'r', 'operator', 'a.b', 'x', 'success', {blob}, {blob}, {blob});
             INSERT INTO audit_subject_ref (event_id, organization_id, subject_id) VALUES ({one}, {home}, {two});
             INSERT INTO audit_leaf (seq, event_id, leaf_hash, chain, xid, ord) VALUES (0, {one}, {blob}, {blob}, 0, 1)"
        ),
        format!(
            "INSERT INTO key_transitions (key_id, revision, organization_id, to_state, occurred_at, actor_kind, reason, event_id) \
               VALUES ({one}, 1, {home}, 'active', 1, 'operator', 'created', {two});
             INSERT INTO keysets (organization_id, purpose, minimum_version, suspended_may_process, revision, updated_at, \
               authenticated_by, mac) VALUES ({home}, 'field:users', 1, FALSE, 1, 1, {one}, {blob});
             INSERT INTO approvals (id, organization_id, action, subject_id, subject_revision, reason, requested_by, requested_at, \
               expires_at, state, revision, authenticated_by, mac) \
               VALUES ({one}, {home}, 'key.destroy', {two}, 1, 'cessation', 'operator', 1, 2, 'open', 1, {three}, {blob});
             INSERT INTO key_usage (key_id, organization_id, messages, bytes, revision, authenticated_by, mac) \
               VALUES ({one}, {home}, 1, 1, 1, {two}, {blob})"
        ),
        format!(
            "INSERT INTO erasures (id, organization_id, subject_id, erased_at, certificate) VALUES ({one}, {home}, {two}, 1, '{{}}')"
        ),
        format!(
            "INSERT INTO key_jobs (id, organization_id, kind, purpose, state, cursor, pass_number, pass_found, pass_stuck, \
               rows_done, rows_skipped, rows_total, {stamps}) \
               VALUES ({one}, {home}, 'rewrap', 'tenant', 'pending', {blob}, 0, 0, 0, 0, 0, 0, 1, 1, 1)"
        ),
        format!(
            "INSERT INTO audit_node (level, node_index, hash) VALUES (1, 0, {blob});
             INSERT INTO audit_checkpoint (number, size, note, signed_at) VALUES (1, 1, 'n', 1);
             INSERT INTO audit_latest (id, kept, size, note, signed_at) VALUES (1, 1, 1, 'n', 1)"
        ),
        format!(
            "INSERT INTO audit_findings (id, organization_id, rule, severity, happened_at, raised_at, event_id, detection) \
               VALUES ({one}, {home}, 'r', 'low', 1, 1, {two}, '{{}}');
             INSERT INTO audit_finding_changes (finding_id, number, organization_id, to_status, changed_at, actor, event_id) \
               VALUES ({one}, 1, {home}, 'resolved', 1, '{{}}', {two});
             INSERT INTO audit_rules (organization_id, rule, overrides, {stamps}) VALUES ({home}, 'r', '{{}}', 1, 1, 1);
             INSERT INTO audit_analysis (id, evaluated, snapshot, saved_at, mac) VALUES (1, 1, {blob}, 1, {blob});
             INSERT INTO audit_alerts (finding_id, sink, organization_id, attempts, queued_at) VALUES ({one}, 'log', {home}, 0, 1)"
        ),
        format!("INSERT INTO audit_exports (sink, seq, chain, format, updated_at) VALUES ('file', 0, {blob}, 'jsonl', 1)"),
        "INSERT INTO audit_cosignature (size, witness, key_id, note, line, cosigned_at) VALUES (1, 'w', 1, 'note', 'line', 1)".to_owned(),
        // What stands in the table outlives the migration, and its reason is taken from the body the next time.
        format!(
            "INSERT INTO audit_intake (id, occurred_at, organization_id, request_id, actor_kind, action, resource_kind, outcome, body, parts, mac) \
               SELECT {two}, 1, {home}, 'r', 'operator', 'a.b', 'x', 'refused', {refused}, {blob}, {blob} \
               WHERE NOT EXISTS (SELECT 1 FROM audit_intake WHERE id = {two})"
        ),
        format!(
            "INSERT INTO audit_hold (id, organization_id, reason, placed_at, placed_by_kind, event_id) \
               VALUES ({one}, {home}, 'case', 1, 'operator', {two});
             INSERT INTO audit_hold_release (hold_id, released_at, released_by_kind, event_id) VALUES ({one}, 1, 'operator', {three});
             INSERT INTO audit_prune_run (id, requested_at, requested_by_kind, policy, event_id) VALUES ({one}, 1, 'operator', 'p', {two});
             INSERT INTO audit_prune_end (run_id, ended_at) VALUES ({one}, 1);
             INSERT INTO audit_prune_batch (event_id, run_id, class, cutoff, removed, pruned_at) VALUES ({two}, {one}, 'reads', 1, 1, 1);
             INSERT INTO audit_pruned (seq, event_id) VALUES (0, {two})"
        ),
        format!(
            "INSERT INTO totp_factors (id, organization_id, user_id, secret_ct, last_step, {stamps}) \
               VALUES ({two}, {home}, {one}, {blob}, 0, 1, 1, 1);
             INSERT INTO backup_codes (user_id, code_mac, organization_id, created_at) VALUES ({one}, {blob}, {home}, 1);
             INSERT INTO mfa_challenges (challenge_hash, organization_id, user_id, epoch, password_changed_at, expires_at, created_at) \
               VALUES ({blob}, {home}, {one}, 0, 1, 2, 1)"
        ),
        format!(
            "INSERT INTO api_keys (id, organization_id, user_id, lookup, secret_hash, name_ct, scopes, networks_ct, expires_at, successor_id, {stamps}) \
               VALUES ({two}, {home}, {one}, 'AbCd0129', {blob}, {blob}, 'users:read', {blob}, 2, {three}, 1, 1, 1)"
        ),
        mail_rows(&home, &one, &two, &blob),
        format!("UPDATE sessions SET idle_expires_at = 1, cookie_hash = {blob}, network_tag = {blob}, moved_at = 1 WHERE id = {two}"),
    ]
}

fn passkey_rows(world: &World) -> String {
    let [home, one, two] = [0x7000_8000_0000_0000_0001, 1, 2].map(|n| world.id(Uuid::from_u128(n)));
    let blob = world.bytes(b"blob");
    format!(
        "INSERT INTO passkeys (id, organization_id, user_id, credential_id, public_key, name_ct, transports, sign_count, \
           backup_eligible, backed_up, created_at, updated_at, version) \
           VALUES ({two}, {home}, {one}, {blob}, {blob}, {blob}, 'internal', 1, TRUE, FALSE, 1, 1, 1);
         INSERT INTO passkey_challenges (challenge_hash, organization_id, purpose, user_id, session_id, expires_at, created_at) \
           VALUES ({blob}, {home}, 'register', {one}, {two}, 2, 1)"
    )
}

fn authorization_rows(home: &str, one: &str, two: &str, blob: &str) -> String {
    format!(
        "INSERT INTO policies (id, organization_id, name, permissions, roles, conditions, row_mac, created_at, updated_at, version) \
           VALUES ({two}, {home}, 'p', '*', '', '{{}}', {blob}, 1, 1, 1);
         INSERT INTO break_glass (user_id, organization_id, secret_hash, sealed_at, row_mac) VALUES ({one}, {home}, {blob}, 1, {blob})"
    )
}

fn people_rows(home: &str, one: &str, two: &str, blob: &str) -> String {
    format!(
        "UPDATE users SET last_seen_at = 1, inactivity_told_at = 1 WHERE id = {one};
         UPDATE passwords SET must_change_at = 1 WHERE user_id = {one};
         UPDATE sessions SET password_due_at = 1 WHERE id = {two};
         INSERT INTO consents (organization_id, user_id, document, document_version, accepted_at) \
           VALUES ({home}, {one}, 'system_use', '1', 1);
         INSERT INTO erasure_requests (user_id, organization_id, receipt_hash, requested_at, due_at) \
           VALUES ({one}, {home}, {blob}, 1, 2)"
    )
}

fn password_rows(home: &str, one: &str, two: &str, blob: &str) -> String {
    format!(
        "UPDATE passwords SET beside_factor = TRUE WHERE user_id = {one};
         INSERT INTO password_history (id, organization_id, user_id, phc_ct, replaced_at) VALUES ({two}, {home}, {one}, {blob}, 1)"
    )
}

fn role_rows(home: &str, two: &str, blob: &str) -> String {
    format!(
        "INSERT INTO custom_roles (id, organization_id, name, description, permissions, row_mac, created_at, updated_at, version) \
           VALUES ({two}, {home}, 'clerk', '', 'users:read', {blob}, 1, 1, 1)"
    )
}

fn mail_rows(home: &str, one: &str, two: &str, blob: &str) -> String {
    format!(
            "INSERT INTO account_links (id, organization_id, user_id, purpose, link_hash, address_ct, expires_at, created_at) \
               VALUES ({two}, {home}, {one}, 'unlock', {blob}, {blob}, 2, 1);
             INSERT INTO invitations (id, organization_id, token_hash, email_ct, email_tag, roles, expires_at, created_at) \
               VALUES ({two}, {home}, {blob}, {blob}, {blob}, 'user', 2, 1);
             INSERT INTO mail_outbox (id, organization_id, user_id, kind, request_id, content_ct, attempts, due_at, expires_at, created_at) \
               VALUES ({two}, {home}, {one}, 'reset', 'r', {blob}, 0, 1, 2, 1)"
        )
}

/// Tables, columns, indexes and triggers, as the database describes them.
async fn schema(world: &World) -> Vec<String> {
    let sql = if world.is_postgres() {
        "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || \
           COALESCE(column_default, '') FROM information_schema.columns WHERE table_schema = 'public' \
         UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' \
         UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
         UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
           WHERE connamespace = 'public'::regnamespace \
         UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
    } else {
        "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1"
    };
    let rows = world.rows(sql).await;
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn applied(world: &World) -> usize {
    let lines = world.store.migration_status().await.unwrap();
    lines.iter().filter(|line| line.applied).count()
}

async fn up_one(world: &World) {
    let connection = world.outside().await;
    Migrator::up(&connection, Some(1)).await.unwrap();
    connection.close().await.unwrap();
}

async fn each_step_goes_up_and_down_with_rows_in_it(world: World) {
    let (rows, steps) = (rows(&world), Migrator::migrations().len());
    let destroy = names();
    assert_eq!(rows.len(), steps, "a new migration needs rows in this test");
    let mut before = Vec::new();
    for (step, planted) in rows.iter().enumerate() {
        up_one(&world).await;
        let after = schema(&world).await;
        let changes = world.is_postgres() || !POSTGRES_ONLY.contains(&step);
        assert_eq!(after != before, changes, "step {step}");
        world.sql(planted).await;
        world.store.migrate_down(1, &destroy).await.unwrap();
        assert_eq!(applied(&world).await, step);
        if step > 0 {
            assert_eq!(
                schema(&world).await,
                before,
                "step {step} leaves something behind"
            );
        }
        up_one(&world).await;
        assert_eq!(
            schema(&world).await,
            after,
            "step {step} goes up differently the second time"
        );
        world.sql(planted).await;
        before = after;
    }
    let copied = "SELECT COUNT(*) FROM audit_intake WHERE reason = 'denied'";
    assert_eq!(world.number(copied).await, 1, "a reason is copied from the body");
    let (whole, all) = (before, u32::try_from(steps).unwrap());
    for left in (0..all).rev() {
        world.store.migrate_down(1, &destroy).await.unwrap();
        assert_eq!(applied(&world).await, left as usize);
    }
    let names = world.store.migrate_up().await.unwrap();
    assert_eq!(names.len(), steps);
    assert_eq!(schema(&world).await, whole);
    assert!(world.store.migrate_up().await.unwrap().is_empty());
    world.store.migrate_down(all, &[]).await.unwrap();
    assert!(
        schema(&world)
            .await
            .iter()
            .all(|line| line.contains("seaql_migrations"))
    );
}

/// Every migration.
fn names() -> Vec<String> {
    let migrations = Migrator::migrations();
    migrations.iter().map(|one| one.name().to_owned()).collect()
}

async fn what_holds_rows_is_taken_back_by_name_only(world: World) {
    let (rows, names) = (rows(&world), names());
    world.store.migrate_up().await.unwrap();
    for planted in &rows {
        world.sql(planted).await;
    }
    let before = schema(&world).await;
    let all = u32::try_from(names.len()).unwrap();
    // The last one made an index: with it nothing goes that somebody had.
    let (_, holding) = names.split_last().unwrap();
    for destroy in [&[][..], &holding[1..holding.len() - 1], &holding[1..]] {
        let refusal = world.store.migrate_down(all, destroy).await.unwrap_err();
        let DownError::HoldsData { name, tables } = refusal else {
            panic!("{refusal}");
        };
        let first = holding.iter().rfind(|name| !destroy.contains(name)).unwrap();
        assert_eq!(name, *first);
        assert!(!tables.is_empty());
        assert_eq!(schema(&world).await, before, "all or nothing");
    }
    assert!(world.number("SELECT COUNT(*) FROM audit_leaf").await > 0);
    let reverted = world.store.migrate_down(all, &names).await.unwrap();
    assert!(reverted.iter().eq(names.iter().rev()));
}

async fn replicas_that_start_at_once_migrate_once(world: World) {
    let url = world.place.url();
    let mut replicas = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, _) = connect(&options(&url)).await;
        replicas.spawn(async move { store.migrate_up().await.unwrap().len() });
    }
    let mut counts = replicas.join_all().await;
    counts.sort_unstable();
    let steps = Migrator::migrations().len();
    assert_eq!(counts, [0, 0, 0, steps]);
    let recorded = world.number("SELECT COUNT(*) FROM seaql_migrations").await;
    assert_eq!(usize::try_from(recorded).unwrap(), steps);
}

async fn a_newer_schema_is_refused(world: World) {
    world.store.migrate_up().await.unwrap();
    world.store.refuse_newer().await.unwrap();
    world
        .sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)")
        .await;
    let before = schema(&world).await;
    let refusals = [
        world.store.refuse_newer().await.unwrap_err(),
        world.store.migrate_up().await.unwrap_err(),
    ];
    assert!(matches!(
        world.store.migrate_down(1, &[]).await.unwrap_err(),
        DownError::Schema(SchemaError::Newer { .. })
    ));
    for refusal in refusals {
        assert!(
            matches!(&refusal, SchemaError::Newer { name } if name == "m9999_future"),
            "{refusal}"
        );
    }
    assert_eq!(schema(&world).await, before);
    assert_eq!(applied(&world).await, Migrator::migrations().len());
}

/// The last step stumbles over a table that is there already.
async fn a_migration_that_fails_leaves_nothing(world: World) {
    world.sql("CREATE TABLE audit_leaf (n INTEGER)").await;
    let before = schema(&world).await;
    assert!(matches!(
        world.store.migrate_up().await.unwrap_err(),
        SchemaError::Port(_)
    ));
    assert_eq!(schema(&world).await, before, "all or nothing");
    world.sql("DROP TABLE audit_leaf").await;
    assert_eq!(
        world.store.migrate_up().await.unwrap().len(),
        Migrator::migrations().len()
    );
}
