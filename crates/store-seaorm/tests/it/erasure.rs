//! Erasures against real databases: what is gone, what stays provable, and what a restored backup cannot bring back.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use vutf_app::UnitOfWork;
use vutf_app::erasure::{
    Certificate, Erase, Erasure, ErasureReader as _, Reason, Reference, Tombstone, Tombstones, certified,
};
use vutf_audit::{EventFilter, LogReader as _, parse_body, verify};
use vutf_crypto_keys::{KeyReader as _, KeyState, Keyring};
use vutf_identity::{
    Identity, IdentityRead as _, LoginName, Session, Settings, User, role::permission,
    user::erase::EraseError,
};
use vutf_kernel::{
    Actor, Class, Ctx, Detail, Event, EventId, EventRecorder, Fault, Grants, OrganizationId, PageRequest,
    Permission, PortError, SessionId, Units, UserId,
};
use vutf_store_seaorm::{PrivatePart, SeaStore};
use vutf_testkit::{contracts::NEIGHBOUR, factory::Factory};

use crate::world::{World, ctx_in, hex};

on_both!(
    nothing_is_left_of_an_erased_person_but_the_proof,
    an_erasure_is_answered_twice_and_done_once,
    whoever_never_read_a_person_can_erase_them,
    of_many_erasures_at_once_one_is_done,
    the_rules_of_an_erasure,
    another_replica_cannot_read_an_erased_person,
    a_key_that_was_put_back_by_hand_is_not_used,
    a_restored_backup_is_erased_again
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// Writes refusals one by one.
struct Recorder(SeaStore);

#[async_trait::async_trait]
impl EventRecorder for Recorder {
    async fn record(&self, event: Event) -> Result<(), PortError> {
        let units: &dyn Units<dyn UnitOfWork> = &self.0;
        let mut unit = units.begin().await?;
        unit.log().append(event).await?;
        unit.commit().await
    }
}

fn identity(store: &SeaStore) -> Identity {
    Identity {
        store: Arc::new(store.clone()),
        recorder: Arc::new(Recorder(store.clone())),
        ..Identity::in_memory(Settings::new("test", "test"))
    }
}

pub(crate) struct Site {
    identity: Identity,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) store: SeaStore,
    pub(crate) kept: Kept,
}

/// Tombstones, in the order in which they were kept.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<Vec<Tombstone>>);

#[async_trait::async_trait]
impl Tombstones for Kept {
    async fn keep(&self, tombstones: &[Tombstone]) {
        self.0.lock().unwrap().extend_from_slice(tombstones);
    }
}

impl Site {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            identity: identity(&world.store),
            keyring: Arc::clone(&world.keyring),
            store: world.store.clone(),
            kept: Kept::default(),
        }
    }
    pub(crate) fn erasure(&self) -> Erasure<'_> {
        Erasure {
            units: &self.store,
            identity: &self.identity,
            keyring: &self.keyring,
            reader: &self.store,
            tombstones: &self.kept,
        }
    }
    pub(crate) async fn erase(&self, ctx: &Ctx, user: &User) -> Result<Certificate, EraseError> {
        self.erasure().erase(ctx, command(user, None)).await
    }
}

fn command(user: &User, expected_version: Option<i64>) -> Erase {
    Erase {
        user_id: user.id,
        expected_version,
        reason: Reason::Request,
        reference: Reference::parse("DSR-7"),
    }
}

pub(crate) struct Person {
    pub(crate) user: User,
    session: Session,
    /// An event that they did, from somewhere.
    pub(crate) event: Event,
}

pub(crate) async fn person(world: &World, factory: &mut Factory) -> Person {
    let user = factory.user();
    let (session, password) = (factory.session(&user), factory.password(&user));
    let mut event = factory.event();
    let (user_id, session_id) = (user.id, session.id);
    event.actor = Actor::User { user_id, session_id };
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    unit.passwords().put(&password).await.unwrap();
    unit.sessions().insert(&session).await.unwrap();
    let (roles, now) = (["user".to_owned()], factory.now());
    let assigned = unit.roles().assign(HOME, user.id, &roles, None, now).await;
    assigned.unwrap();
    crate::dba_mfa::credentials(&mut *unit, factory, &user).await;
    crate::dba_mail::mailed(&mut *unit, factory, &user).await;
    crate::dba_people::asked(&mut *unit, factory, &user).await;
    unit.log().append(event.clone()).await.unwrap();
    unit.commit().await.unwrap();
    Person { user, session, event }
}

impl Person {
    fn secrets(&self) -> Vec<String> {
        let user = &self.user;
        let mut all = vec![user.username.expose().to_owned(), user.email.expose().to_owned()];
        all.extend(user.display_name.as_ref().map(|name| name.expose().to_owned()));
        all.extend(user.phone.as_ref().map(|phone| phone.expose().to_owned()));
        all.extend(self.session.ip.clone());
        all.extend(self.session.user_agent.clone());
        all.extend(self.event.private.values().map(|value| value.expose().clone()));
        all
    }
}

/// Everything that a dump of the database holds.
async fn dump(world: &World) -> String {
    let tables = if world.is_postgres() {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    };
    let mut dump = String::new();
    for table in world.rows(tables).await {
        let table: String = table.try_get_by_index(0).unwrap();
        let lines = if world.is_postgres() {
            format!("SELECT t::text FROM {table} t")
        } else {
            let columns: Vec<String> = world
                .rows(&format!("SELECT name FROM pragma_table_info('{table}')"))
                .await
                .iter()
                .map(|row| format!("quote({})", row.try_get_by_index::<String>(0).unwrap()))
                .collect();
            format!("SELECT {} FROM {table}", columns.join(" || ',' || "))
        };
        for row in world.rows(&lines).await {
            dump.push_str(&row.try_get_by_index::<String>(0).unwrap());
            dump.push('\n');
        }
    }
    dump.to_lowercase()
}

#[track_caller]
fn assert_hidden(dump: &str, secrets: &[String]) {
    for secret in secrets {
        let shown = [secret.to_lowercase(), hex(secret.as_bytes())];
        assert!(
            shown.iter().all(|form| !dump.contains(form)),
            "{secret} is in the dump"
        );
    }
}

fn indexes(world: &World, user: &User) -> Vec<String> {
    let canonical = user.email.canonical();
    let index = world
        .keyring
        .blind_index(HOME, "users", "email", canonical.expose().as_bytes())
        .unwrap();
    let name = world
        .keyring
        .blind_index(
            HOME,
            "users",
            "username",
            user.username.canonical().expose().as_bytes(),
        )
        .unwrap();
    vec![hex(&index.value), hex(&name.value)]
}

/// Every way to them answers that there is nobody.
async fn nobody_answers(world: &World, gone: &Person, other: &Person) {
    let mut unit = world.unit().await;
    assert_eq!(unit.users().find(HOME, gone.user.id).await.unwrap(), None);
    let with_deleted = unit.users().find_with_deleted(HOME, gone.user.id).await;
    assert_eq!(with_deleted.unwrap(), None);
    for name in [
        LoginName::Email(gone.user.email.clone()),
        LoginName::Username(gone.user.username.clone()),
    ] {
        assert_eq!(unit.users().find_by_login(HOME, &name).await.unwrap(), None);
    }
    let page = unit
        .users()
        .list(
            HOME,
            &vutf_identity::repo::UserFilter::default(),
            &PageRequest::default(),
        )
        .await
        .unwrap();
    assert_eq!(page.items, std::slice::from_ref(&other.user));
    assert!(unit.passwords().find(HOME, gone.user.id).await.unwrap().is_none());
    let session = unit
        .sessions()
        .find(HOME, gone.session.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((session.ip, session.user_agent), (None, None));
    let status = world
        .store
        .session_status(gone.session.id)
        .await
        .unwrap()
        .unwrap();
    assert!(!status.is_live(gone.session.stamps.created_at));
    unit.rollback().await.unwrap();
}

/// The log verifies, and says what happened; the parts cannot be read, and say so.
async fn the_log_tells_of_it(world: &World, certificate: &Certificate, gone: &Person) {
    let report = verify(&world.store, &mut |_| {}).await.unwrap();
    assert_eq!(report.first_bad, None);
    let record = world.store.entry(certificate.event_id).await.unwrap().unwrap();
    let body = parse_body(&record.intake.body).unwrap();
    let fingerprints = Detail::List(vec![certificate.keys[0].fingerprint.clone()]);
    assert_eq!(
        (body.action.as_str(), &body.details["fingerprints"]),
        ("subject.erase", &fingerprints)
    );
    assert_eq!(body.details["reference"], Detail::Text("DSR-7".into()));
    let parts = world
        .store
        .private_parts(HOME, gone.event.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(parts.len(), gone.event.private.len());
    assert!(parts.iter().all(|(_, part)| matches!(part, PrivatePart::Erased)));
    let filter = EventFilter {
        actor_id: Some(gone.user.id.as_uuid()),
        ..EventFilter::within(HOME)
    };
    let found = world
        .store
        .search(&filter, &PageRequest::default())
        .await
        .unwrap();
    let names: BTreeSet<_> = gone.event.private.keys().map(ToString::to_string).collect();
    let erased: BTreeSet<_> = found.items[0].erased.iter().cloned().collect();
    assert_eq!(erased, names);
}

/// Nobody else lost anything.
async fn is_untouched(world: &World, other: &Person) {
    let parts = world
        .store
        .private_parts(HOME, other.event.id)
        .await
        .unwrap()
        .unwrap();
    for (name, part) in parts {
        let PrivatePart::Readable(text) = part else {
            panic!("{name} cannot be read")
        };
        assert_eq!(&text, &other.event.private[name.as_str()]);
    }
    assert!(
        world
            .store
            .entry(other.event.id)
            .await
            .unwrap()
            .unwrap()
            .erased
            .is_empty()
    );
}

async fn nothing_is_left_of_an_erased_person_but_the_proof(world: World) {
    let mut factory = Factory::new(0xE1);
    let (gone, other) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let lease = world.lease().await;
    world.log().sequence_all(&lease).await;
    let site = Site::of(&world);
    let before = dump(&world).await;
    let indexes = indexes(&world, &gone.user);
    assert!(indexes.iter().all(|index| before.contains(index)));
    let ciphertexts = world
        .rows(&format!(
            "SELECT email_ct FROM users WHERE id = {}",
            world.id(gone.user.id.as_uuid())
        ))
        .await;
    let ciphertext: Vec<u8> = ciphertexts[0].try_get_by_index(0).unwrap();
    let certificate = site.erase(&ctx_in(HOME), &gone.user).await.unwrap();
    assert_eq!((certificate.keys.len(), certificate.replay_of), (1, None));
    let rows = certificate.rows.iter();
    let rows: Vec<(&str, u64)> = rows.map(|(table, rows)| (table.as_str(), *rows)).collect();
    assert_eq!(
        rows,
        [
            ("account_links", 1),
            ("api_keys", 1),
            ("backup_codes", 10),
            ("consents", 1),
            ("erasure_requests", 1),
            ("login_guards", 0),
            ("mail_outbox", 1),
            ("mfa_challenges", 1),
            ("passkeys", 1),
            ("password_history", 1),
            ("passwords", 1),
            ("sessions_emptied", 1),
            ("sessions_ended", 1),
            ("totp_factors", 1),
            ("user_roles", 1),
            ("users", 1)
        ]
    );
    // Nothing in clear, no index, no wrapped key; the ciphertexts of the row are gone as well.
    let after = dump(&world).await;
    for dump in [&before, &after] {
        assert_hidden(dump, &gone.secrets());
    }
    assert!(indexes.iter().all(|index| !after.contains(index)));
    assert!(!after.contains(&hex(&ciphertext)));
    let keys = world
        .rows(&format!(
            "SELECT state, LENGTH(wrapped) FROM crypto_keys WHERE subject_id = {}",
            world.id(gone.user.id.as_uuid())
        ))
        .await;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].try_get_by_index::<String>(0).unwrap(), "destroyed");
    if world.is_postgres() {
        assert_eq!(keys[0].try_get_by_index::<i32>(1).unwrap(), 0);
    }

    nobody_answers(&world, &gone, &other).await;
    world.log().sequence_all(&lease).await;
    the_log_tells_of_it(&world, &certificate, &gone).await;
    is_untouched(&world, &other).await;

    // The names are free again.
    let heir = User {
        email: gone.user.email.clone(),
        username: gone.user.username.clone(),
        ..factory.user()
    };
    let mut unit = world.unit().await;
    unit.users().insert(&heir).await.unwrap();
    unit.commit().await.unwrap();
}

async fn an_erasure_is_answered_twice_and_done_once(world: World) {
    let mut factory = Factory::new(0xE2);
    let gone = person(&world, &mut factory).await;
    let site = Site::of(&world);
    let first = site.erase(&ctx_in(HOME), &gone.user).await.unwrap();
    let again = site.erase(&ctx_in(HOME), &gone.user).await.unwrap();
    assert_eq!(first, again);
    // To be told once more is to see it.
    for action in ["subject.erase", "key.destroy", "subject.erasure_read"] {
        let sql = format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}'");
        assert_eq!(world.number(&sql).await, 1, "{action}");
    }
    assert!(world.try_sql("UPDATE erasures SET erased_at = 0").await.is_err());
    assert!(world.try_sql("DELETE FROM erasures").await.is_err());
}

/// A process that has none of their keys in memory.
async fn whoever_never_read_a_person_can_erase_them(world: World) {
    let mut factory = Factory::new(0xE8);
    let gone = person(&world, &mut factory).await;
    let (store, keyring) = world.replica().await;
    let site = Site {
        identity: identity(&store),
        keyring,
        store,
        kept: Kept::default(),
    };
    let certificate = site.erase(&ctx_in(HOME), &gone.user).await.unwrap();
    assert_eq!((certificate.keys.len(), certificate.rows["users"]), (1, 1));
}

async fn of_many_erasures_at_once_one_is_done(world: World) {
    let mut factory = Factory::new(0xE3);
    let gone = person(&world, &mut factory).await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (site, user) = (Site::of(&world), gone.user.clone());
        racers.spawn(async move { site.erase(&ctx_in(HOME), &user).await });
    }
    let mut certificates = Vec::new();
    for answer in racers.join_all().await {
        match answer {
            Ok(certificate) => certificates.push(certificate),
            // Who waits too long for the one writer is told so.
            Err(EraseError::Port(error)) if error.fault == Fault::Contention => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(!certificates.is_empty());
    assert!(
        certificates
            .iter()
            .all(|certificate| *certificate == certificates[0])
    );
    let events = "SELECT COUNT(*) FROM audit_intake WHERE action = 'subject.erase'";
    assert_eq!(world.number(events).await, 1);
}

fn by(grants: &[Permission], user: UserId) -> Ctx {
    Ctx {
        actor: Actor::User {
            user_id: user,
            session_id: SessionId::from_uuid(user.as_uuid()),
        },
        grants: Grants::from_iter(grants.to_vec()),
        ..ctx_in(HOME)
    }
}

async fn the_rules_of_an_erasure(world: World) {
    let mut factory = Factory::new(0xE4);
    let (gone, officer) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let site = Site::of(&world);
    let may = [
        permission::SELF_MANAGE,
        permission::USERS_READ,
        permission::SUBJECTS_ERASE,
    ];
    let attempt = async |ctx: &Ctx, user: &User, version: Option<i64>| {
        let done = site.erasure().erase(ctx, command(user, version)).await;
        done.map_err(|error| (error.class(), error.code()))
    };
    let version = Some(gone.user.stamps.version);
    let nobody = by(&[permission::USERS_DELETE], officer.user.id);
    assert_eq!(
        attempt(&nobody, &gone.user, version).await.unwrap_err(),
        (Class::Forbidden, "permission_denied")
    );
    let officer_ctx = by(&may, officer.user.id);
    for (user, version, expected) in [
        (
            &gone.user,
            None,
            (Class::PreconditionRequired, "precondition_required"),
        ),
        (&gone.user, Some(99), (Class::Stale, "stale_version")),
        (&officer.user, version, (Class::Forbidden, "own_account")),
        (&factory.user(), version, (Class::NotFound, "user_not_found")),
    ] {
        assert_eq!(attempt(&officer_ctx, user, version).await.unwrap_err(), expected);
    }
    // Whoever holds more than the caller, and the last administrator whoever asks.
    let admin = ["super_admin".to_owned(), "user".to_owned()];
    let mut unit = world.unit().await;
    let now = factory.now();
    unit.roles()
        .assign(HOME, gone.user.id, &admin, None, now)
        .await
        .unwrap();
    unit.commit().await.unwrap();
    assert_eq!(
        attempt(&officer_ctx, &gone.user, version).await.unwrap_err(),
        (Class::Forbidden, "exceeds_own_rights")
    );
    assert_eq!(
        attempt(&ctx_in(HOME), &gone.user, None).await.unwrap_err(),
        (Class::Conflict, "last_super_admin")
    );
    assert_eq!(
        attempt(&ctx_in(NEIGHBOUR), &officer.user, None)
            .await
            .unwrap_err(),
        (Class::NotFound, "user_not_found")
    );
    let mut unit = world.unit().await;
    assert!(unit.users().find(HOME, gone.user.id).await.unwrap().is_some());
    unit.rollback().await.unwrap();
    let refused = "SELECT COUNT(*) FROM audit_intake WHERE action = 'subject.erase' AND outcome = 'refused'";
    assert_eq!(world.number(refused).await, 4);

    // Who was deleted before is there to be erased.
    let deleted = officer.user.clone().delete(None, now);
    let mut unit = world.unit().await;
    unit.users().update(&deleted).await.unwrap();
    unit.commit().await.unwrap();
    assert!(attempt(&ctx_in(HOME), &officer.user, None).await.is_ok());
}

async fn another_replica_cannot_read_an_erased_person(world: World) {
    let mut factory = Factory::new(0xE5);
    let gone = person(&world, &mut factory).await;
    let (store, keyring) = world.replica().await;
    let there = Site {
        identity: identity(&store),
        keyring,
        store: store.clone(),
        kept: Kept::default(),
    };
    // The replica remembers the key.
    let parts = store.private_parts(HOME, gone.event.id).await.unwrap().unwrap();
    assert!(
        parts
            .iter()
            .all(|(_, part)| matches!(part, PrivatePart::Readable(_)))
    );
    Site::of(&world).erase(&ctx_in(HOME), &gone.user).await.unwrap();
    let units: &dyn Units<dyn UnitOfWork> = &store;
    let mut unit = units.begin().await.unwrap();
    assert_eq!(unit.users().find(HOME, gone.user.id).await.unwrap(), None);
    unit.rollback().await.unwrap();
    // What it remembers is bounded by the age of its cache; told to forget, it has nothing left.
    there.keyring.forget_subject(HOME, gone.user.id);
    let parts = store.private_parts(HOME, gone.event.id).await.unwrap().unwrap();
    assert!(parts.iter().all(|(_, part)| matches!(part, PrivatePart::Erased)));
    // What they do there all the same is recorded, without a trace of them.
    let late = Event {
        id: factory.event().id,
        ..gone.event.clone()
    };
    let mut unit = units.begin().await.unwrap();
    unit.log().append(late.clone()).await.unwrap();
    unit.commit().await.unwrap();
    let parts = store.private_parts(HOME, late.id).await.unwrap().unwrap();
    assert!(parts.is_empty());
}

async fn a_key_that_was_put_back_by_hand_is_not_used(world: World) {
    let mut factory = Factory::new(0xE6);
    let gone = person(&world, &mut factory).await;
    let id = world.id(gone.user.id.as_uuid());
    world.sql("CREATE TABLE kept AS SELECT * FROM crypto_keys").await;
    Site::of(&world).erase(&ctx_in(HOME), &gone.user).await.unwrap();
    world
        .sql(&format!("DELETE FROM crypto_keys WHERE subject_id = {id}"))
        .await;
    let parts = world.store.private_parts(HOME, gone.event.id).await;
    let lost = parts.unwrap_err().chain();
    assert!(lost.contains("is not in the registry"), "{lost}");
    let back = format!("INSERT INTO crypto_keys SELECT * FROM kept WHERE subject_id = {id}");
    world.sql(&back).await;
    is_erased(&world, gone.event.id).await;
    // Neither the look for a proof nor something new about them makes the ring remember the key.
    let page = certified(&world.store, &world.store, &world.keyring, None, &|_, _| false);
    assert_eq!(page.await.unwrap().unproved.len(), 1);
    let remembered = world.keyring.protecting_subject_key(HOME, gone.user.id);
    assert!(remembered.is_none());
    is_erased(&world, gone.event.id).await;
    let late = Event {
        id: factory.event().id,
        ..gone.event.clone()
    };
    let mut unit = world.unit().await;
    unit.log().append(late.clone()).await.unwrap();
    unit.commit().await.unwrap();
    let parts = world.store.private_parts(HOME, late.id).await.unwrap().unwrap();
    assert!(parts.is_empty(), "nothing is sealed under it");
    is_erased(&world, gone.event.id).await;
}

/// The parts of the event are there, and nobody can read them.
async fn is_erased(world: &World, event: EventId) {
    let parts = world.store.private_parts(HOME, event).await.unwrap().unwrap();
    assert!(!parts.is_empty());
    assert!(parts.iter().all(|(_, part)| matches!(part, PrivatePart::Erased)));
}

/// What a backup from before the erasure brings back.
async fn restore(world: &World, user: &User) {
    let id = world.id(user.id.as_uuid());
    for (table, column) in [
        ("crypto_keys", "subject_id"),
        ("sessions", "user_id"),
        ("passwords", "user_id"),
        ("users", "id"),
    ] {
        world
            .sql(&format!("DELETE FROM {table} WHERE {column} = {id}"))
            .await;
    }
    for (table, column) in [
        ("users", "id"),
        ("crypto_keys", "subject_id"),
        ("sessions", "user_id"),
        ("passwords", "user_id"),
    ] {
        world
            .sql(&format!(
                "INSERT INTO {table} SELECT * FROM kept_{table} WHERE {column} = {id}"
            ))
            .await;
    }
}

async fn a_restored_backup_is_erased_again(world: World) {
    let mut factory = Factory::new(0xE7);
    let (gone, other) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    for table in ["users", "crypto_keys", "sessions", "passwords"] {
        world
            .sql(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"))
            .await;
    }
    let site = Site::of(&world);
    let first = site.erase(&ctx_in(HOME), &gone.user).await.unwrap();
    let tombstone = Tombstone::from(&first);
    let nobody: Vec<_> = world.store.alive(&[(HOME, gone.user.id)]).await.unwrap();
    assert!(nobody.is_empty());
    let replayed = site
        .erasure()
        .replay(&ctx_in(HOME), std::slice::from_ref(&tombstone))
        .await;
    assert!(replayed.unwrap().is_empty(), "nothing to do");

    restore(&world, &gone.user).await;
    assert_eq!(world.store.alive(&[(HOME, gone.user.id)]).await.unwrap().len(), 1);
    let tombstones = [tombstone.clone(), tombstone.clone()];
    let replayed = site.erasure().replay(&ctx_in(HOME), &tombstones).await.unwrap();
    assert_eq!(replayed.len(), 1);
    assert_eq!(replayed[0].replay_of, Some(first.event_id));
    assert_eq!(replayed[0].keys, first.keys, "the same key was destroyed again");
    assert_eq!(Tombstone::from(&replayed[0]).event_id, first.event_id);
    assert_hidden(&dump(&world).await, &gone.secrets());
    let mut unit = world.unit().await;
    assert_eq!(
        unit.users().find_with_deleted(HOME, gone.user.id).await.unwrap(),
        None
    );
    assert!(unit.users().find(HOME, other.user.id).await.unwrap().is_some());
    unit.rollback().await.unwrap();
    let keys = world.store.list(Some(HOME)).await.unwrap();
    assert!(
        keys.iter().all(|key| key.state != KeyState::Destroyed),
        "no other key was touched"
    );

    // Only the row, or only the key: as much is erased as came back.
    let again = site
        .erasure()
        .replay(&ctx_in(HOME), std::slice::from_ref(&tombstone))
        .await;
    assert!(again.unwrap().is_empty());
    let id = world.id(gone.user.id.as_uuid());
    world
        .sql(&format!("DELETE FROM crypto_keys WHERE subject_id = {id}"))
        .await;
    world
        .sql(&format!(
            "INSERT INTO crypto_keys SELECT * FROM kept_crypto_keys WHERE subject_id = {id}"
        ))
        .await;
    let half = site.erasure().replay(&ctx_in(HOME), &[tombstone]).await.unwrap();
    assert_eq!((half.len(), half[0].rows.is_empty()), (1, true));

    // By nobody else than the service and its operator.
    let user = by(&[permission::USERS_DELETE], other.user.id);
    assert!(site.erasure().replay(&user, &[]).await.is_err());
}
