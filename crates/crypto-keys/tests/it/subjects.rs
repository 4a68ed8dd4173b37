//! Keys of single persons: what opens what, what is forgotten when, and what an outage of the provider does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;
use vutf_crypto_keys::{
    CacheLimits, CryptoError, FieldRef, KeyRecord, KeyState, Keyring, LoadError, OutageLimits, Posture,
    ReasonCode, SubjectKey, SubjectKeys, WrappedBy, transition::plan_transition,
};
use vutf_kernel::{Class, Clock, Env, Fault, OrganizationId, OsEntropy, SystemClock, Timestamp, UserId};

use crate::world::{HOME, World, another_organization, world};

/// A clock that is set by hand.
struct Hands(AtomicI64);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(Timestamp::from_secs(1_000_000).as_micros())))
    }
    fn turn(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
    fn turn_back(&self, by: Duration) {
        self.0
            .fetch_sub(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A world whose ring has these limits and this clock.
async fn limited(limits: CacheLimits) -> (World, Arc<Hands>) {
    let hands = Hands::new();
    let mut world = world().await;
    world.ring = Keyring::new().with_limits(limits, hands.clone());
    world.reload().await.unwrap();
    (world, hands)
}

fn person() -> UserId {
    UserId::generate(&SystemClock, &mut OsEntropy)
}

fn made(ring: &Keyring, organization: OrganizationId, subject: UserId) -> (KeyRecord, SubjectKey) {
    let mut entropy = OsEntropy;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    };
    ring.new_subject_key(&mut env, organization, subject).unwrap()
}

fn email_of(subject: UserId) -> FieldRef<'static> {
    FieldRef {
        organization_id: HOME,
        table: "users",
        column: "email_ct",
        row: b"row",
        subject: Some(subject),
    }
}

fn sealed(key: &SubjectKey) -> Vec<u8> {
    key.seal(&email_of(key.subject()), b"ada@example.org", &mut OsEntropy)
        .unwrap()
}

fn refusal(error: LoadError) -> CryptoError {
    match error {
        LoadError::Wrapping { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_key_is_made_and_opened_without_the_provider() {
    let world = world().await;
    let before = world.provider.calls();
    let ada = person();
    let (record, key) = made(&world.ring, HOME, ada);
    let ciphertext = sealed(&key);
    let again = world.ring.subject_key(&record).unwrap();
    assert_eq!(
        again.open(&email_of(ada), &ciphertext).unwrap().expose(),
        b"ada@example.org"
    );
    assert_eq!(world.provider.calls(), before);
    assert_eq!((again.id(), again.subject()), (record.id, ada));
    let text = format!("{again:?}");
    assert!(text.contains("redacted") && text.len() < 70, "{text}");
}

#[tokio::test]
async fn a_persons_key_opens_nothing_of_anybody_else() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let (ada, grace) = (person(), person());
    let (_, of_ada) = made(&world.ring, HOME, ada);
    let (_, of_grace) = made(&world.ring, HOME, grace);
    let ciphertext = sealed(&of_ada);
    let mut keys = SubjectKeys::default();
    keys.add(of_ada.clone());
    keys.add(of_grace.clone());
    let open = |field| world.ring.open_in(&keys, &field, &ciphertext);
    assert!(open(email_of(ada)).is_ok());
    // In another person's row the key that the header names is not that person's.
    for foreign in [
        email_of(grace),
        FieldRef {
            subject: None,
            ..email_of(ada)
        },
        FieldRef {
            organization_id: elsewhere,
            ..email_of(ada)
        },
    ] {
        assert_eq!(open(foreign).unwrap_err(), CryptoError::ForeignKey(of_ada.id()));
        assert!(of_ada.seal(&foreign, b"x", &mut OsEntropy).is_err());
    }
    for moved in [
        FieldRef {
            column: "phone_ct",
            ..email_of(ada)
        },
        FieldRef {
            table: "sessions",
            ..email_of(ada)
        },
        FieldRef {
            row: b"other",
            ..email_of(ada)
        },
    ] {
        assert_eq!(open(moved).unwrap_err(), CryptoError::Authentication);
    }
}

#[tokio::test]
async fn a_key_of_the_table_is_taken_only_for_its_table_and_tenant() {
    let world = world().await;
    let ada = person();
    let by_table = world.ring.seal(&email_of(ada), b"x", &mut OsEntropy).unwrap();
    let keys = SubjectKeys::default();
    assert!(world.ring.open_in(&keys, &email_of(ada), &by_table).is_ok());
    let moved = FieldRef {
        table: "sessions",
        ..email_of(ada)
    };
    let error = world.ring.open_in(&keys, &moved, &by_table).unwrap_err();
    assert!(matches!(error, CryptoError::ForeignKey(_)), "{error}");
}

#[tokio::test]
async fn the_ring_tells_which_keys_must_be_loaded() {
    let world = world().await;
    let (ada, grace) = (person(), person());
    let (record, of_ada) = made(&world.ring, HOME, ada);
    let (_, of_grace) = made(&world.ring, HOME, grace);
    world.ring.subject_key(&record).unwrap();
    let by_table = world.ring.seal(&email_of(ada), b"x", &mut OsEntropy).unwrap();
    let ciphertexts = [sealed(&of_ada), sealed(&of_grace), sealed(&of_grace), by_table];
    let named = ciphertexts.iter().map(Vec::as_slice).chain([&b"junk"[..]]);
    let (keys, missing) = world.ring.subject_keys_of(named);
    assert_eq!(missing, [of_grace.id()], "once, and no key of a table");
    assert!(world.ring.open_in(&keys, &email_of(ada), &ciphertexts[0]).is_ok());
    let error = world
        .ring
        .open_in(&keys, &email_of(grace), &ciphertexts[1])
        .unwrap_err();
    assert_eq!(error.fault(), Fault::KeyNotLoaded);
}

type Edit = Box<dyn Fn(&mut KeyRecord)>;

#[tokio::test]
async fn a_changed_row_of_a_persons_key_is_refused() {
    let world = world().await;
    let elsewhere = another_organization();
    world.provision(elsewhere).await;
    let (record, _) = made(&world.ring, HOME, person());
    let (other, _) = made(&world.ring, HOME, person());
    let theirs = made(&world.ring, elsewhere, person()).0.wrapped_by;
    let edits: [(&str, Edit); 5] = [
        (
            "bytes",
            Box::new(move |row| row.wrapped.clone_from(&other.wrapped)),
        ),
        ("state", Box::new(|row| row.state = KeyState::Deactivated)),
        ("revision", Box::new(|row| row.revision += 1)),
        ("tenant", Box::new(move |row| row.organization_id = elsewhere)),
        ("parent", Box::new(move |row| row.wrapped_by = theirs.clone())),
    ];
    for (what, edit) in edits {
        let mut row = record.clone();
        edit(&mut row);
        assert!(world.ring.subject_key(&row).is_err(), "{what}");
    }
    let by_provider = KeyRecord {
        wrapped_by: WrappedBy::Kek("kek-1".into()),
        ..record.clone()
    };
    assert!(world.ring.subject_key(&by_provider).is_err());
    assert!(world.ring.subject_key(&record).is_ok());
}

#[tokio::test]
async fn a_destroyed_key_opens_nothing_and_is_told_apart() {
    let world = world().await;
    let ada = person();
    let (record, key) = made(&world.ring, HOME, ada);
    let ciphertext = sealed(&key);
    let at = Timestamp::from_secs(7);
    let destroy = |row: &KeyRecord| {
        let reason = ReasonCode::Erasure.into();
        plan_transition(&world.ring, at, row, KeyState::Destroyed, reason).map(|change| change.record)
    };
    let gone = destroy(&record).unwrap();
    assert!(gone.wrapped.is_empty());
    assert_eq!(
        (gone.state, gone.state_changed_at, gone.revision),
        (KeyState::Destroyed, at, record.revision + 1)
    );
    assert_eq!(
        refusal(world.ring.subject_key(&gone).unwrap_err()),
        CryptoError::Erased
    );
    assert!(world.ring.is_destroyed(&gone).unwrap());
    assert!(!world.ring.is_destroyed(&record).unwrap());
    let said = KeyRecord {
        state: KeyState::Destroyed,
        ..record.clone()
    };
    assert!(world.ring.is_destroyed(&said).is_err(), "it is not authentic");
    let counters = world.ring.cache_counters();
    assert_eq!(
        (counters.entries, counters.unwraps),
        (0, 0),
        "nothing is unwrapped"
    );
    let mut keys = SubjectKeys::default();
    keys.add_erased(gone.id);
    let error = world
        .ring
        .open_in(&keys, &email_of(ada), &ciphertext)
        .unwrap_err();
    assert_eq!(error, CryptoError::Erased);
    assert_eq!(gone.fingerprint, record.fingerprint);
    assert_ne!(made(&world.ring, HOME, ada).0.fingerprint, record.fingerprint);
    assert!(destroy(&gone).is_err(), "nothing more can be destroyed");
}

#[tokio::test]
async fn a_key_is_forgotten_at_its_age_and_by_an_erasure_at_once() {
    let (world, hands) = limited(CacheLimits::default()).await;
    let ada = person();
    let (record, _) = made(&world.ring, HOME, ada);
    let remembered = || world.ring.protecting_subject_key(HOME, ada).is_some();
    assert!(!remembered(), "what is not committed yet is not believed");
    world.ring.subject_key(&record).unwrap();
    assert!(remembered());
    hands.turn(Duration::from_secs(59));
    assert!(remembered());
    hands.turn(Duration::from_secs(1));
    assert!(!remembered());
    world.ring.subject_key(&record).unwrap();
    hands.turn_back(Duration::from_secs(1));
    assert!(!remembered(), "a clock that is set back prolongs nothing");
    world.ring.subject_key(&record).unwrap();
    world.ring.forget_subject(another_organization(), ada);
    assert!(remembered());
    world.ring.forget_subject(HOME, ada);
    assert!(!remembered());
}

#[tokio::test]
async fn what_nobody_uses_is_swept_out() {
    let (world, hands) = limited(CacheLimits::default()).await;
    for _ in 0..5 {
        let (record, _) = made(&world.ring, HOME, person());
        world.ring.subject_key(&record).unwrap();
        hands.turn(Duration::from_secs(20));
    }
    world.ring.sweep();
    let counters = world.ring.cache_counters();
    assert_eq!((counters.entries, counters.evictions), (2, 3));
}

#[tokio::test]
async fn the_least_recently_used_key_makes_room() {
    let limits = CacheLimits {
        capacity: 3,
        ..CacheLimits::default()
    };
    let (world, _) = limited(limits).await;
    let people: Vec<UserId> = (0..4).map(|_| person()).collect();
    let rows: Vec<KeyRecord> = people
        .iter()
        .map(|subject| made(&world.ring, HOME, *subject).0)
        .collect();
    let remembered = |place: usize| world.ring.protecting_subject_key(HOME, people[place]).is_some();
    for row in &rows[..3] {
        world.ring.subject_key(row).unwrap();
    }
    assert!(remembered(0), "used again");
    world.ring.subject_key(&rows[3]).unwrap();
    let present: Vec<bool> = (0..4).map(remembered).collect();
    assert_eq!(present, [true, false, true, true]);
    let counters = world.ring.cache_counters();
    assert_eq!(
        (counters.entries, counters.evictions, counters.unwraps),
        (3, 1, 4)
    );
    assert_eq!((counters.hits, counters.misses), (4, 1));
}

#[tokio::test]
async fn a_key_is_loaded_anew_after_so_many_messages_or_bytes() {
    let (messages, bytes) = (3, 100);
    for (limits, uses) in [
        (
            CacheLimits {
                messages,
                ..CacheLimits::default()
            },
            3,
        ),
        (
            CacheLimits {
                bytes,
                ..CacheLimits::default()
            },
            // fifteen bytes each
            7,
        ),
    ] {
        let (world, _) = limited(limits).await;
        let ada = person();
        let (record, _) = made(&world.ring, HOME, ada);
        let mut key = world.ring.subject_key(&record).unwrap();
        for _ in 0..uses {
            key = world.ring.protecting_subject_key(HOME, ada).unwrap();
            sealed(&key);
        }
        assert!(world.ring.protecting_subject_key(HOME, ada).is_none());
        sealed(&key);
    }
}

#[tokio::test]
async fn the_quota_stops_whoever_reads_everybody_and_is_an_alarm() {
    let limits = CacheLimits {
        unwraps_per_minute: 10,
        ..CacheLimits::default()
    };
    let (world, hands) = limited(limits).await;
    let rows: Vec<KeyRecord> = (0..12).map(|_| made(&world.ring, HOME, person()).0).collect();
    for row in &rows[..10] {
        world.ring.subject_key(row).unwrap();
    }
    for row in &rows[10..] {
        let error = world.ring.subject_key(row).unwrap_err();
        assert_eq!(
            (error.fault(), error.class()),
            (Fault::Withheld, Class::Unavailable)
        );
        assert_eq!(refusal(error), CryptoError::QuotaUsedUp { per_minute: 10 });
    }
    let counters = world.ring.cache_counters();
    assert_eq!((counters.unwraps, counters.refused), (10, 2));
    // What is remembered goes on working.
    let subject = rows[0].purpose.subject_id().unwrap();
    assert!(world.ring.protecting_subject_key(HOME, subject).is_some());
    hands.turn(Duration::from_secs(59));
    assert!(world.ring.subject_key(&rows[10]).is_err());
    hands.turn(Duration::from_secs(1));
    world.ring.subject_key(&rows[10]).unwrap();
}

const OUTAGE: OutageLimits = OutageLimits {
    max_age: Duration::from_hours(1),
    write_grace: Duration::from_hours(1),
    read_grace: Duration::from_hours(24),
};

#[tokio::test]
async fn an_outage_of_the_provider_ends_writing_then_reading_and_is_over_by_itself() {
    let (world, hands) = limited(CacheLimits::default()).await;
    assert_eq!(world.ring.limits().outage, OUTAGE);
    let ada = person();
    let (record, _) = made(&world.ring, HOME, ada);
    let place = email_of(ada);
    let by_table = world.ring.seal(&place, b"x", &mut OsEntropy).unwrap();
    let by_person = sealed(&world.ring.subject_key(&record).unwrap());
    world.provider.switch_off();
    for (hours, posture) in [
        (0, Posture::Fresh),
        (1, Posture::Grace),
        (2, Posture::ReadOnly),
        (24, Posture::ReadOnly),
        (25, Posture::Closed),
    ] {
        let start = world.ring.confirmed_at().unwrap();
        hands.turn(Duration::from_hours(hours).saturating_sub(hands.now().since(start)));
        world.reload().await.unwrap();
        assert_eq!(world.ring.posture(), posture, "{hours} h");
        let key = world.ring.subject_key(&record).unwrap();
        let writes = [
            world.ring.seal(&place, b"x", &mut OsEntropy).err(),
            key.seal(&place, b"x", &mut OsEntropy).err(),
            world.ring.blind_index(HOME, "users", "email", b"x").err(),
            world.ring.mac(HOME, "cursor", b"x").err(),
            world
                .ring
                .sign(HOME, &vutf_crypto_keys::Purpose::TokenSigning, b"x")
                .err(),
        ];
        let reads = [
            world.ring.open(&place, &by_table).err(),
            key.open(&place, &by_person).err(),
            world
                .ring
                .blind_index_candidates(HOME, "users", "email", b"x")
                .err(),
        ];
        let writable = matches!(posture, Posture::Fresh | Posture::Grace);
        let outage = |allowed: bool| (!allowed).then_some(CryptoError::Outage(posture));
        for (place, error) in writes.into_iter().enumerate() {
            assert_eq!(error, outage(writable), "write {place} after {hours} h");
        }
        for (place, error) in reads.into_iter().enumerate() {
            assert_eq!(
                error,
                outage(posture != Posture::Closed),
                "read {place} after {hours} h"
            );
        }
    }
    assert_eq!(CryptoError::Outage(Posture::Closed).fault(), Fault::Withheld);
    world.provider.switch_on();
    world.reload().await.unwrap();
    assert_eq!(world.ring.posture(), Posture::Fresh);
    world.ring.seal(&place, b"x", &mut OsEntropy).unwrap();
}

#[tokio::test]
async fn the_provider_is_asked_again_only_when_a_confirmation_is_due() {
    let (world, hands) = limited(CacheLimits::default()).await;
    let asked = |before: usize| world.provider.calls() - before;
    let before = world.provider.calls();
    hands.turn(Duration::from_mins(59));
    world.reload().await.unwrap();
    assert_eq!(asked(before), 0);
    hands.turn(Duration::from_mins(1));
    world.reload().await.unwrap();
    world.reload().await.unwrap();
    assert_eq!(asked(before), 1);
    assert_eq!(world.ring.confirmed_at(), Some(hands.now()));
}

#[tokio::test]
async fn an_older_row_that_was_put_back_is_named() {
    let world = world().await;
    let before = world.rows().await;
    world.rotate(&vutf_crypto_keys::Purpose::field("users")).await;
    let error = world.ring.load(&world.provider, before).await.unwrap_err();
    assert!(
        matches!(error, LoadError::RolledBack { row: 1, seen: 2, .. }),
        "{error}"
    );
}

proptest! {
    #[test]
    fn nothing_opens_bytes_that_nobody_sealed(
        mut input in prop::collection::vec(any::<u8>(), 0..300), with_header: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = runtime.block_on(world());
        let (_, key) = made(&world.ring, HOME, person());
        let real = sealed(&key);
        if with_header && input.len() > 80 {
            input[..80].copy_from_slice(&real[..80]);
        }
        let place = email_of(key.subject());
        let mut keys = SubjectKeys::default();
        keys.add(key);
        prop_assert!(world.ring.open_in(&keys, &place, &input).is_err());
    }
}
