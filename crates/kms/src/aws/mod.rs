//! A key-encryption key in AWS KMS, or in what speaks its protocol.
//!
//! A tenant key is encrypted by `Encrypt` with an encryption context, which KMS authenticates, writes to CloudTrail, and
//! policies can name (`kms:EncryptionContext:vutf`). The answer is stored as it is: the tools of AWS can open it.
//!
//! Invariants:
//! - Rows name the key by its ARN, so that an alias can be moved without a row pointing at the wrong key. For a
//!   multi-Region key the region is left out: each replica opens what another wrapped.
//! - An answer that names another key than ours is refused.

mod client;
mod error;
mod options;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use aws_sdk_kms::{
    Client,
    primitives::Blob,
    types::{KeyMetadata, KeySpec, KeyState, KeyUsageType},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Entropy, OsEntropy, PortError, Secret};
use zeroize::Zeroizing;

pub use error::AwsKmsError;
pub use options::{AwsCredentials, AwsKmsOptions};

use crate::{bound::associated_data, retry::patiently};

/// The pair of the encryption context that holds the associated data, in base64.
const CONTEXT_KEY: &str = "vutf";
/// KMS takes no longer ciphertext.
const MAX_WRAPPED: usize = 6_144;
const MAX_KEK_ID: usize = 128;

/// A key-encryption key in AWS KMS.
pub struct AwsKmsWrapper {
    kek_id: String,
    arn: String,
    client: Client,
    timeout: Duration,
}

impl AwsKmsWrapper {
    /// Makes the client and resolves the key to its ARN; a key ARN needs no call.
    pub async fn open(options: &AwsKmsOptions) -> Result<Self, AwsKmsError> {
        if options.key.trim().is_empty() {
            return Err(AwsKmsError::Options("no key is named"));
        }
        if options.timeout.is_zero() {
            return Err(AwsKmsError::Options("the time-out is zero"));
        }
        let client = client::build(options).await?;
        let mut wrapper = Self {
            kek_id: String::new(),
            arn: options.key.clone(),
            client,
            timeout: options.timeout,
        };
        if !is_key_arn(&wrapper.arn) {
            let described = wrapper.describe().await?;
            let arn = described.arn().filter(|arn| is_key_arn(arn));
            arn.ok_or_else(|| AwsKmsError::Unexpected("DescribeKey named no ARN".into()))?
                .clone_into(&mut wrapper.arn);
        }
        wrapper.kek_id = kek_id(&wrapper.arn);
        if wrapper.kek_id.len() > MAX_KEK_ID {
            return Err(AwsKmsError::Options("the key's ARN is too long"));
        }
        Ok(wrapper)
    }

    /// Sees that the key is a usable symmetric key, and that what is wrapped opens again, and only with its context.
    pub async fn check(&self) -> Result<(), AwsKmsError> {
        self.usable(&self.describe().await?)?;
        let key = Secret::new(<dyn Entropy>::bytes(&mut OsEntropy));
        let wrapped = self.encrypt(&key, b"start").await?;
        let opened = self.decrypt(&wrapped, b"start").await?;
        match self.decrypt(&wrapped, b"elsewhere").await {
            Err(AwsKmsError::DoesNotOpen) if opened == key => Ok(()),
            Err(error) if opened == key => Err(error),
            _ => Err(AwsKmsError::NotBound),
        }
    }

    async fn describe(&self) -> Result<KeyMetadata, AwsKmsError> {
        let answer = self
            .call(|| {
                let request = self.client.describe_key().key_id(&self.arn);
                async move {
                    request
                        .send()
                        .await
                        .map_err(|error| AwsKmsError::of("DescribeKey", &self.arn, &error))
                }
            })
            .await?;
        answer
            .key_metadata
            .ok_or_else(|| AwsKmsError::Unexpected("DescribeKey described nothing".into()))
    }

    fn usable(&self, described: &KeyMetadata) -> Result<(), AwsKmsError> {
        let unfit = |problem: String| AwsKmsError::KeyUnfit {
            key: self.arn.clone(),
            problem,
        };
        let state = described.key_state();
        if state != Some(&KeyState::Enabled) {
            return Err(AwsKmsError::KeyState {
                key: self.arn.clone(),
                state: state.map_or("unknown", KeyState::as_str).to_owned(),
            });
        }
        match described.key_spec() {
            Some(KeySpec::SymmetricDefault) => {}
            other => {
                return Err(unfit(format!(
                    "its key spec is {}",
                    other.map_or("unknown", KeySpec::as_str)
                )));
            }
        }
        match described.key_usage() {
            Some(KeyUsageType::EncryptDecrypt) => Ok(()),
            other => Err(unfit(format!(
                "its usage is {}",
                other.map_or("unknown", KeyUsageType::as_str)
            ))),
        }
    }

    async fn encrypt(&self, key: &Secret<[u8; 32]>, aad: &[u8]) -> Result<Vec<u8>, AwsKmsError> {
        let answer = self
            .call(|| {
                let request = self
                    .client
                    .encrypt()
                    .key_id(&self.arn)
                    .encryption_context(CONTEXT_KEY, BASE64_STANDARD.encode(aad))
                    .plaintext(Blob::new(*key.expose()));
                async move {
                    request
                        .send()
                        .await
                        .map_err(|error| AwsKmsError::of("Encrypt", &self.arn, &error))
                }
            })
            .await?;
        self.is_ours("Encrypt", answer.key_id())?;
        match answer.ciphertext_blob.map(Blob::into_inner) {
            Some(wrapped) if (1..=MAX_WRAPPED).contains(&wrapped.len()) => Ok(wrapped),
            _ => Err(AwsKmsError::Unexpected("Encrypt gave no ciphertext".into())),
        }
    }

    async fn decrypt(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret<[u8; 32]>, AwsKmsError> {
        if !(1..=MAX_WRAPPED).contains(&wrapped.len()) {
            return Err(AwsKmsError::DoesNotOpen);
        }
        let answer = self
            .call(|| {
                let request = self
                    .client
                    .decrypt()
                    .key_id(&self.arn)
                    .encryption_context(CONTEXT_KEY, BASE64_STANDARD.encode(aad))
                    .ciphertext_blob(Blob::new(wrapped));
                async move {
                    request
                        .send()
                        .await
                        .map_err(|error| AwsKmsError::of("Decrypt", &self.arn, &error))
                }
            })
            .await?;
        let plaintext = answer.plaintext.map(|blob| Zeroizing::new(blob.into_inner()));
        if self.is_ours("Decrypt", answer.key_id.as_deref()).is_err() {
            return Err(AwsKmsError::DoesNotOpen);
        }
        let key = plaintext.and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
        key.map(Secret::new).ok_or(AwsKmsError::DoesNotOpen)
    }

    /// The same key, in this region or in another.
    fn is_ours(&self, action: &str, named: Option<&str>) -> Result<(), AwsKmsError> {
        if named.is_some_and(|named| kek_id(named) == self.kek_id) {
            Ok(())
        } else {
            Err(AwsKmsError::Unexpected(format!("{action} used another key")))
        }
    }

    async fn call<T, Answer>(&self, call: impl FnMut() -> Answer) -> Result<T, AwsKmsError>
    where
        Answer: Future<Output = Result<T, AwsKmsError>>,
    {
        let late = AwsKmsError::TimedOut { limit: self.timeout };
        patiently(self.timeout, late, AwsKmsError::is_transient, call).await
    }
}

impl fmt::Debug for AwsKmsWrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsKmsWrapper({})", self.kek_id)
    }
}

#[async_trait]
impl KeyWrapper for AwsKmsWrapper {
    fn kek_id(&self) -> &str {
        &self.kek_id
    }

    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        let aad = associated_data("kek.wrap", context)?;
        self.encrypt(key, &aad)
            .await
            .map_err(|error| error.into_port("kek.wrap"))
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        let aad = associated_data("kek.unwrap", context)?;
        self.decrypt(wrapped, &aad)
            .await
            .map_err(|error| error.into_port("kek.unwrap"))
    }

    async fn ping(&self) -> Result<(), PortError> {
        let described = self.describe().await;
        described
            .and_then(|described| self.usable(&described))
            .map_err(|error| error.into_port("kek.ping"))
    }

    fn technology(&self) -> &'static str {
        "aws-kms"
    }
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, which an alias is not.
fn is_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", _, "kms", region, account, key]
        if !region.is_empty() && !account.is_empty() && key.starts_with("key/"))
}

/// The ARN; without its region where every region has the key.
fn kek_id(arn: &str) -> String {
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let [.., region, _, key] = &mut parts[..]
        && key.starts_with("key/mrk-")
    {
        *region = "";
    }
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_key_and_not_where_it_was_used() {
        let one = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert!(is_key_arn(one));
        assert_eq!(kek_id(one), one);
        let here = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        let there = here.replace("eu-west-1", "us-east-1");
        assert_eq!(kek_id(here), kek_id(&there));
        for other in [
            "alias/kek",
            "arn:aws:kms:eu-west-1:123456789012:alias/kek",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:s3:eu-west-1:123456789012:key/x",
            "arn:aws:kms:::key/x",
            "",
        ] {
            assert!(!is_key_arn(other), "{other}");
        }
    }
}
