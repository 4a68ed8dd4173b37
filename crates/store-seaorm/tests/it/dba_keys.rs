//! What an administrator of the database can do to the key registry, and how each attempt is named: at the next start from the
//! audit log, and in a process that runs from what it has loaded.

use vutf_app::keys::{KeysError, Target};
use vutf_crypto_keys::{KeyReader as _, KeyRecord, KeyState, LifecycleReader as _, LoadError, Purpose};
use vutf_testkit::contracts::NEIGHBOUR;

use crate::{
    keys_world::{HOME, Handles, custodian, named},
    world::{World, ctx_in},
};

on_both!(
    a_destroyed_key_that_is_put_back_is_named,
    a_state_that_was_edited_is_named,
    a_deactivated_key_that_is_put_back_to_active_is_named,
    a_tenant_key_that_is_passed_off_as_destroyed_is_named,
    key_bytes_that_were_swapped_are_named,
    a_row_that_was_copied_across_tenants_is_named,
    a_row_that_was_deleted_is_named,
    a_minimum_version_that_was_lowered_is_named,
    an_older_keyset_that_is_put_back_and_one_that_is_deleted_are_named,
    a_forged_approval_destroys_nothing,
    a_rejected_request_that_is_put_back_destroys_nothing,
    a_history_cannot_be_rewritten,
    a_use_that_was_lowered_is_named_and_never_added_to,
    an_older_use_that_is_put_back_and_one_that_is_deleted_are_named
);

/// A copy of all tables of the registry, as a backup has them.
async fn back_up(world: &World) {
    for table in ["crypto_keys", "keysets", "approvals", "key_usage"] {
        world
            .sql(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"))
            .await;
    }
}

/// Puts a row back as it was, MAC included.
async fn put_back(world: &World, table: &str, condition: &str) {
    world.sql(&format!("DELETE FROM {table} WHERE {condition}")).await;
    let put = format!("INSERT INTO {table} SELECT * FROM kept_{table} WHERE {condition}");
    assert_eq!(world.sql(&put).await, 1, "{put}");
}

fn this(world: &World, key: &KeyRecord) -> String {
    format!("id = {}", world.id(key.id.as_uuid()))
}

async fn keys(world: &World, purpose: &Purpose) -> Vec<KeyRecord> {
    let mut found = world.store.list(Some(HOME)).await.unwrap();
    found.retain(|record| record.purpose == *purpose);
    found.sort_by_key(|record| record.version);
    found
}

/// What a process that runs says, and what one says that starts.
async fn told(world: &World, handles: &Handles) -> (KeysError, KeysError) {
    let running = handles.keys(world).reload().await.unwrap_err();
    let (keys, who) = (handles.keys(world), custodian(1));
    assert!(
        keys.list(&who).await.is_err(),
        "what is not authentic is not shown"
    );
    assert!(keys.inventory(&who).await.is_err(), "nor is it in the inventory");
    let Err(starting) = handles.start(world).await else {
        panic!("it starts, although a running process said: {running}");
    };
    (running, starting)
}

async fn a_destroyed_key_that_is_put_back_is_named(world: World) {
    let handles = Handles::new();
    let key = handles.retired(&world, "orders").await;
    back_up(&world).await;
    let request = handles.ask(&world, &key).await;
    handles
        .keys(&world)
        .approve(&custodian(2), request.id)
        .await
        .unwrap();
    put_back(&world, "crypto_keys", &this(&world, &key)).await;
    let (running, starting) = told(&world, &handles).await;
    assert!(
        matches!(running, KeysError::Load(LoadError::RolledBack { key_id, row: 2, seen: 3 }) if key_id == key.id),
        "{running}"
    );
    assert!(
        matches!(starting, KeysError::RolledBack { key_id, row: 2, log: 3 } if key_id == key.id),
        "{starting}"
    );
}

async fn a_state_that_was_edited_is_named(world: World) {
    let handles = Handles::new();
    let key = handles.retired(&world, "orders").await;
    for state in KeyState::ALL
        .into_iter()
        .filter(|state| *state != KeyState::Deactivated)
    {
        world
            .sql(&format!(
                "UPDATE crypto_keys SET state = '{state}' WHERE {}",
                this(&world, &key)
            ))
            .await;
        let (running, starting) = told(&world, &handles).await;
        assert!(
            matches!(running, KeysError::Load(LoadError::RecordMac { key_id }) if key_id == key.id),
            "{state}: {running}"
        );
        // The log knows the state of this revision, too.
        assert!(
            matches!(starting, KeysError::RolledBack { key_id, row: 2, log: 2 } if key_id == key.id),
            "{state}: {starting}"
        );
    }
}

async fn a_deactivated_key_that_is_put_back_to_active_is_named(world: World) {
    let handles = Handles::new();
    let users = Purpose::field("users");
    back_up(&world).await;
    let old = keys(&world, &users).await.remove(0);
    handles
        .keys(&world)
        .rotate(&custodian(1), &Target::Key(old.id))
        .await
        .unwrap();
    // The index would refuse a second active version; whoever can write rows can drop it.
    world.sql("DROP INDEX crypto_keys_active").await;
    put_back(&world, "crypto_keys", &this(&world, &old)).await;
    let (running, starting) = told(&world, &handles).await;
    assert!(
        matches!(running, KeysError::Load(LoadError::RolledBack { key_id, .. }) if key_id == old.id),
        "{running}"
    );
    assert!(
        matches!(starting, KeysError::RolledBack { key_id, .. } if key_id == old.id),
        "{starting}"
    );
}

async fn a_tenant_key_that_is_passed_off_as_destroyed_is_named(world: World) {
    let handles = Handles::new();
    let tenant = keys(&world, &Purpose::Tenant).await.remove(0);
    for edit in ["state = 'destroyed'", "state = 'suspended'"] {
        world
            .sql(&format!(
                "UPDATE crypto_keys SET {edit} WHERE {}",
                this(&world, &tenant)
            ))
            .await;
        let (running, _) = told(&world, &handles).await;
        assert!(
            matches!(running, KeysError::Load(LoadError::RecordMac { key_id }) if key_id == tenant.id),
            "{edit}: {running}"
        );
    }
}

async fn key_bytes_that_were_swapped_are_named(world: World) {
    let handles = Handles::new();
    let (one, two) = (Purpose::field("users"), Purpose::field("passwords"));
    let (one, two) = (
        keys(&world, &one).await.remove(0),
        keys(&world, &two).await.remove(0),
    );
    back_up(&world).await;
    for (to, from) in [(&one, &two), (&two, &one)] {
        world
            .sql(&format!(
                "UPDATE crypto_keys SET wrapped = (SELECT wrapped FROM kept_crypto_keys WHERE {}) WHERE {}",
                this(&world, from),
                this(&world, to)
            ))
            .await;
    }
    let (running, starting) = told(&world, &handles).await;
    for error in [running, starting] {
        assert!(
            matches!(error, KeysError::Load(LoadError::RecordMac { key_id }) if [one.id, two.id].contains(&key_id)),
            "{error}"
        );
    }
}

async fn a_row_that_was_copied_across_tenants_is_named(world: World) {
    let handles = Handles::new();
    let own = keys(&world, &Purpose::field("users")).await.remove(0);
    // Their row takes the place of ours, under our name.
    world
        .sql(&format!(
            "UPDATE crypto_keys SET wrapped = (SELECT t.wrapped FROM crypto_keys t WHERE t.purpose = 'field:users' AND \
               t.organization_id = {0}), mac = (SELECT t.mac FROM crypto_keys t WHERE t.purpose = 'field:users' AND \
               t.organization_id = {0}), wrapped_by = (SELECT t.wrapped_by FROM crypto_keys t WHERE \
               t.purpose = 'field:users' AND t.organization_id = {0}) WHERE {1}",
            world.id(NEIGHBOUR.as_uuid()),
            this(&world, &own)
        ))
        .await;
    let (running, starting) = told(&world, &handles).await;
    for error in [running, starting] {
        assert!(
            matches!(
                error,
                KeysError::Load(LoadError::Record { key_id, .. } | LoadError::RecordMac { key_id }) if key_id == own.id
            ),
            "{error}"
        );
    }
}

async fn a_row_that_was_deleted_is_named(world: World) {
    let handles = Handles::new();
    let users = Purpose::field("users");
    let old = keys(&world, &users).await.remove(0);
    handles
        .keys(&world)
        .rotate(&custodian(1), &Target::Key(old.id))
        .await
        .unwrap();
    // Not the newest version: nothing would miss it but the log.
    world
        .sql(&format!("DELETE FROM crypto_keys WHERE {}", this(&world, &old)))
        .await;
    let starting = handles.start(&world).await.map(|_| ()).unwrap_err();
    assert!(
        matches!(&starting, KeysError::Lost { purpose, version: 1 } if *purpose == users),
        "{starting}"
    );
}

async fn with_minimum(world: &World, handles: &Handles, minimum: u32) {
    let keys = handles.keys(world);
    keys.set_minimum_version(&custodian(1), &Purpose::field("users"), minimum)
        .await
        .unwrap();
}

async fn a_minimum_version_that_was_lowered_is_named(world: World) {
    let handles = Handles::new();
    let users = Purpose::field("users");
    handles
        .keys(&world)
        .rotate(&custodian(1), &Target::Purpose(users.clone()))
        .await
        .unwrap();
    with_minimum(&world, &handles, 2).await;
    world.sql("UPDATE keysets SET minimum_version = 1").await;
    let (running, starting) = told(&world, &handles).await;
    for error in [running, starting] {
        assert!(
            matches!(&error, KeysError::Load(LoadError::KeysetMac { purpose, .. }) if *purpose == users),
            "{error}"
        );
    }
}

async fn an_older_keyset_that_is_put_back_and_one_that_is_deleted_are_named(world: World) {
    let handles = Handles::new();
    let users = Purpose::field("users");
    handles
        .keys(&world)
        .rotate(&custodian(1), &Target::Purpose(users.clone()))
        .await
        .unwrap();
    with_minimum(&world, &handles, 1).await;
    back_up(&world).await;
    with_minimum(&world, &handles, 2).await;
    put_back(&world, "keysets", "purpose = 'field:users'").await;
    for found in [1, 0] {
        let (running, starting) = told(&world, &handles).await;
        assert!(
            matches!(&running, KeysError::Load(LoadError::KeysetRolledBack { purpose, row, seen: 2, .. })
                if *purpose == users && *row == found),
            "{running}"
        );
        assert!(
            matches!(&starting, KeysError::KeysetRolledBack { purpose, row, log: 2 }
                if *purpose == users && *row == found),
            "{starting}"
        );
        world.sql("DELETE FROM keysets").await;
    }
}

async fn a_forged_approval_destroys_nothing(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let other = handles.retired(&world, "other").await;
    let request = handles.ask(&world, &key).await;
    back_up(&world).await;
    let someone = world.id(other.id.as_uuid());
    for edit in [
        "requested_by = 'operator'".to_owned(),
        "requested_by = 'user:03030303-0303-0303-0303-030303030303'".to_owned(),
        format!("subject_id = {someone}"),
        "expires_at = 9000000000000000".to_owned(),
        "state = 'approved', decided_by = 'operator', decided_at = 1, revision = 2".to_owned(),
    ] {
        world.sql(&format!("UPDATE approvals SET {edit}")).await;
        for who in [1, 2] {
            let error = keys.approve(&custodian(who), request.id).await.unwrap_err();
            assert!(
                matches!(error, KeysError::Load(LoadError::ApprovalMac { id }) if id == request.id),
                "{edit}: {error}"
            );
        }
        world.sql("DELETE FROM approvals").await;
        world
            .sql("INSERT INTO approvals SELECT * FROM kept_approvals")
            .await;
    }
    // One that nobody asked for.
    world
        .sql(&format!(
            "UPDATE approvals SET subject_id = {someone}, revision = 1"
        ))
        .await;
    let error = keys.requests(&custodian(1)).await.unwrap_err();
    assert!(
        matches!(error, KeysError::Load(LoadError::ApprovalMac { .. })),
        "{error}"
    );
    let error = keys.get(&custodian(1), other.id).await.unwrap_err();
    assert!(
        matches!(error, KeysError::Load(LoadError::ApprovalMac { .. })),
        "{error}"
    );
    for record in [&key, &other] {
        assert_eq!(world.store.find(record.id).await.unwrap().as_ref(), Some(record));
    }
}

async fn a_rejected_request_that_is_put_back_destroys_nothing(world: World) {
    let handles = Handles::new();
    let keys = handles.keys(&world);
    let key = handles.retired(&world, "orders").await;
    let request = handles.ask(&world, &key).await;
    back_up(&world).await;
    keys.reject(&custodian(2), request.id).await.unwrap();
    world.sql("DELETE FROM approvals").await;
    world
        .sql("INSERT INTO approvals SELECT * FROM kept_approvals")
        .await;
    let error = keys.approve(&custodian(2), request.id).await.unwrap_err();
    assert!(
        matches!(error, KeysError::Approval(vutf_crypto_keys::ApprovalError::Void)),
        "{error}"
    );
    // And with the key as it was when the request was made: it is an older row.
    put_back(&world, "crypto_keys", &this(&world, &key)).await;
    let error = keys.approve(&custodian(2), request.id).await.unwrap_err();
    assert!(
        matches!(error, KeysError::Load(LoadError::RolledBack { key_id, .. }) if key_id == key.id),
        "{error}"
    );
}

async fn a_history_cannot_be_rewritten(world: World) {
    let handles = Handles::new();
    let key = handles.retired(&world, "orders").await;
    let before = world.store.transitions(key.id).await.unwrap();
    for attempt in [
        "UPDATE key_transitions SET to_state = 'active'",
        "DELETE FROM key_transitions",
    ] {
        let refused = world.try_sql(attempt).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(world.store.transitions(key.id).await.unwrap(), before);
    let others = handles.keys(&world).list(&ctx_in(NEIGHBOUR)).await.unwrap();
    assert!(others.iter().all(|record| record.purpose != named("orders")));
}

fn seal(world: &World) {
    let field = vutf_crypto_keys::FieldRef {
        organization_id: HOME,
        table: "users",
        column: "email",
        row: b"r",
        subject: None,
    };
    let sealed = world
        .keyring
        .seal(&field, b"plaintext", &mut vutf_kernel::OsEntropy);
    assert!(sealed.is_ok());
}

/// Something is protected by the key of the users' fields, and written down.
async fn used(world: &World, handles: &Handles, times: usize) -> KeyRecord {
    for _ in 0..times {
        seal(world);
    }
    handles.keys(world).flush_usage(&ctx_in(HOME)).await.unwrap();
    handles.keys(world).reload().await.unwrap();
    keys(world, &Purpose::field("users")).await.remove(0)
}

fn row_of(world: &World, key: &KeyRecord) -> String {
    format!("key_id = {}", world.id(key.id.as_uuid()))
}

async fn a_use_that_was_lowered_is_named_and_never_added_to(world: World) {
    let handles = Handles::new();
    let key = used(&world, &handles, 5).await;
    back_up(&world).await;
    for edit in [
        "messages = 0",
        "bytes = 0",
        "revision = revision + 1",
        "messages = messages - 1",
    ] {
        let lower = format!("UPDATE key_usage SET {edit} WHERE {}", row_of(&world, &key));
        assert_eq!(world.sql(&lower).await, 1);
        let (running, starting) = told(&world, &handles).await;
        for error in [running, starting] {
            assert!(
                matches!(error, KeysError::Load(LoadError::UsageMac { key_id }) if key_id == key.id),
                "{edit}: {error}"
            );
        }
        let shown = handles.keys(&world).get(&custodian(1), key.id).await.unwrap_err();
        assert!(
            matches!(shown, KeysError::Load(LoadError::UsageMac { .. })),
            "{shown}"
        );
        let due = handles.keys(&world).rotate_due(&ctx_in(HOME)).await.unwrap_err();
        assert!(
            matches!(due, KeysError::Load(LoadError::UsageMac { .. })),
            "{due}"
        );
        let before = world.keyring.usage(key.id);
        seal(&world);
        let refused = handles.keys(&world).flush_usage(&ctx_in(HOME)).await.unwrap_err();
        assert!(refused.chain().contains("not authentic"), "{}", refused.chain());
        let known = world.keyring.usage(key.id).messages;
        assert_eq!(
            known,
            before.messages + 1,
            "what this process counted is not forgotten"
        );
        put_back(&world, "key_usage", &row_of(&world, &key)).await;
    }
    handles.keys(&world).reload().await.unwrap();
    handles.keys(&world).flush_usage(&ctx_in(HOME)).await.unwrap();
    let shown = handles.keys(&world).get(&custodian(1), key.id).await.unwrap();
    assert_eq!(shown.usage.messages, world.keyring.usage(key.id).messages);
}

async fn an_older_use_that_is_put_back_and_one_that_is_deleted_are_named(world: World) {
    let handles = Handles::new();
    let key = used(&world, &handles, 1).await;
    back_up(&world).await;
    used(&world, &handles, 50).await;
    let newest = world.store.usage(Some(HOME)).await.unwrap();
    let newest = newest.iter().find(|row| row.key_id == key.id).unwrap().revision;
    put_back(&world, "key_usage", &row_of(&world, &key)).await;
    for gone in [false, true] {
        let (running, starting) = told(&world, &handles).await;
        assert!(
            matches!(running, KeysError::Load(LoadError::UsageRolledBack { key_id, row, seen })
                if key_id == key.id && seen == newest && (row == 0) == gone),
            "{running}"
        );
        assert!(
            matches!(starting, KeysError::UsageRolledBack { key_id, row, log }
                if key_id == key.id && log == newest && (row == 0) == gone),
            "{starting}"
        );
        world
            .sql(&format!("DELETE FROM key_usage WHERE {}", row_of(&world, &key)))
            .await;
    }
    seal(&world);
    let refused = handles.keys(&world).flush_usage(&ctx_in(HOME)).await.unwrap_err();
    assert!(refused.chain().contains("put back"), "{}", refused.chain());
}
