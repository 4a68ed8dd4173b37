//! What every adapter must do with what stands beside the keys: histories, keysets, requests, use.
#![expect(
    clippy::unwrap_used,
    reason = "a contract that is broken fails the test that runs it"
)]

use std::time::Duration;

use tokio::task::JoinSet;
use vutf_crypto_keys::{
    Approval, ApprovalState, KeyState, Keyset, KeysetPolicy, Person, Purpose, Reason, ReasonCode, Transition,
    Usage, UsageRecord,
};
use vutf_kernel::{ApprovalId, EventId, Fault, KeyId, OrganizationId, PortError, UserId};

use super::{NEIGHBOUR, keys::KeyStore};
use crate::factory::Factory;

const HOME: OrganizationId = OrganizationId::DEFAULT;

pub(super) async fn lifecycle_contract(store: &KeyStore, factory: &mut Factory) {
    a_history_comes_back_in_its_order(store, factory).await;
    a_line_is_written_once(store, factory).await;
    a_keyset_comes_back_and_is_one_a_purpose(store, factory).await;
    a_keyset_is_replaced_by_its_next_revision_only(store, factory).await;
    a_request_comes_back_whole(store, factory).await;
    one_request_a_subject_is_open(store, factory).await;
    of_many_who_decide_one_does(store, factory).await;
    what_many_add_to_use_is_all_there(store, factory).await;
    use_is_replaced_by_its_next_revision_only(store, factory).await;
}

fn reason(note: Option<&str>) -> Reason {
    Reason::new(ReasonCode::Investigation, note).unwrap()
}

fn line(factory: &mut Factory, key_id: KeyId, revision: u64) -> Transition {
    Transition {
        key_id,
        organization_id: HOME,
        revision,
        from: (revision > 1).then_some(KeyState::Active),
        to: KeyState::Suspended,
        at: factory.now(),
        actor_kind: "user".into(),
        actor_id: (revision > 1).then(|| factory.id()),
        reason: reason((revision > 1).then_some("INC-7: é")),
        event_id: EventId::from_uuid(factory.id()),
    }
}

async fn note(store: &KeyStore, line: &Transition) -> Result<(), PortError> {
    let mut tx = store.begin().await;
    tx.lifecycle().note(line).await?;
    tx.commit().await
}

async fn a_history_comes_back_in_its_order(store: &KeyStore, factory: &mut Factory) {
    let (key, other) = (KeyId::from_uuid(factory.id()), KeyId::from_uuid(factory.id()));
    let lines = [1, 2, 5].map(|revision| line(factory, key, revision));
    for line in [&lines[1], &lines[2], &lines[0]] {
        note(store, line).await.unwrap();
    }
    note(store, &line(factory, other, 1)).await.unwrap();
    assert_eq!(store.reader().transitions(key).await.unwrap(), lines);
}

async fn a_line_is_written_once(store: &KeyStore, factory: &mut Factory) {
    let key = KeyId::from_uuid(factory.id());
    let first = line(factory, key, 1);
    note(store, &first).await.unwrap();
    let again = line(factory, first.key_id, 1);
    assert_eq!(note(store, &again).await.unwrap_err().fault, Fault::Duplicate);
}

fn keyset(factory: &mut Factory, name: &str) -> Keyset {
    Keyset {
        organization_id: HOME,
        purpose: Purpose::mac(name),
        policy: KeysetPolicy::default(),
        revision: 1,
        updated_at: factory.now(),
        authenticated_by: KeyId::from_uuid(factory.id()),
        mac: factory.bytes(),
    }
}

async fn insert_keyset(store: &KeyStore, keyset: &Keyset) -> Result<(), PortError> {
    let mut tx = store.begin().await;
    tx.lifecycle().insert_keyset(keyset).await?;
    tx.commit().await
}

async fn replace_keyset(store: &KeyStore, keyset: &Keyset) -> Result<(), PortError> {
    let mut tx = store.begin().await;
    tx.lifecycle().replace_keyset(keyset).await?;
    tx.commit().await
}

async fn keysets(store: &KeyStore, organization: Option<OrganizationId>) -> Vec<Keyset> {
    store.reader().keysets(organization).await.unwrap()
}

async fn a_keyset_comes_back_and_is_one_a_purpose(store: &KeyStore, factory: &mut Factory) {
    let plain = keyset(factory, "keyset-plain");
    let full = Keyset {
        policy: KeysetPolicy {
            minimum_version: u32::MAX,
            suspended_may_process: true,
            cryptoperiod: Some(Duration::from_micros(86_400_000_001)),
            limit: Some(Usage {
                messages: 1 << 40,
                bytes: 1 << 62,
            }),
        },
        ..keyset(factory, "keyset-full")
    };
    let elsewhere = Keyset {
        organization_id: NEIGHBOUR,
        ..keyset(factory, "keyset-plain")
    };
    for one in [&plain, &full, &elsewhere] {
        insert_keyset(store, one).await.unwrap();
        let home = keysets(store, Some(one.organization_id)).await;
        assert!(home.contains(one));
        assert!(
            home.iter()
                .all(|other| other.organization_id == one.organization_id)
        );
        assert!(keysets(store, None).await.contains(one));
        assert_eq!(
            insert_keyset(store, one).await.unwrap_err().fault,
            Fault::Duplicate
        );
    }
}

async fn a_keyset_is_replaced_by_its_next_revision_only(store: &KeyStore, factory: &mut Factory) {
    let first = keyset(factory, "keyset-replaced");
    insert_keyset(store, &first).await.unwrap();
    let next = Keyset {
        policy: KeysetPolicy {
            minimum_version: 2,
            ..KeysetPolicy::default()
        },
        revision: 2,
        mac: factory.bytes(),
        ..first.clone()
    };
    for revision in [0, 1, 3] {
        let unfit = Keyset {
            revision,
            ..next.clone()
        };
        assert_eq!(
            replace_keyset(store, &unfit).await.unwrap_err().fault,
            Fault::Stale
        );
    }
    replace_keyset(store, &next).await.unwrap();
    assert_eq!(
        replace_keyset(store, &next).await.unwrap_err().fault,
        Fault::Stale
    );
    let unknown = Keyset {
        revision: 2,
        ..keyset(factory, "keyset-unknown")
    };
    assert_eq!(
        replace_keyset(store, &unknown).await.unwrap_err().fault,
        Fault::Stale
    );
    let found = keysets(store, Some(HOME)).await;
    assert!(found.contains(&next) && !found.contains(&first));
}

fn request(factory: &mut Factory) -> Approval {
    Approval {
        id: ApprovalId::from_uuid(factory.id()),
        organization_id: HOME,
        action: "key.destroy".into(),
        subject_id: factory.id(),
        subject_revision: 3,
        reason: reason(None),
        requested_by: Person::Operator,
        requested_at: factory.now(),
        expires_at: factory.now(),
        state: ApprovalState::Open,
        decided_by: None,
        decided_at: None,
        revision: 1,
        authenticated_by: KeyId::from_uuid(factory.id()),
        mac: factory.bytes(),
    }
}

fn decided(factory: &mut Factory, request: &Approval, state: ApprovalState) -> Approval {
    Approval {
        state,
        decided_by: Some(Person::User(UserId::from_uuid(factory.id()))),
        decided_at: Some(factory.now()),
        revision: request.revision + 1,
        mac: factory.bytes(),
        ..request.clone()
    }
}

async fn insert(store: &KeyStore, request: &Approval) -> Result<(), PortError> {
    let mut tx = store.begin().await;
    tx.lifecycle().insert_approval(request).await?;
    tx.commit().await
}

async fn replace(store: &KeyStore, request: &Approval) -> Result<(), PortError> {
    let mut tx = store.begin().await;
    tx.lifecycle().replace_approval(request).await?;
    tx.commit().await
}

async fn a_request_comes_back_whole(store: &KeyStore, factory: &mut Factory) {
    let (open, closed) = (request(factory), request(factory));
    let full = Approval {
        reason: reason(Some("because: é")),
        requested_by: Person::User(UserId::from_uuid(factory.id())),
        ..decided(factory, &closed, ApprovalState::Rejected)
    };
    let elsewhere = Approval {
        organization_id: NEIGHBOUR,
        ..request(factory)
    };
    for one in [&open, &full, &elsewhere] {
        insert(store, one).await.unwrap();
        assert_eq!(store.reader().approval(one.id).await.unwrap().as_ref(), Some(one));
    }
    let listed = store.reader().approvals(HOME, 2).await.unwrap();
    assert_eq!(listed, [full, open.clone()], "the newest first");
    let found = store.reader().open_approval(open.subject_id).await.unwrap();
    assert_eq!(found, Some(open));
    let unknown = ApprovalId::from_uuid(factory.id());
    assert_eq!(store.reader().approval(unknown).await.unwrap(), None);
}

async fn one_request_a_subject_is_open(store: &KeyStore, factory: &mut Factory) {
    let first = request(factory);
    insert(store, &first).await.unwrap();
    let second = Approval {
        subject_id: first.subject_id,
        ..request(factory)
    };
    assert_eq!(insert(store, &second).await.unwrap_err().fault, Fault::Duplicate);
    let over = decided(factory, &first, ApprovalState::Expired);
    replace(store, &over).await.unwrap();
    assert_eq!(
        store.reader().open_approval(first.subject_id).await.unwrap(),
        None
    );
    insert(store, &second).await.unwrap();
    let found = store.reader().open_approval(first.subject_id).await.unwrap();
    assert_eq!(found, Some(second));
}

async fn of_many_who_decide_one_does(store: &KeyStore, factory: &mut Factory) {
    let open = request(factory);
    insert(store, &open).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let state = if n % 2 == 0 {
            ApprovalState::Approved
        } else {
            ApprovalState::Rejected
        };
        let (store, decision) = (store.clone(), decided(factory, &open, state));
        tasks.spawn(async move {
            let done = replace(&store, &decision).await;
            (decision, done.map_err(|error| error.fault))
        });
    }
    let all = tasks.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, done)| done.is_ok());
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|(_, fault)| matches!(fault, Err(Fault::Stale | Fault::Contention)))
    );
    let found = store.reader().approval(open.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&won[0].0));
}

/// As a replica does: reads, adds, and writes the next revision, until nobody else was faster.
async fn add(store: &KeyStore, key_id: KeyId, organization_id: OrganizationId, more: Usage) {
    loop {
        let rows = store.reader().usage(Some(organization_id)).await.unwrap();
        let row = rows.into_iter().find(|row| row.key_id == key_id);
        let mut tx = store.begin().await;
        let repo = tx.lifecycle();
        let added = if let Some(row) = row {
            let next = UsageRecord {
                usage: row.usage.plus(more),
                revision: row.revision + 1,
                ..row
            };
            repo.replace_usage(&next).await
        } else {
            let first = usage_row(key_id, organization_id, more);
            repo.insert_usage(&first).await
        };
        let added = match added {
            Ok(()) => tx.commit().await,
            error => error,
        };
        match added {
            Ok(()) => return,
            Err(error) => assert!(
                matches!(error.fault, Fault::Contention | Fault::Stale | Fault::Duplicate),
                "{error:?}"
            ),
        }
    }
}

fn usage_row(key_id: KeyId, organization_id: OrganizationId, usage: Usage) -> UsageRecord {
    UsageRecord {
        key_id,
        organization_id,
        usage,
        revision: 1,
        authenticated_by: key_id,
        mac: [7; 32],
    }
}

async fn what_many_add_to_use_is_all_there(store: &KeyStore, factory: &mut Factory) {
    let more = Usage {
        messages: 3,
        bytes: 1 << 33,
    };
    let keys = [HOME, HOME, NEIGHBOUR].map(|organization| (KeyId::from_uuid(factory.id()), organization));
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            for (key_id, organization) in keys {
                add(&store, key_id, organization, more).await;
            }
        });
    }
    tasks.join_all().await;
    let sum = Usage {
        messages: 24,
        bytes: 1 << 36,
    };
    let (home, all) = (
        store.reader().usage(Some(HOME)).await.unwrap(),
        store.reader().usage(None).await.unwrap(),
    );
    for (key_id, organization_id) in keys {
        let expected = UsageRecord {
            revision: 8,
            ..usage_row(key_id, organization_id, sum)
        };
        assert_eq!(home.contains(&expected), organization_id == HOME);
        assert!(all.contains(&expected), "{all:?}");
    }
}

async fn use_is_replaced_by_its_next_revision_only(store: &KeyStore, factory: &mut Factory) {
    let amount = |messages| Usage { messages, bytes: 1 };
    let first = usage_row(KeyId::from_uuid(factory.id()), HOME, amount(5));
    let write = async |row: &UsageRecord, insert: bool| {
        let mut tx = store.begin().await;
        let done = if insert {
            tx.lifecycle().insert_usage(row).await
        } else {
            tx.lifecycle().replace_usage(row).await
        };
        match done {
            Ok(()) => tx.commit().await,
            error => error,
        }
        .map_err(|error| error.fault)
    };
    assert_eq!(write(&first, false).await, Err(Fault::Stale), "there is none yet");
    assert_eq!(write(&first, true).await, Ok(()));
    assert_eq!(write(&first, true).await, Err(Fault::Duplicate));
    for revision in [1, 3] {
        let row = UsageRecord {
            revision,
            ..first.clone()
        };
        assert_eq!(write(&row, false).await, Err(Fault::Stale), "{revision}");
    }
    let next = UsageRecord {
        revision: 2,
        usage: amount(6),
        ..first.clone()
    };
    assert_eq!(write(&next, false).await, Ok(()));
    let all = store.reader().usage(Some(HOME)).await.unwrap();
    assert!(all.contains(&next) && !all.contains(&first), "{all:?}");
}
