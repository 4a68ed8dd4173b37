//! Which key of which KMS.

use std::time::Duration;

use vutf_kernel::Secret;

/// Who the service is to AWS.
#[derive(Clone, Debug, Default)]
pub enum AwsCredentials {
    /// The standard chain: environment, shared files, web identity, container, instance.
    #[default]
    Chain,
    /// An access key, for embedders and tests.
    Static {
        /// Its id.
        access_key_id: String,
        /// Its secret.
        secret_access_key: Secret<String>,
    },
}

/// A symmetric encryption key in AWS KMS.
#[derive(Clone, Debug)]
pub struct AwsKmsOptions {
    /// Key id, key ARN, alias name (`alias/…`) or alias ARN.
    pub key: String,
    /// The region; that of the standard chain when unset.
    pub region: Option<String>,
    /// Another endpoint than the region's, e.g. that of a VPC.
    pub endpoint: Option<String>,
    /// How long one call may take, retries included.
    pub timeout: Duration,
    /// Who asks.
    pub credentials: AwsCredentials,
}
