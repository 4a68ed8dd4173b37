//! What every provider of a key-encryption key must do.

use std::sync::Arc;

use vutf_crypto_keys::{KeyWrapper, Keyring, Purpose, plan_missing};
use vutf_kernel::{Env, Fault, OrganizationId, OsEntropy, Secret, SystemClock};

/// Three handles: a provider, the same key opened anew, and another key.
pub(crate) struct Candidates {
    pub(crate) provider: Arc<dyn KeyWrapper>,
    pub(crate) again: Arc<dyn KeyWrapper>,
    pub(crate) other: Arc<dyn KeyWrapper>,
}

/// Runs the whole suite.
pub(crate) async fn conforms(candidates: &Candidates) {
    identity(candidates).await;
    round_trips(candidates).await;
    refusals(candidates).await;
    concurrency(candidates).await;
    hierarchy(candidates).await;
}

async fn identity(
    Candidates {
        provider,
        again,
        other,
    }: &Candidates,
) {
    assert!((1..=128).contains(&provider.kek_id().len()));
    assert_eq!(provider.kek_id(), again.kek_id());
    assert_ne!(provider.kek_id(), other.kek_id());
    assert!(!provider.technology().is_empty());
    provider.ping().await.unwrap();
}

async fn round_trips(Candidates { provider, again, .. }: &Candidates) {
    for key in [
        Secret::new([0; 32]),
        Secret::new([0xFF; 32]),
        Secret::new(random()),
    ] {
        for context in [&b""[..], b"context", &[0xA5; 1_000]] {
            let wrapped = provider.wrap(&key, context).await.unwrap();
            let exposed = wrapped.windows(32).any(|window| window == key.expose());
            assert!(!exposed, "the key stands in what wraps it");
            assert!(provider.unwrap(&wrapped, context).await.unwrap() == key);
            assert!(again.unwrap(&wrapped, context).await.unwrap() == key);
        }
    }
}

async fn refusals(Candidates { provider, other, .. }: &Candidates) {
    let key = Secret::new(random());
    let wrapped = provider.wrap(&key, b"context").await.unwrap();
    for context in [&b""[..], b"contexT", b"context\0"] {
        let error = provider.unwrap(&wrapped, context).await.unwrap_err();
        assert_eq!(error.fault, Fault::Other, "{context:?}");
    }
    assert_eq!(
        other.unwrap(&wrapped, b"context").await.unwrap_err().fault,
        Fault::Other
    );
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 0x01;
        let answer = provider.unwrap(&changed, b"context").await;
        assert_eq!(answer.unwrap_err().fault, Fault::Other, "byte {at}");
        let answer = provider.unwrap(&wrapped[..at], b"context").await;
        assert_eq!(answer.unwrap_err().fault, Fault::Other, "cut to {at}");
    }
}

async fn concurrency(Candidates { provider, .. }: &Candidates) {
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

async fn hierarchy(
    Candidates {
        provider,
        again,
        other,
    }: &Candidates,
) {
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

fn random() -> [u8; 32] {
    let entropy: &mut dyn vutf_kernel::Entropy = &mut OsEntropy;
    entropy.bytes()
}
