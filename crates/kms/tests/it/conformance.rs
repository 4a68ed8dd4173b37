//! What every provider of a key-encryption key must do: one function a property, one test a property and provider.

use std::{any::Any, sync::Arc, time::Duration};

use async_trait::async_trait;
use vutf_crypto_keys::{KeyWrapper, Keyring, Purpose, plan_missing};
use vutf_kernel::{Env, Fault, OrganizationId, OsEntropy, PortError, Secret, SystemClock};

/// Three handles: a provider, the same key opened anew, and another key.
pub(crate) struct Candidates {
    pub(crate) provider: Arc<dyn KeyWrapper>,
    pub(crate) again: Arc<dyn KeyWrapper>,
    pub(crate) other: Arc<dyn KeyWrapper>,
    /// What has to live as long as they do.
    pub(crate) keep: Box<dyn Any + Send>,
}

/// A component that can be taken away and brought back.
#[async_trait]
pub(crate) trait Outage: Send {
    async fn stop(&mut self);
    async fn start(&mut self);
    /// Whether keys outlive it; those of a mock do not.
    fn keeps_keys(&self) -> bool {
        true
    }
}

/// One test for each property, on what `$make` makes: an async function that returns `None` when the component cannot be
/// had, which counts as skipped.
macro_rules! conforms {
    ($provider:ident, $make:expr) => {
        crate::conformance::conforms!(@ $provider, $make,
            identity_is_stable_and_its_own,
            keys_round_trip,
            another_handle_opens_what_this_one_wrapped,
            the_key_is_not_in_what_wraps_it,
            no_two_wraps_are_alike,
            another_context_is_refused,
            contexts_up_to_a_kibibyte_count_to_their_last_byte,
            another_key_does_not_open_it,
            every_flipped_byte_is_refused,
            every_cut_and_every_addition_is_refused,
            calls_run_in_parallel,
            a_dropped_call_leaves_it_usable,
            a_hierarchy_loads_under_it_and_under_no_other,
        );
    };
    (@ $provider:ident, $make:expr, $($property:ident,)+) => {
        mod $provider {
            use super::*;

            $(
                #[tokio::test]
                async fn $property() {
                    if let Some(candidates) = $make.await {
                        crate::conformance::$property(&candidates).await;
                        drop(candidates.keep);
                    }
                }
            )+
        }
    };
}
pub(crate) use conforms;

pub(crate) async fn identity_is_stable_and_its_own(candidates: &Candidates) {
    let Candidates {
        provider,
        again,
        other,
        ..
    } = candidates;
    assert!((1..=128).contains(&provider.kek_id().len()));
    assert!(provider.kek_id().bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(provider.kek_id(), again.kek_id());
    assert_ne!(provider.kek_id(), other.kek_id());
    assert!(!provider.technology().is_empty());
    provider.ping().await.unwrap();
}

pub(crate) async fn keys_round_trip(Candidates { provider, .. }: &Candidates) {
    for key in [
        Secret::new([0; 32]),
        Secret::new([0xFF; 32]),
        Secret::new(random()),
    ] {
        for context in [&b""[..], b"context", b"a\0b\xFF"] {
            let wrapped = provider.wrap(&key, context).await.unwrap();
            assert!(provider.unwrap(&wrapped, context).await.unwrap() == key);
        }
    }
}

pub(crate) async fn another_handle_opens_what_this_one_wrapped(candidates: &Candidates) {
    let (one, two) = (&candidates.provider, &candidates.again);
    let key = Secret::new(random());
    for (from, to) in [(one, two), (two, one)] {
        let wrapped = from.wrap(&key, b"context").await.unwrap();
        assert!(to.unwrap(&wrapped, b"context").await.unwrap() == key);
    }
}

pub(crate) async fn the_key_is_not_in_what_wraps_it(Candidates { provider, .. }: &Candidates) {
    let key = Secret::new(random());
    let wrapped = provider.wrap(&key, b"context").await.unwrap();
    // Eight bytes in a row by chance: 2^-55 or so.
    for part in key.expose().windows(8) {
        let hex: Vec<u8> = hex::encode(part).into_bytes();
        for form in [part, &hex] {
            assert!(!wrapped.windows(form.len()).any(|window| window == form));
        }
    }
}

pub(crate) async fn no_two_wraps_are_alike(Candidates { provider, .. }: &Candidates) {
    let key = Secret::new(random());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..16 {
        assert!(seen.insert(provider.wrap(&key, b"context").await.unwrap()));
    }
}

pub(crate) async fn another_context_is_refused(Candidates { provider, .. }: &Candidates) {
    let key = Secret::new(random());
    let wrapped = provider.wrap(&key, b"context").await.unwrap();
    for context in [&b""[..], b"contexT", b"context\0", b"contex"] {
        refused(provider.unwrap(&wrapped, context).await, &format!("{context:?}"));
    }
    let wrapped = provider.wrap(&key, b"").await.unwrap();
    refused(provider.unwrap(&wrapped, b"\0").await, "nothing and zero");
}

pub(crate) async fn contexts_up_to_a_kibibyte_count_to_their_last_byte(candidates: &Candidates) {
    let provider = &candidates.provider;
    let key = Secret::new(random());
    for length in [1, 15, 16, 17, 255, 256, 1_024] {
        let mut context: Vec<u8> = (0_u8..=255).cycle().take(length).collect();
        let wrapped = provider.wrap(&key, &context).await.unwrap();
        assert!(
            provider.unwrap(&wrapped, &context).await.unwrap() == key,
            "{length}"
        );
        context[length - 1] ^= 0x80;
        refused(
            provider.unwrap(&wrapped, &context).await,
            &format!("{length} bytes"),
        );
    }
}

pub(crate) async fn another_key_does_not_open_it(Candidates { provider, other, .. }: &Candidates) {
    let wrapped = provider.wrap(&Secret::new(random()), b"context").await.unwrap();
    refused(other.unwrap(&wrapped, b"context").await, "another key");
}

pub(crate) async fn every_flipped_byte_is_refused(Candidates { provider, .. }: &Candidates) {
    let wrapped = provider.wrap(&Secret::new(random()), b"context").await.unwrap();
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1 << (at % 8);
        refused(provider.unwrap(&changed, b"context").await, &format!("byte {at}"));
    }
}

pub(crate) async fn every_cut_and_every_addition_is_refused(Candidates { provider, .. }: &Candidates) {
    let wrapped = provider.wrap(&Secret::new(random()), b"context").await.unwrap();
    for end in 0..wrapped.len() {
        refused(
            provider.unwrap(&wrapped[..end], b"context").await,
            &format!("cut to {end}"),
        );
    }
    for more in [&b"\0"[..], b"A", b"\n", &[0; 8_192]] {
        let longer = [&wrapped[..], more].concat();
        refused(
            provider.unwrap(&longer, b"context").await,
            &format!("{} more", more.len()),
        );
    }
    refused(
        provider
            .unwrap(&[&b"\0"[..], &wrapped].concat(), b"context")
            .await,
        "shifted",
    );
}

pub(crate) async fn calls_run_in_parallel(Candidates { provider, .. }: &Candidates) {
    let calls = (0..32_u8).map(|n| {
        let provider = Arc::clone(provider);
        tokio::spawn(async move {
            let key = Secret::new([n; 32]);
            let wrapped = provider.wrap(&key, &[n]).await.unwrap();
            provider.unwrap(&wrapped, &[n]).await.unwrap() == key
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
}

pub(crate) async fn a_dropped_call_leaves_it_usable(Candidates { provider, .. }: &Candidates) {
    let key = Secret::new(random());
    let wrapped = provider.wrap(&key, b"context").await.unwrap();
    // More calls than any provider has sessions or connections, each left at another point of its way.
    for n in 0..24_u64 {
        let limit = Duration::from_micros(n * n * 20);
        let _left = tokio::time::timeout(limit, provider.wrap(&key, b"context")).await;
        let _left = tokio::time::timeout(limit, provider.unwrap(&wrapped, b"context")).await;
    }
    let again = provider.wrap(&key, b"context").await.unwrap();
    for wrapped in [wrapped, again] {
        assert!(provider.unwrap(&wrapped, b"context").await.unwrap() == key);
    }
}

pub(crate) async fn a_hierarchy_loads_under_it_and_under_no_other(candidates: &Candidates) {
    let Candidates {
        provider,
        again,
        other,
        ..
    } = candidates;
    let mut env = Env {
        clock: &SystemClock,
        entropy: &mut OsEntropy,
    };
    let wanted = [Purpose::field("users"), Purpose::TokenSigning];
    let rows = plan_missing(&mut env, &**provider, OrganizationId::DEFAULT, &[], &wanted)
        .await
        .unwrap();
    let ring = Keyring::new();
    ring.load(&**again, rows.clone()).await.unwrap();
    ring.self_test().unwrap();
    assert!(Keyring::new().load(&**other, rows).await.is_err());
}

/// Not part of the macro: a file that was read cannot be taken away.
pub(crate) async fn an_outage_is_told_and_survived(provider: &dyn KeyWrapper, outage: &mut dyn Outage) {
    let key = Secret::new(random());
    let before = provider.wrap(&key, b"context").await.unwrap();
    outage.stop().await;
    for _ in 0..2 {
        away(provider.wrap(&key, b"context").await, "wrap");
        away(provider.unwrap(&before, b"context").await, "unwrap");
        away(provider.ping().await, "ping");
    }
    outage.start().await;
    provider.ping().await.unwrap();
    let after = provider.wrap(&key, b"context").await.unwrap();
    assert!(provider.unwrap(&after, b"context").await.unwrap() == key);
    if outage.keeps_keys() {
        assert!(provider.unwrap(&before, b"context").await.unwrap() == key);
    }
}

fn refused(answer: Result<Secret<[u8; 32]>, PortError>, what: &str) {
    let error = answer.map(drop).expect_err(what);
    assert_eq!(error.fault, Fault::Other, "{what}: {}", error.chain());
}

/// Unreachable, which is what a breaker counts and a caller may try again.
pub(crate) fn away<T>(answer: Result<T, PortError>, what: &str) {
    let error = answer.map(drop).expect_err(what);
    assert_eq!(error.fault, Fault::Unreachable, "{what}: {}", error.chain());
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let entropy: &mut dyn vutf_kernel::Entropy = &mut OsEntropy;
    entropy.bytes()
}

/// A name that no other test uses.
#[cfg_attr(
    not(any(feature = "pkcs11", feature = "vault-transit")),
    expect(dead_code, reason = "only shared components need names")
)]
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", hex::encode(random::<6>()))
}
