//! A corpus of breached passwords that is asked by range over HTTP, as Have I Been Pwned answers it; its mirrors do, too. With padding,
//! so that the length of an answer does not tell which range was asked for.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, header, redirect::Policy};
use vutf_identity::password::{BreachRanges, RangePrefix};
use vutf_kernel::{Breaker, BreakerOptions, Fault, PortError};

use super::StartError;
use crate::config::Config;

const OPERATION: &str = "breaches.range";
/// Names the program, as the service asks for; nothing of this installation.
const AGENT: &str = concat!("violentutf-api/", env!("CARGO_PKG_VERSION"));
/// Ten times what a padded range is.
const LARGEST: usize = 512 * 1_024;
const PADDING: &str = "Add-Padding";
/// While the corpus is away, nobody who sets a password waits for it more often than this.
const BREAKER: BreakerOptions = BreakerOptions {
    failures: 3,
    cool_down: Duration::from_secs(30),
};

struct HttpRanges {
    http: Client,
    base: String,
    breaker: Breaker,
}

/// `None` when none is named.
pub(super) fn ranges(config: &Config) -> Result<Option<Arc<dyn BreachRanges>>, StartError> {
    let settings = &config.identity.breaches;
    let Some(url) = &settings.range_url else {
        return Ok(None);
    };
    let http = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(AGENT)
        .connect_timeout(settings.timeout)
        .timeout(settings.timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| StartError::Server(format!("identity.breaches.range_url: {error}")))?;
    Ok(Some(Arc::new(HttpRanges {
        http,
        base: format!("{}/", url.as_str().trim_end_matches('/')),
        breaker: Breaker::new("breaches", BREAKER),
    })))
}

#[async_trait]
impl BreachRanges for HttpRanges {
    async fn range(&self, prefix: RangePrefix) -> Result<String, PortError> {
        let found = self.breaker.call(OPERATION, self.ask(prefix)).await;
        if let Err(error) = &found {
            tracing::warn!(error = %error.chain(), "the corpus of breached passwords was not asked; the lists decided alone");
        }
        found
    }
}

impl HttpRanges {
    async fn ask(&self, prefix: RangePrefix) -> Result<String, PortError> {
        // Neither the digits nor the URL that ends in them may be in a log.
        let failed =
            |error: reqwest::Error| PortError::new(OPERATION, Fault::Unreachable, error.without_url());
        let request = self
            .http
            .get(format!("{}{}", self.base, prefix.as_str()))
            .header(PADDING, "true")
            .header(header::ACCEPT, "text/plain");
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        if status != reqwest::StatusCode::OK {
            let text = format!("the corpus answered {status}");
            return Err(PortError::new(OPERATION, Fault::Unreachable, text));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LARGEST {
                let text = format!("the answer is longer than {LARGEST} bytes");
                return Err(PortError::new(OPERATION, Fault::Unreachable, text));
            }
            body.extend_from_slice(&part);
        }
        String::from_utf8(body)
            .map_err(|error| PortError::new(OPERATION, Fault::Unreachable, error.utf8_error()))
    }
}
