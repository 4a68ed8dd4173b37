//! A client of KMS: its own retry policy is off, because there is one here.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_kms::{Client, config::Credentials};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use super::{AwsCredentials, AwsKmsError, AwsKmsOptions};

/// Names the source of the credentials in the SDK's own messages.
const SOURCE: &str = "vutf-kms";

/// Connects nothing yet; reads the standard places for region and credentials.
pub(super) async fn build(options: &AwsKmsOptions) -> Result<Client, AwsKmsError> {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .pool_idle_timeout(Duration::from_secs(30))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let AwsCredentials::Static {
        access_key_id,
        secret_access_key,
    } = &options.credentials
    {
        let secret = secret_access_key.expose().clone();
        loader = loader.credentials_provider(Credentials::new(access_key_id, secret, None, None, SOURCE));
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(AwsKmsError::Region);
    }
    Ok(Client::new(&shared))
}
