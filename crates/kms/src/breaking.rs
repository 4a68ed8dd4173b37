//! A circuit breaker around a provider that may be out of reach.

use async_trait::async_trait;
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Breaker, BreakerOptions, BreakerState, PortError, Secret};

/// `W` behind a circuit breaker: a provider that is down costs no waiting, and is asked again after the cool-down.
#[derive(Debug)]
pub struct Breaking<W> {
    provider: W,
    breaker: Breaker,
}

impl<W: KeyWrapper> Breaking<W> {
    /// With a closed breaker.
    pub fn new(provider: W, options: BreakerOptions) -> Self {
        Self {
            provider,
            breaker: Breaker::new("kms", options),
        }
    }
}

#[async_trait]
impl<W: KeyWrapper> KeyWrapper for Breaking<W> {
    fn kek_id(&self) -> &str {
        self.provider.kek_id()
    }

    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        self.breaker
            .call("kek.wrap", self.provider.wrap(key, context))
            .await
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        self.breaker
            .call("kek.unwrap", self.provider.unwrap(wrapped, context))
            .await
    }

    async fn ping(&self) -> Result<(), PortError> {
        self.breaker.call("kek.ping", self.provider.ping()).await
    }

    fn technology(&self) -> &'static str {
        self.provider.technology()
    }

    fn breaker_state(&self) -> Option<BreakerState> {
        Some(self.breaker.state())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use vutf_kernel::Fault;

    use super::*;

    /// Fails as it is told, and counts what it is asked.
    struct Provider {
        fault: Fault,
        asked: AtomicUsize,
    }

    impl Provider {
        fn fail<T>(&self) -> Result<T, PortError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Err(PortError::new("kek", self.fault, "planted"))
        }
    }

    #[async_trait]
    impl KeyWrapper for Provider {
        fn kek_id(&self) -> &'static str {
            "kek-1"
        }
        async fn wrap(&self, _: &Secret<[u8; 32]>, _: &[u8]) -> Result<Vec<u8>, PortError> {
            self.fail()
        }
        async fn unwrap(&self, _: &[u8], _: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
            self.fail()
        }
        async fn ping(&self) -> Result<(), PortError> {
            self.fail()
        }
        fn technology(&self) -> &'static str {
            "test"
        }
    }

    fn over(fault: Fault) -> Breaking<Provider> {
        let provider = Provider {
            fault,
            asked: AtomicUsize::new(0),
        };
        let options = BreakerOptions {
            failures: 3,
            cool_down: Duration::from_hours(1),
        };
        Breaking::new(provider, options)
    }

    async fn use_it(wrapper: &dyn KeyWrapper) {
        let key = Secret::new([1; 32]);
        for _ in 0..2 {
            assert!(wrapper.wrap(&key, b"c").await.is_err());
            assert!(wrapper.unwrap(b"w", b"c").await.is_err());
            assert!(wrapper.ping().await.is_err());
        }
    }

    #[tokio::test]
    async fn a_provider_out_of_reach_is_left_alone_by_every_operation() {
        let wrapper = over(Fault::Unreachable);
        assert_eq!(wrapper.breaker_state(), Some(BreakerState::Closed));
        use_it(&wrapper).await;
        assert_eq!(wrapper.breaker_state(), Some(BreakerState::Open));
        assert_eq!(wrapper.provider.asked.load(Ordering::SeqCst), 3);
        let error = wrapper.ping().await.unwrap_err();
        assert_eq!(error.fault, Fault::Unreachable);
        assert_eq!((wrapper.kek_id(), wrapper.technology()), ("kek-1", "test"));
    }

    #[tokio::test]
    async fn a_key_that_does_not_open_says_that_the_provider_answers() {
        let wrapper = over(Fault::Other);
        use_it(&wrapper).await;
        assert_eq!(wrapper.breaker_state(), Some(BreakerState::Closed));
        assert_eq!(wrapper.provider.asked.load(Ordering::SeqCst), 6);
    }
}
