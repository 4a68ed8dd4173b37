//! The way to a witness over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, redirect::Policy};
use vutf_audit::tlog::publish::{MAX_ANSWER, WitnessAnswer, WitnessCall};
use vutf_kernel::{Breaker, BreakerOptions, Fault, PortError};

const OP: &str = "witness.call";
const IDLE: Duration = Duration::from_secs(90);

/// One witness. What it answers is bounded in size and time; while it is away it is not asked.
pub struct HttpWitness {
    http: Client,
    url: String,
    timeout: Duration,
    breaker: Breaker,
}

impl HttpWitness {
    /// The witness whose submission prefix `url` is. The client may be shared.
    pub fn new(http: Client, url: &str, timeout: Duration, breaker: BreakerOptions) -> Arc<Self> {
        Arc::new(Self {
            http,
            url: format!("{}/add-checkpoint", url.trim_end_matches('/')),
            timeout,
            breaker: Breaker::new("witness", breaker),
        })
    }

    /// A client for witnesses: no redirect leads elsewhere, and no proxy of the environment is asked.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn client() -> Result<Client, PortError> {
        Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| PortError::other("witness.client", error))
    }

    async fn ask(&self, request: String) -> Result<WitnessAnswer, reqwest::Error> {
        let mut answer = self.http.post(&self.url).body(request).send().await?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            let room = MAX_ANSWER.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
            if chunk.len() > room {
                // What is longer is no answer of the protocol; what is missing makes it none.
                break;
            }
        }
        Ok(WitnessAnswer { status, body })
    }
}

#[async_trait]
impl WitnessCall for HttpWitness {
    async fn add_checkpoint(&self, request: String) -> Result<WitnessAnswer, PortError> {
        let away = |cause| PortError::new(OP, Fault::Unreachable, cause);
        let bounded = async {
            let answer = tokio::time::timeout(self.timeout, self.ask(request)).await;
            answer
                .map_err(|late| away(Box::<dyn std::error::Error + Send + Sync>::from(late)))?
                .map_err(|error| away(error.into()))
        };
        self.breaker.call(OP, bounded).await
    }
}
