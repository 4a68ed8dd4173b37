//! What can go wrong with KMS: one sentence each, with the way to mend it.

use std::{error::Error as StdError, time::Duration};

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use vutf_kernel::{Fault, PortError};

/// Why AWS KMS did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsKmsError {
    /// The options contradict themselves.
    #[error("the AWS KMS settings cannot be used: {0}")]
    Options(&'static str),
    /// No region is known.
    #[error("no AWS region is known; name it, or set AWS_REGION")]
    Region,
    /// There is no such key.
    #[error("KMS has no key {key} in this region and account; check key, region and credentials")]
    KeyMissing {
        /// The key that was named.
        key: String,
    },
    /// The key is disabled, to be deleted, or without material.
    #[error("the KMS key {key} cannot be used in its state: {state}; enable it, or cancel its deletion")]
    KeyState {
        /// The key.
        key: String,
        /// Its state, or the service's word for it.
        state: String,
    },
    /// The key is not a symmetric encryption key.
    #[error(
        "the KMS key {key} is not for this: {problem}; make one with key spec SYMMETRIC_DEFAULT and usage ENCRYPT_DECRYPT"
    )]
    KeyUnfit {
        /// The key.
        key: String,
        /// Which property is wrong.
        problem: String,
    },
    /// The key policy or an IAM policy forbids it.
    #[error(
        "KMS denies kms:{action} on {key}; allow kms:Encrypt, kms:Decrypt and kms:DescribeKey to this role ({detail})"
    )]
    AccessDenied {
        /// What was asked.
        action: &'static str,
        /// The key.
        key: String,
        /// The service's words.
        detail: String,
    },
    /// No credentials, or ones that are not accepted.
    #[error(
        "AWS credentials are missing or not accepted ({0}); check the role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    Credentials(String),
    /// Too many calls.
    #[error(
        "KMS throttles ({0}); the call can be repeated later; ask for a higher request quota if it lasts"
    )]
    Throttled(String),
    /// The service cannot be reached or is unwell.
    #[error("KMS cannot be reached: {0}; check endpoint, region and network")]
    Away(String),
    /// No answer in time.
    #[error("KMS did not answer within {limit:?}; check endpoint, region and network")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// KMS opens what was wrapped in another context, or does not give back what was wrapped.
    #[error("KMS does not bind a wrapped key to its context; do not use this endpoint")]
    NotBound,
    /// What was given does not open under this key and context.
    #[error("what was given does not open under this key and context")]
    DoesNotOpen,
    /// An answer that the service does not document.
    #[error("KMS gave an unexpected answer: {0}")]
    Unexpected(String),
}

impl AwsKmsError {
    /// Whether trying again later can help without anybody mending anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Away(_) | Self::TimedOut { .. })
    }

    pub(super) fn into_port(self, op: &'static str) -> PortError {
        let fault = if self.is_transient() {
            Fault::Unreachable
        } else {
            Fault::Other
        };
        PortError::new(op, fault, self)
    }

    /// What the failure of `action` on `key` means.
    pub(super) fn of<E>(action: &'static str, key: &str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let (refusal, status) = (answer.err(), answer.raw().status().as_u16());
                let message = refusal.message().unwrap_or("no message");
                refused(action, key, refusal.code().unwrap_or_default(), message, status)
            }
            SdkError::TimeoutError(_) => Self::Away("no answer".into()),
            other => unsent(&chain(other)),
        }
    }
}

/// By the service's error code; where it has none, by the HTTP status.
fn refused(action: &'static str, key: &str, code: &str, message: &str, status: u16) -> AwsKmsError {
    let key = key.to_owned();
    match code {
        "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "SlowDown" => AwsKmsError::Throttled(code.to_owned()),
        "InvalidCiphertextException" | "IncorrectKeyException" => AwsKmsError::DoesNotOpen,
        // A ciphertext that names a key which is not ours.
        "AccessDeniedException" if message.contains("ciphertext refers to") => AwsKmsError::DoesNotOpen,
        "AccessDeniedException" | "AccessDenied" => AwsKmsError::AccessDenied {
            action,
            key,
            detail: message.to_owned(),
        },
        "NotFoundException" => AwsKmsError::KeyMissing { key },
        "DisabledException" => AwsKmsError::KeyState {
            key,
            state: "Disabled".into(),
        },
        "KMSInvalidStateException" => AwsKmsError::KeyState {
            key,
            state: message.to_owned(),
        },
        "InvalidKeyUsageException" => AwsKmsError::KeyUnfit {
            key,
            problem: "its usage is not ENCRYPT_DECRYPT".into(),
        },
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => AwsKmsError::Credentials(code.to_owned()),
        "KeyUnavailableException" | "KMSInternalException" | "DependencyTimeoutException" => {
            AwsKmsError::Away(code.to_owned())
        }
        _ if status == 429 => AwsKmsError::Throttled("HTTP 429".into()),
        _ if status >= 500 => AwsKmsError::Away(format!("HTTP {status} {code}")),
        _ => AwsKmsError::Unexpected(format!("HTTP {status} {code}")),
    }
}

/// A request that got no answer: it was not signed, not sent, or the answer could not be read.
fn unsent(chain: &str) -> AwsKmsError {
    if chain.contains("credential") || chain.contains("identity") {
        AwsKmsError::Credentials("none found".into())
    } else {
        AwsKmsError::Away(chain.to_owned())
    }
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: &str, status: u16) -> Fault {
        refused("Encrypt", "k", code, "", status)
            .into_port("kek.wrap")
            .fault
    }

    #[test]
    fn what_passes_by_itself_is_unreachable_and_what_needs_a_person_is_not() {
        for (code, status) in [
            ("ThrottlingException", 400),
            ("KMSInternalException", 500),
            ("KeyUnavailableException", 500),
            ("DependencyTimeoutException", 503),
            ("", 429),
            ("", 503),
        ] {
            assert_eq!(fault(code, status), Fault::Unreachable, "{code} {status}");
        }
        for code in [
            "AccessDeniedException",
            "DisabledException",
            "KMSInvalidStateException",
            "NotFoundException",
            "InvalidCiphertextException",
            "IncorrectKeyException",
            "UnrecognizedClientException",
            "ValidationException",
        ] {
            assert_eq!(fault(code, 400), Fault::Other, "{code}");
        }
    }
}
