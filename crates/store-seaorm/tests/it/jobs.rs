//! Durable jobs against real databases: what is old is written anew, whoever else writes, and nothing is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;
use vutf_app::{
    jobs::{JobSettings, Jobs, JobsError, NewJob, Step},
    keys::{Keys, Target},
};
use vutf_crypto_keys::{
    KeyReader as _, KeyRecord, LifecycleReader as _, Live, LiveCiphertext, Purpose, commit_rotation,
    job::{Job, JobKind, JobState},
    memory::MemoryWrapper,
    plan_rotation,
};
use vutf_identity::{LoginName, User, role::permission};
use vutf_kernel::{
    Actor, Ambient, Class, Clock, Ctx, Env, Grants, Lease, OsEntropy, SessionId, SystemClock, Timestamp,
    UserId,
};
use vutf_testkit::factory::Factory;

use crate::world::{World, ctx_in, wrapper};

on_both!(
    what_is_old_is_sealed_anew_in_its_place,
    a_writer_with_older_keys_is_waited_for,
    what_somebody_else_writes_meanwhile_is_kept,
    a_job_stands_still_goes_on_and_ends_by_hand,
    what_does_not_open_fails_the_job_and_is_named,
    keys_are_wrapped_by_the_newest_tenant_key,
    indexes_are_made_anew_and_found_all_the_time,
    two_rows_with_one_value_are_reported,
    who_may_not_or_asks_for_nothing_is_refused,
);

const HOME: vutf_kernel::OrganizationId = vutf_kernel::OrganizationId::DEFAULT;
const HOUR: Duration = Duration::from_hours(1);

/// A clock that a test sets.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(SystemClock.now().as_micros())))
    }
    fn on(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

struct Handles {
    wrapper: MemoryWrapper,
    ambient: Ambient,
    hands: Hands,
    settle: Duration,
    batch: u32,
}

impl Handles {
    fn new(settle: Duration, batch: u32) -> Self {
        let hands = Hands::new();
        Self {
            wrapper: wrapper(),
            ambient: Ambient::new(Arc::new(hands.clone()), Arc::new(|| Box::new(OsEntropy))),
            hands,
            settle,
            batch,
        }
    }
    fn keys<'a>(&'a self, world: &'a World) -> Keys<'a> {
        Keys {
            units: &world.store,
            reader: &world.store,
            wrapper: &self.wrapper,
            keyring: &world.keyring,
            ambient: &self.ambient,
            settle: vutf_crypto_keys::destruction::SETTLE,
        }
    }
    fn jobs<'a>(&'a self, world: &'a World) -> Jobs<'a> {
        Jobs {
            keys: self.keys(world),
            reader: &world.store,
            rows: &world.store,
            leases: &world.store,
            settings: JobSettings {
                lease: Duration::from_secs(10),
                settle: self.settle,
                batch: self.batch,
            },
        }
    }
    async fn start(&self, world: &World, kind: JobKind) -> Job {
        let new = NewJob {
            kind,
            rows_per_second: None,
        };
        self.jobs(world).start(&ctx_in(HOME), new).await.unwrap()
    }
    async fn lease(&self, world: &World, job: &Job) -> Lease {
        self.jobs(world)
            .take(job, Uuid::from_u128(1))
            .await
            .unwrap()
            .unwrap()
    }
    async fn step(&self, world: &World, job: &Job) -> Step {
        let mut lease = self.lease(world, job).await;
        let jobs = self.jobs(world);
        jobs.run_batch(&system(), &mut lease, job.id).await.unwrap()
    }
    /// Until it is over, or waits.
    async fn run(&self, world: &World, job: &Job) -> Step {
        loop {
            match self.step(world, job).await {
                Step::Moved(..) => {}
                other => return other,
            }
        }
    }
    async fn finish(&self, world: &World, job: &Job) -> Job {
        match self.run(world, job).await {
            Step::Over(job) => job,
            other => panic!("{other:?}"),
        }
    }
    async fn rotate(&self, world: &World, purpose: &Purpose) {
        let existing = world.store.list(Some(HOME)).await.unwrap();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut OsEntropy,
        };
        let rotation = plan_rotation(&mut env, &self.wrapper, &existing, HOME, purpose)
            .await
            .unwrap();
        let mut unit = world.unit().await;
        commit_rotation(&ctx_in(HOME), &mut env, &mut *unit, rotation)
            .await
            .unwrap();
        unit.commit().await.unwrap();
        self.keys(world).reload().await.unwrap();
    }
}

fn system() -> Ctx {
    Ctx {
        actor: Actor::System {
            job: "key-job".into(),
        },
        ..ctx_in(HOME)
    }
}

fn passwords() -> JobKind {
    JobKind::Reencrypt {
        purpose: Purpose::field("passwords"),
    }
}

/// People with passwords and sessions.
async fn people(world: &World, factory: &mut Factory, count: usize) -> Vec<User> {
    let mut all = Vec::new();
    let mut unit = world.unit().await;
    for _ in 0..count {
        let user = factory.user();
        unit.users().insert(&user).await.unwrap();
        unit.passwords().put(&factory.password(&user)).await.unwrap();
        unit.sessions().insert(&factory.session(&user)).await.unwrap();
        all.push(user);
    }
    unit.commit().await.unwrap();
    all
}

async fn put_password(world: &World, factory: &mut Factory, user: &User) -> String {
    let password = factory.password(user);
    let mut unit = world.unit().await;
    unit.passwords().put(&password).await.unwrap();
    unit.commit().await.unwrap();
    password.phc.expose().clone()
}

async fn phc(world: &World, user: &User) -> String {
    let mut unit = world.unit().await;
    let found = unit.passwords().find(HOME, user.id).await.unwrap().unwrap();
    found.phc.expose().clone()
}

/// The newest key of a purpose.
async fn key(world: &World, purpose: &Purpose) -> KeyRecord {
    let keys = world.store.list(Some(HOME)).await.unwrap();
    let of_purpose = keys.into_iter().filter(|key| key.purpose == *purpose);
    of_purpose.max_by_key(|key| key.version).unwrap()
}

async fn live(world: &World, key: &KeyRecord) -> Live {
    LiveCiphertext::count(&world.store, key).await.unwrap()
}

async fn events(world: &World, action: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}'");
    world.number(&sql).await
}

/// Rows of `passwords` that name another key than the newest.
async fn old_passwords(world: &World) -> i64 {
    let newest = world.keyring.lineage(HOME, &Purpose::field("passwords")).unwrap();
    let id = world.bytes(newest.newest.as_bytes());
    world
        .number(&format!(
            "SELECT COUNT(*) FROM passwords WHERE substr(phc_ct, 5, 16) <> {id}"
        ))
        .await
}

async fn what_is_old_is_sealed_anew_in_its_place(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 7), Factory::new(1));
    let people = people(&world, &mut factory, 40).await;
    let mut before = Vec::new();
    for user in &people {
        before.push(phc(&world, user).await);
    }
    let old = key(&world, &Purpose::field("passwords")).await;
    handles.rotate(&world, &Purpose::field("passwords")).await;
    assert_eq!(old_passwords(&world).await, 40);
    assert_eq!(live(&world, &old).await, Live::Rows(40));
    let job = handles.start(&world, passwords()).await;
    let again = NewJob {
        kind: passwords(),
        rows_per_second: None,
    };
    let twice = handles
        .jobs(&world)
        .start(&ctx_in(HOME), again)
        .await
        .unwrap_err();
    assert!(matches!(twice, JobsError::UnderWay), "{twice}");

    let done = handles.finish(&world, &job).await;
    assert_eq!(
        (done.state, done.rows.done, done.rows.skipped, done.rows.total),
        (JobState::Done, 40, 0, 40)
    );
    assert_eq!(old_passwords(&world).await, 0);
    assert_eq!(live(&world, &old).await, Live::Rows(0));
    let keysets = world.store.keysets(Some(HOME)).await.unwrap();
    let minimum = keysets
        .iter()
        .find(|keyset| keyset.purpose == old.purpose)
        .unwrap();
    assert_eq!(minimum.policy.minimum_version, 2);
    for (user, before) in people.iter().zip(before) {
        assert_eq!(phc(&world, user).await, before);
    }
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM passwords WHERE version <> 1")
            .await,
        0
    );
    assert_eq!(events(&world, "key_job.start").await, 2, "the refused one, too");
    assert_eq!(events(&world, "key_job.batch").await, 6, "40 rows by 7");
    assert_eq!(events(&world, "key_job.finish").await, 1);
    assert_eq!(handles.step(&world, &job).await, Step::Stopped);
    assert_eq!(
        handles.jobs(&world).get(&ctx_in(HOME), job.id).await.unwrap(),
        done
    );
    assert_eq!(handles.jobs(&world).list(&ctx_in(HOME)).await.unwrap(), [done]);
}

async fn a_writer_with_older_keys_is_waited_for(world: World) {
    let (handles, mut factory) = (Handles::new(HOUR, 500), Factory::new(2));
    let people = people(&world, &mut factory, 5).await;
    // It loads the registry before the rotation, and not again.
    let (late, _) = world.replica().await;
    handles.rotate(&world, &Purpose::field("passwords")).await;
    let job = handles.start(&world, passwords()).await;
    let Step::Waits(until) = handles.run(&world, &job).await else {
        panic!("the others may still protect with the older version");
    };
    assert_eq!(old_passwords(&world).await, 0);
    let written = factory.password(&people[0]);
    let units: &dyn vutf_kernel::Units<dyn vutf_app::UnitOfWork> = &late;
    let mut unit = units.begin().await.unwrap();
    unit.passwords().put(&written).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(old_passwords(&world).await, 1);
    assert_eq!(handles.run(&world, &job).await, Step::Waits(until));
    handles.hands.on(HOUR);
    let done = handles.finish(&world, &job).await;
    assert_eq!(
        (done.state, done.rows.done, done.pass.number),
        (JobState::Done, 6, 3)
    );
    assert_eq!(old_passwords(&world).await, 0);
    assert_eq!(phc(&world, &people[0]).await, *written.phc.expose());
}

async fn what_somebody_else_writes_meanwhile_is_kept(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 3), Factory::new(3));
    let people = people(&world, &mut factory, 30).await;
    handles.rotate(&world, &Purpose::field("passwords")).await;
    let job = handles.start(&world, passwords()).await;
    let (other, mut dice) = (&world, Factory::new(33));
    let (_, changed) = tokio::join!(handles.run(&world, &job), async {
        let mut changed = Vec::new();
        for user in people.iter().rev() {
            changed.push((user, put_password(other, &mut dice, user).await));
        }
        changed
    });
    for (user, text) in changed {
        assert_eq!(phc(&world, user).await, text);
    }
    assert_eq!(old_passwords(&world).await, 0);
}

async fn a_job_stands_still_goes_on_and_ends_by_hand(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 4), Factory::new(4));
    people(&world, &mut factory, 12).await;
    handles.rotate(&world, &Purpose::field("passwords")).await;
    let (jobs, ctx) = (handles.jobs(&world), ctx_in(HOME));
    let job = handles.start(&world, passwords()).await;
    for _ in 0..2 {
        assert!(matches!(handles.step(&world, &job).await, Step::Moved(..)));
    }
    let paused = jobs.pause(&ctx, job.id).await.unwrap();
    assert_eq!((paused.state, paused.rows.done), (JobState::Paused, 4));
    assert_eq!(handles.step(&world, &job).await, Step::Stopped);
    assert!(matches!(jobs.pause(&ctx, job.id).await, Err(JobsError::State(_))));
    assert_eq!(old_passwords(&world).await, 8);
    jobs.resume(&ctx, job.id).await.unwrap();
    assert!(matches!(handles.step(&world, &job).await, Step::Moved(..)));
    assert_eq!(old_passwords(&world).await, 4);
    let cancelled = jobs.cancel(&ctx, job.id).await.unwrap();
    assert_eq!((cancelled.state, cancelled.rows.done), (JobState::Cancelled, 8));
    assert_eq!(handles.step(&world, &job).await, Step::Stopped);
    for action in ["key_job.pause", "key_job.resume", "key_job.cancel"] {
        let done =
            format!("SELECT COUNT(*) FROM audit_intake WHERE action = '{action}' AND outcome = 'success'");
        assert_eq!(world.number(&done).await, 1, "{action}");
    }
    // Another one does the rest.
    let rest = handles.start(&world, passwords()).await;
    assert_eq!(handles.finish(&world, &rest).await.rows.done, 4);

    // A replica that lost its lease in the middle of a batch writes nothing.
    handles.rotate(&world, &Purpose::field("passwords")).await;
    let job = handles.start(&world, passwords()).await;
    let mut lost = handles.lease(&world, &job).await;
    handles.hands.on(HOUR);
    let taken = jobs.take(&job, Uuid::from_u128(2)).await.unwrap();
    assert!(taken.is_some_and(|taken| taken.epoch > lost.epoch));
    lost.expires_at = handles.hands.now().plus(HOUR);
    for _ in 0..2 {
        assert_eq!(
            jobs.run_batch(&system(), &mut lost, job.id).await.unwrap(),
            Step::Stopped
        );
    }
    assert_eq!(old_passwords(&world).await, 12);
}

async fn what_does_not_open_fails_the_job_and_is_named(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 500), Factory::new(5));
    let people = people(&world, &mut factory, 6).await;
    let [a, b] = [&people[2], &people[4]].map(|user| world.id(user.id.as_uuid()));
    world
        .sql(&format!(
            "UPDATE passwords SET phc_ct = (SELECT phc_ct FROM passwords WHERE user_id = {b}) WHERE user_id = {a}"
        ))
        .await;
    handles.rotate(&world, &Purpose::field("passwords")).await;
    let job = handles.start(&world, passwords()).await;
    let failed = handles.finish(&world, &job).await;
    assert_eq!(
        (failed.state, failed.rows.done, failed.pass.stuck),
        (JobState::Failed, 5, 1)
    );
    let error = failed.error.unwrap();
    assert!(
        error.contains("passwords.phc_ct") && error.contains(&people[2].id.to_string()),
        "{error}"
    );
    assert_eq!(old_passwords(&world).await, 1, "it is left as evidence");
    let finish = "SELECT COUNT(*) FROM audit_intake WHERE action = 'key_job.finish' AND outcome = 'failed'";
    assert_eq!(world.number(finish).await, 1);
}

async fn keys_are_wrapped_by_the_newest_tenant_key(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 2), Factory::new(6));
    let people = people(&world, &mut factory, 3).await;
    handles.rotate(&world, &Purpose::Tenant).await;
    let newest = world.store.list_tenant_keys(Some(HOME)).await.unwrap();
    let newest = newest.iter().max_by_key(|key| key.version).unwrap().id;
    let under_newest = format!("SELECT COUNT(*) FROM crypto_keys WHERE wrapped_by = 'tenant:{newest}'");
    let home = world.id(HOME.as_uuid());
    let all =
        format!("SELECT COUNT(*) FROM crypto_keys WHERE purpose <> 'tenant' AND organization_id = {home}");
    let all = world.number(&all).await;
    let fields = world.rows("SELECT phc_ct FROM passwords ORDER BY user_id").await;
    let fields: Vec<Vec<u8>> = fields
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect();
    assert_eq!(world.number(&under_newest).await, 0);
    let tenants = world.store.list_tenant_keys(Some(HOME)).await.unwrap();
    let oldest = tenants.iter().min_by_key(|key| key.version).unwrap();
    assert_eq!(
        live(&world, oldest).await,
        Live::Rows(u64::try_from(all).unwrap())
    );

    let job = handles.start(&world, JobKind::Rewrap).await;
    let done = handles.finish(&world, &job).await;
    assert_eq!(
        (done.state, i64::try_from(done.rows.done).unwrap()),
        (JobState::Done, all)
    );
    assert_eq!(world.number(&under_newest).await, all);
    assert_eq!(live(&world, oldest).await, Live::Rows(0));
    handles.keys(&world).reload().await.unwrap();
    for user in &people {
        phc(&world, user).await;
    }
    let after = world.rows("SELECT phc_ct FROM passwords ORDER BY user_id").await;
    let after: Vec<Vec<u8>> = after.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(fields, after, "no field was touched");
}

async fn found(world: &World, user: &User) -> bool {
    let mut unit = world.unit().await;
    let mut all = true;
    for name in [
        LoginName::Username(user.username.clone()),
        LoginName::Email(user.email.clone()),
    ] {
        let found = unit.users().find_by_login(HOME, &name).await.unwrap();
        all &= found.is_some_and(|found| found.id == user.id);
    }
    all
}

async fn indexes_are_made_anew_and_found_all_the_time(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 5), Factory::new(7));
    let people = people(&world, &mut factory, 12).await;
    let purpose = Purpose::index("users", "email");
    let before = key(&world, &purpose).await;
    assert_eq!(live(&world, &before).await, Live::Rows(12));
    handles.rotate(&world, &purpose).await;
    let job = handles.start(&world, JobKind::Reindex { purpose }).await;
    let old = "SELECT COUNT(*) FROM users WHERE email_bidx_ver = 1";
    loop {
        for user in &people {
            assert!(found(&world, user).await);
        }
        match handles.step(&world, &job).await {
            Step::Moved(..) => {}
            Step::Over(done) => {
                assert_eq!((done.state, done.rows.done), (JobState::Done, 12));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.number(old).await, 0);
    assert_eq!(live(&world, &before).await, Live::Rows(0));
    for user in &people {
        assert!(found(&world, user).await);
    }
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM users WHERE username_bidx_ver = 1")
            .await,
        12
    );
}

async fn two_rows_with_one_value_are_reported(world: World) {
    let (handles, mut factory) = (Handles::new(Duration::ZERO, 500), Factory::new(8));
    people(&world, &mut factory, 4).await;
    let (one, purpose) = (factory.user(), Purpose::index("users", "email"));
    let two = User {
        email: one.email.clone(),
        ..factory.user()
    };
    // Between two versions the database cannot tell that they are the same.
    let insert = async |user: &User| {
        let mut unit = world.unit().await;
        unit.users().insert(user).await.unwrap();
        unit.commit().await.unwrap();
    };
    insert(&one).await;
    // Nor can the service when the index of one of them is not the value's: somebody else put it there.
    world
        .sql(&format!(
            "UPDATE users SET email_bidx = {} WHERE id = {}",
            world.bytes(b"another"),
            world.id(one.id.as_uuid())
        ))
        .await;
    handles.rotate(&world, &purpose).await;
    insert(&two).await;
    let job = handles.start(&world, JobKind::Reindex { purpose }).await;
    let failed = handles.finish(&world, &job).await;
    assert_eq!((failed.state, failed.rows.done), (JobState::Failed, 4));
    let error = failed.error.unwrap();
    assert!(
        error.contains("index:users.email") && error.contains(&one.id.to_string()),
        "{error}"
    );
    assert!(!error.contains(one.email.expose()));
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM users WHERE email_bidx_ver = 1")
            .await,
        1
    );
}

async fn who_may_not_or_asks_for_nothing_is_refused(world: World) {
    let handles = Handles::new(Duration::ZERO, 500);
    let jobs = handles.jobs(&world);
    let mut factory = Factory::new(9);
    let user = Ctx {
        actor: Actor::User {
            user_id: UserId::from_uuid(factory.id()),
            session_id: SessionId::from_uuid(factory.id()),
        },
        grants: Grants::from_iter([permission::KEYS_READ]),
        ..ctx_in(HOME)
    };
    let new = |purpose| NewJob {
        kind: JobKind::Reencrypt { purpose },
        rows_per_second: None,
    };
    let denied = jobs
        .start(&user, new(Purpose::field("passwords")))
        .await
        .unwrap_err();
    assert_eq!(denied.class(), Class::Forbidden);
    assert!(jobs.list(&user).await.unwrap().is_empty());
    let kept = jobs
        .start(&ctx_in(HOME), new(Purpose::field("audit_intake")))
        .await;
    let kept = kept.unwrap_err();
    assert!(matches!(kept, JobsError::AppendOnly(_)), "{kept}");
    assert!(kept.to_string().contains("compromised"), "{kept}");
    let parts = key(&world, &Purpose::field("audit_intake")).await;
    assert_eq!(live(&world, &parts).await, Live::Rows(0));
    world.append(&[factory.event(), factory.event()]).await;
    assert_eq!(
        live(&world, &parts).await,
        Live::Rows(2),
        "found within what is encoded"
    );
    let nothing = jobs
        .start(&ctx_in(HOME), new(Purpose::field("weather")))
        .await
        .unwrap_err();
    assert_eq!(
        (nothing.class(), nothing.code()),
        (Class::Invalid, "nothing_sealed")
    );
    let missing = vutf_kernel::JobId::from_uuid(factory.id());
    assert!(matches!(
        jobs.cancel(&ctx_in(HOME), missing).await,
        Err(JobsError::NotFound)
    ));
    let refused = "SELECT COUNT(*) FROM audit_intake WHERE action LIKE 'key_job.%' AND outcome = 'refused'";
    assert!(world.number(refused).await >= 1);
    let target = Target::Purpose(Purpose::field("passwords"));
    handles.keys(&world).rotate(&ctx_in(HOME), &target).await.unwrap();
}
