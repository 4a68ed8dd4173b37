//! Several key-encryption keys as one.

use std::sync::Arc;

use async_trait::async_trait;
use vutf_crypto_keys::{
    KekRole, KekSet, KekSetError, KeyWrapper, Keyring, LoadError, Purpose, Wraps, memory::MemoryWrapper,
    plan_missing,
};
use vutf_kernel::{BreakerState, Env, Fault, OsEntropy, PortError, Secret, SystemClock};

use crate::world::{HOME, Provider};

fn member(kek_id: &str) -> Arc<Provider> {
    Arc::new(Provider::new(kek_id))
}

fn set(primary: &Arc<Provider>, also_wrap: &[&Arc<Provider>], also_unwrap: &[&Arc<Provider>]) -> KekSet {
    let dynamic = |members: &[&Arc<Provider>]| {
        let members = members
            .iter()
            .map(|member| Arc::clone(member) as Arc<dyn KeyWrapper>);
        members.collect()
    };
    KekSet::new(Arc::clone(primary) as _, dynamic(also_wrap), dynamic(also_unwrap)).unwrap()
}

async fn rows(wrapper: &dyn KeyWrapper) -> Vec<vutf_crypto_keys::KeyRecord> {
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    plan_missing(&mut env, wrapper, HOME, &[], &[Purpose::field("users")])
        .await
        .unwrap()
}

fn key() -> Secret<[u8; 32]> {
    Secret::new([0x5A; 32])
}

#[tokio::test]
async fn either_of_two_opens_alone_what_both_wrapped() {
    let (site, recovery) = (member("site"), member("recovery"));
    let rows = rows(&set(&site, &[&recovery], &[])).await;
    for alone in [&site, &recovery] {
        let report = Keyring::new().load(&**alone, rows.clone()).await.unwrap();
        assert_eq!(report.loaded, 1);
    }
    let named = Wraps::decode(&rows[0].wrapped).unwrap();
    assert_eq!(named.kek_ids().collect::<Vec<_>>(), ["site", "recovery"]);
    assert_eq!(rows[0].wrapped_by.to_string(), "kek:site");
}

#[tokio::test]
async fn the_next_is_asked_when_one_is_away_or_refuses_and_that_is_counted() {
    let (site, recovery) = (member("site"), member("recovery"));
    let both = set(&site, &[&recovery], &[]);
    let wrapped = both.wrap(&key(), b"c").await.unwrap();
    assert_eq!(both.unwrap(&wrapped, b"c").await.unwrap(), key());
    assert_eq!(both.fallbacks(), 0);
    site.switch_off();
    assert_eq!(both.unwrap(&wrapped, b"c").await.unwrap(), key());
    assert_eq!(both.fallbacks(), 1);

    // The same name, another key: it refuses.
    let impostor = MemoryWrapper::new("site", Secret::new([1; 32])).unwrap();
    let both = KekSet::new(Arc::new(impostor), vec![Arc::clone(&recovery) as _], vec![]).unwrap();
    assert_eq!(both.unwrap(&wrapped, b"c").await.unwrap(), key());
    assert_eq!(both.fallbacks(), 1);
}

#[tokio::test]
async fn nothing_is_wrapped_that_disaster_recovery_could_not_open() {
    let (site, recovery) = (member("site"), member("recovery"));
    let both = set(&site, &[&recovery], &[]);
    recovery.switch_off();
    let error = both.wrap(&key(), b"c").await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(error.chain().contains("recovery"), "{}", error.chain());
}

/// Answers what nobody can open.
struct Forgetful;

#[async_trait]
impl KeyWrapper for Forgetful {
    fn kek_id(&self) -> &'static str {
        "forgetful"
    }
    async fn wrap(&self, _: &Secret<[u8; 32]>, _: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok(vec![0; 60])
    }
    async fn unwrap(&self, _: &[u8], _: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        Err(PortError::other("kek.unwrap", "not authentic"))
    }
    async fn ping(&self) -> Result<(), PortError> {
        Ok(())
    }
    fn technology(&self) -> &'static str {
        "test"
    }
}

#[tokio::test]
async fn a_wrap_that_does_not_open_again_makes_no_key() {
    let both = KekSet::new(member("site"), vec![Arc::new(Forgetful)], vec![]).unwrap();
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let error = plan_missing(&mut env, &both, HOME, &[], &[Purpose::field("users")])
        .await
        .unwrap_err();
    let LoadError::Provider { source, .. } = error else {
        panic!("{error}")
    };
    assert!(source.chain().contains("forgetful"), "{}", source.chain());
}

#[tokio::test]
async fn the_error_is_the_one_that_says_most() {
    let (site, recovery) = (member("site"), member("recovery"));
    let both = set(&site, &[&recovery], &[]);
    let wrapped = both.wrap(&key(), b"c").await.unwrap();
    // Both refuse: the first refusal.
    let error = both.unwrap(&wrapped, b"other").await.unwrap_err();
    assert_eq!(error.fault, Fault::Other);
    assert!(error.chain().contains("site"), "{}", error.chain());
    // One is away: trying again can help, whatever the other says.
    recovery.switch_off();
    let error = both.unwrap(&wrapped, b"other").await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(error.chain().contains("recovery"), "{}", error.chain());
    // None is named.
    let elsewhere = set(&member("elsewhere"), &[], &[]);
    assert_eq!(
        elsewhere.unwrap(&wrapped, b"c").await.unwrap_err().fault,
        Fault::Other
    );
    let error = elsewhere.unwrap(b"no container", b"c").await.unwrap_err();
    assert_eq!(error.fault, Fault::Other);
}

#[tokio::test]
async fn a_row_that_names_nobody_here_is_refused_with_every_name() {
    let made = rows(&set(&member("site"), &[&member("recovery")], &[])).await;
    let here = set(&member("new"), &[], &[&member("older")]);
    let error = Keyring::new().load(&here, made).await.unwrap_err();
    assert!(matches!(error, LoadError::KekMismatch { .. }), "{error}");
    let text = error.to_string();
    for name in ["site", "recovery", "new", "older"] {
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test]
async fn current_is_the_primary_first_and_exactly_the_others_that_wrap() {
    let [a, b, c] = ["a", "b", "c"].map(member);
    let by = |set: KekSet| async move { set.wrap(&key(), b"c").await.unwrap() };
    let (ab, ba, acb) = (
        by(set(&a, &[&b], &[])).await,
        by(set(&b, &[&a], &[])).await,
        by(set(&a, &[&c, &b], &[])).await,
    );
    let now = set(&a, &[&b], &[&c]);
    assert!(now.is_current(&ab));
    assert!(!now.is_current(&ba), "the primary is another");
    assert!(!now.is_current(&acb), "one too many");
    assert!(!set(&a, &[&b, &c], &[]).is_current(&ab), "one too few");
    assert!(set(&a, &[&b, &c], &[]).is_current(&acb), "in any order");
    assert!(!now.is_current(b"no container"));
}

#[tokio::test]
async fn every_member_shows_how_it_is() {
    let [a, b, c] = ["a", "b", "c"].map(member);
    let all = set(&a, &[&b], &[&c]);
    all.ping().await.unwrap();
    b.switch_off();
    all.ping().await.expect("the primary answers");
    let health = all.health().await;
    let shown: Vec<_> = health
        .iter()
        .map(|one| (one.kek_id.as_str(), one.role, one.answer.is_ok()))
        .collect();
    assert_eq!(
        shown,
        [
            ("a", KekRole::Primary, true),
            ("b", KekRole::AlsoWrap, false),
            ("c", KekRole::MovingFrom, true),
        ]
    );
    a.switch_off();
    let error = all.ping().await.unwrap_err();
    assert!(error.chain().contains("key a "), "{}", error.chain());
    assert_eq!((all.kek_id(), all.technology()), ("a", a.technology()));
}

/// Answers nothing but a breaker's state.
struct Broken(&'static str, BreakerState);

#[async_trait]
impl KeyWrapper for Broken {
    fn kek_id(&self) -> &str {
        self.0
    }
    async fn wrap(&self, _: &Secret<[u8; 32]>, _: &[u8]) -> Result<Vec<u8>, PortError> {
        Err(PortError::other("kek.wrap", "broken"))
    }
    async fn unwrap(&self, _: &[u8], _: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        Err(PortError::other("kek.unwrap", "broken"))
    }
    async fn ping(&self) -> Result<(), PortError> {
        std::future::pending().await
    }
    fn technology(&self) -> &'static str {
        "test"
    }
    fn breaker_state(&self) -> Option<BreakerState> {
        Some(self.1)
    }
}

#[test]
fn the_breaker_of_a_set_is_the_worst_of_its_members() {
    use BreakerState::{Closed, HalfOpen, Open};
    let of = |states: &[BreakerState]| {
        let names = ["b", "c", "d"];
        let members = names.into_iter().zip(states);
        let members = members.map(|(name, state)| Arc::new(Broken(name, *state)) as Arc<dyn KeyWrapper>);
        let set = KekSet::new(member("a"), members.collect(), vec![]).unwrap();
        set.breaker_state()
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[Closed]), Some(Closed));
    assert_eq!(of(&[Closed, HalfOpen]), Some(HalfOpen));
    assert_eq!(of(&[HalfOpen, Open, Closed]), Some(Open));
}

#[test]
fn what_could_not_be_told_apart_or_stored_is_no_set() {
    let new = |wrap: &[&str], unwrap: &[&str]| {
        let members = |ids: &[&str]| ids.iter().map(|id| member(id) as Arc<dyn KeyWrapper>).collect();
        KekSet::new(member("a"), members(wrap), members(unwrap)).map(|set| format!("{set:?}"))
    };
    assert_eq!(new(&["b"], &["c"]), Ok("KekSet(a, b, c)".to_owned()));
    for (wrap, unwrap) in [(&["a"][..], &[][..]), (&[], &["a"]), (&["b"], &["b"])] {
        assert!(matches!(new(wrap, unwrap), Err(KekSetError::Twice(_))));
    }
    assert_eq!(new(&["b", "c", "d", "e"], &[]), Err(KekSetError::TooMany(5)));
    assert_eq!(
        new(&[], &["not printable\n"]),
        Err(KekSetError::Id("not printable\n".into()))
    );
}
