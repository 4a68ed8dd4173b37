//! How long sessions last, and how many there are.

use std::{sync::Arc, time::Duration};

use vutf_identity::{
    Settings,
    mfa::{
        Method, Presented, TotpSecret,
        confirm::{Confirm, confirm},
        enrol::enrol,
    },
    session::{
        SignedIn, authenticate,
        refresh::{Refresh, RefreshError, refresh},
        step_up::{StepUp, step_up},
        used::{GRAIN, note},
    },
};
use vutf_kernel::Detail;

use crate::support::{World, anonymous, operator};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Access tokens that outlive every session, so that only the session's end counts.
fn world() -> World {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.access_ttl = DAY * 60;
    World::with(settings)
}

/// Somebody in a session of two factors, which begins now, and their app.
async fn second_level(world: &World) -> (SignedIn, TotpSecret) {
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    let ctx = world.ctx(&signed_in).await;
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let code = app.code(world.now());
    confirm(&ctx, &world.id, Confirm { code }).await.unwrap();
    (signed_in, app)
}

async fn exchange(world: &World, signed_in: &SignedIn) -> Result<SignedIn, RefreshError> {
    let refresh_token = signed_in.refresh_token.clone();
    refresh(&anonymous(), &world.id, Refresh { refresh_token }).await
}

/// As the guard and the loop behind it do.
async fn request(world: &World, signed_in: &SignedIn) -> bool {
    let Ok(caller) = authenticate(&world.id, signed_in.access_token.expose()).await else {
        return false;
    };
    if let Some(used) = caller.used {
        note(&operator(), &world.id, vec![used]).await.unwrap();
        world.id.sessions.forget(signed_in.session_id);
    }
    true
}

/// What is remembered of a session is remembered by the machine's clock, which these tests do not move.
fn pass(world: &World, time: Duration, signed_in: &SignedIn) {
    world.pass(time);
    world.id.sessions.forget(signed_in.session_id);
}

#[tokio::test]
async fn a_session_of_two_factors_ends_after_an_hour_without_use() {
    let world = world();
    let (ada, _) = second_level(&world).await;
    pass(&world, MINUTE * 59, &ada);
    assert!(request(&world, &ada).await);
    pass(&world, MINUTE * 59, &ada);
    assert!(request(&world, &ada).await, "the use before was noted");
    pass(&world, HOUR, &ada);
    assert!(!request(&world, &ada).await);
    assert!(
        exchange(&world, &ada).await.is_err(),
        "no family outlives its session"
    );
    assert_eq!(world.refusals("session.refresh"), ["session_idle"]);
}

#[tokio::test]
async fn a_refresh_is_a_use() {
    let world = world();
    let (mut ada, _) = second_level(&world).await;
    for _ in 0..3 {
        pass(&world, MINUTE * 59, &ada);
        ada = exchange(&world, &ada).await.unwrap();
    }
    assert!(request(&world, &ada).await);
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    let world = world();
    let (ada, _) = second_level(&world).await;
    let used = async || {
        let caller = authenticate(&world.id, ada.access_token.expose()).await.unwrap();
        caller.used
    };
    pass(&world, GRAIN.checked_sub(Duration::from_micros(1)).unwrap(), &ada);
    assert_eq!(used().await, None);
    pass(&world, Duration::from_micros(1), &ada);
    let due = used().await.unwrap();
    let parallel = vec![due; 32];
    assert_eq!(note(&operator(), &world.id, parallel).await.unwrap(), 1);
    pass(&world, GRAIN.checked_sub(Duration::from_micros(1)).unwrap(), &ada);
    assert_eq!(used().await, None);
}

#[tokio::test]
async fn a_session_of_two_factors_ends_a_day_after_its_last_proof() {
    let world = world();
    let (ada, app) = second_level(&world).await;
    let busy = async |hours: u32| {
        for _ in 0..hours * 2 {
            pass(&world, HOUR / 2, &ada);
            assert!(request(&world, &ada).await);
        }
    };
    busy(23).await;
    let ctx = world.ctx(&ada).await;
    let factor = Presented {
        method: Method::Totp,
        code: app.code(world.now()),
    };
    step_up(&ctx, &world.id, StepUp::SecondFactor(factor))
        .await
        .unwrap();
    busy(23).await;
    pass(&world, HOUR / 2, &ada);
    assert!(request(&world, &ada).await);
    pass(&world, HOUR / 2, &ada);
    assert!(!request(&world, &ada).await, "use does not prolong it");
    assert!(exchange(&world, &ada).await.is_err());
    assert_eq!(world.refusals("session.refresh"), ["session_expired"]);
}

#[tokio::test]
async fn a_session_of_one_factor_lasts_a_month_and_its_refresh_tokens_a_fortnight_unused() {
    let world = world();
    world.user("ada", &[]).await;
    let mut ada = world.login("ada").await;
    for _ in 0..2 {
        pass(&world, (DAY * 14).checked_sub(MINUTE).unwrap(), &ada);
        ada = exchange(&world, &ada).await.unwrap();
    }
    pass(&world, DAY * 2, &ada);
    assert!(request(&world, &ada).await);
    pass(&world, MINUTE * 2, &ada);
    assert!(!request(&world, &ada).await);
    assert!(exchange(&world, &ada).await.is_err());
    let idle = world.login("ada").await;
    pass(&world, DAY * 14, &idle);
    assert!(
        request(&world, &idle).await,
        "the session has no idle end at this level"
    );
    assert!(exchange(&world, &idle).await.is_err());
}

#[tokio::test]
async fn the_oldest_session_makes_room() {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.sessions.max_per_user = 3;
    let world = World::with(settings);
    let user = world.user("ada", &[]).await;
    world.user("bob", &[]).await;
    let bob = world.login("bob").await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(world.login("ada").await);
        world.pass(Duration::from_secs(1));
    }
    for (place, signed_in) in all.iter().enumerate() {
        assert_eq!(world.is_live(signed_in).await, place >= 2, "{place}");
        assert_eq!(exchange(&world, signed_in).await.is_ok(), place >= 2, "{place}");
    }
    assert!(world.is_live(&bob).await);
    assert_eq!(all[3].ended, [all[0].session_id]);
    let ends: Vec<_> = world
        .store
        .events()
        .into_iter()
        .filter(|event| event.action == "session.end")
        .collect();
    assert_eq!(ends.len(), 2);
    for (event, oldest) in ends.iter().zip(&all) {
        assert_eq!(event.resource.id, Some(oldest.session_id.as_uuid()));
        assert_eq!(event.subjects, [user.id]);
        assert_eq!(event.details["reason"], Detail::Text("too_many_sessions".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_sign_ins_leave_as_many_sessions_as_there_may_be() {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.sessions.max_per_user = 4;
    let world = Arc::new(World::with(settings));
    world.user("ada", &[]).await;
    let sign_ins: Vec<_> = (0..32)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.login("ada").await })
        })
        .collect();
    let mut live = 0;
    let mut all = Vec::new();
    for sign_in in sign_ins {
        all.push(sign_in.await.unwrap());
    }
    for signed_in in &all {
        live += usize::from(world.is_live(signed_in).await);
    }
    assert_eq!(live, 4);
    assert_eq!(world.successes("session.end"), 28);
}
