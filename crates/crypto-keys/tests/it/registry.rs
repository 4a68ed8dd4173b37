//! Loading the registry: what a writer of the database can and cannot do.

use vutf_crypto_keys::{CryptoError, FieldRef, KeyState, Keyring, LoadError, Purpose, WrappedBy};
use vutf_kernel::{Fault, OsEntropy, Timestamp};

use crate::world::{HOME, Provider, another_organization, wanted, world};

fn email() -> FieldRef<'static> {
    FieldRef {
        organization_id: HOME,
        table: "users",
        column: "email",
        row: b"r",
        subject: None,
    }
}

#[tokio::test]
async fn a_load_reports_what_it_brought_in() {
    let world = world().await;
    world.provision(another_organization()).await;
    let report = world.reload().await.unwrap();
    assert_eq!(report.organizations, 2);
    assert_eq!(report.loaded, 2 * (wanted().len() - 1));
    assert_eq!(report.refused, 0);
    world.ring.self_test().unwrap();
}

#[tokio::test]
async fn a_changed_row_is_named_and_nothing_is_replaced() {
    for purpose in wanted() {
        let world = world().await;
        let sealed = world.ring.seal(&email(), b"x", &mut OsEntropy).unwrap();
        let row = world
            .tamper(&purpose, |row| {
                row.not_after = Some(Timestamp::from_secs(i64::MAX / 2_000_000));
            })
            .await;
        match world.reload().await {
            Err(LoadError::RecordMac { key_id }) => assert_eq!(key_id, row.id),
            other => panic!("{purpose}: {other:?}"),
        }
        assert_eq!(
            world.ring.open(&email(), &sealed).unwrap().expose(),
            b"x",
            "{purpose}"
        );
    }
}

#[tokio::test]
async fn a_deactivated_key_cannot_be_brought_back_by_hand() {
    let world = world().await;
    world.rotate(&Purpose::field("users")).await;
    let mut rows = world.rows().await;
    let old = rows
        .iter_mut()
        .find(|row| row.state == KeyState::Deactivated)
        .unwrap();
    old.state = KeyState::Active;
    let id = old.id;
    let loaded = Keyring::new().load(&world.provider, rows).await;
    assert!(matches!(loaded, Err(LoadError::RecordMac { key_id }) if key_id == id));
}

#[tokio::test]
async fn a_row_of_another_organization_cannot_be_moved_here() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let mut rows = world.rows().await;
    let moved = rows
        .iter_mut()
        .find(|row| row.organization_id == elsewhere && row.purpose == Purpose::field("users"))
        .unwrap();
    moved.organization_id = HOME;
    let error = Keyring::new().load(&world.provider, rows).await.unwrap_err();
    assert!(matches!(error, LoadError::Record { .. }), "{error}");
}

#[tokio::test]
async fn swapped_key_bytes_are_refused() {
    let world = world().await;
    let other = world.row(&Purpose::field("sessions")).await;
    world
        .tamper(&Purpose::field("users"), |row| {
            row.wrapped = other.wrapped;
            row.mac = other.mac;
        })
        .await;
    assert!(matches!(world.reload().await, Err(LoadError::RecordMac { .. })));
}

#[tokio::test]
async fn another_key_encryption_key_is_refused_with_both_names() {
    let world = world().await;
    let rows = world.rows().await;
    let error = Keyring::new()
        .load(&Provider::new("kek-2"), rows)
        .await
        .unwrap_err();
    assert!(matches!(error, LoadError::KekMismatch { .. }));
    let text = error.to_string();
    assert!(text.contains("kek-1") && text.contains("kek-2"), "{text}");
}

#[tokio::test]
async fn a_tenant_key_cannot_be_wrapped_by_itself_and_no_other_key_by_the_provider() {
    let world = world().await;
    let tenant = world.row(&Purpose::Tenant).await;
    let mut rows = world.rows().await;
    for row in &mut rows {
        row.wrapped_by = match row.purpose {
            Purpose::Tenant => WrappedBy::Tenant(tenant.id),
            _ => WrappedBy::Kek("kek-1".into()),
        };
    }
    let children: Vec<_> = rows.iter().filter(|row| row.id != tenant.id).cloned().collect();
    for set in [rows, children] {
        let error = Keyring::new().load(&world.provider, set).await.unwrap_err();
        assert!(matches!(error, LoadError::Record { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_provider_is_asked_once_an_organization_and_not_again_on_a_reload() {
    let world = world().await;
    world.provision(another_organization()).await;
    let before = world.provider.calls();
    world.reload().await.unwrap();
    assert_eq!(world.provider.calls(), before);
    Keyring::new()
        .load(&world.provider, world.rows().await)
        .await
        .unwrap();
    assert_eq!(world.provider.calls(), before + 2);
}

#[tokio::test]
async fn without_the_provider_a_reload_works_and_a_first_load_says_unreachable() {
    let world = world().await;
    world.provider.switch_off();
    world.reload().await.unwrap();
    let error = Keyring::new()
        .load(&world.provider, world.rows().await)
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Unreachable);
}

#[tokio::test]
async fn loading_one_organization_leaves_the_others() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let mut rows = world.rows().await;
    rows.retain(|row| row.organization_id == elsewhere);
    world.ring.load(&world.provider, rows).await.unwrap();
    world.ring.seal(&email(), b"x", &mut OsEntropy).unwrap();
}

#[tokio::test]
async fn nothing_that_holds_a_key_prints_it() {
    let world = world().await;
    let text = format!("{:?} {:#?}", world.ring, world.ring);
    assert!(text.contains("redacted"), "{text}");
    assert!(text.len() < 100, "{text}");
    let error = CryptoError::Refused(KeyState::Suspended).to_string();
    assert_eq!(error, "the key is suspended");
}

#[test]
fn the_keyring_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Keyring>();
}
