#![doc = include_str!("../README.md")]

#[cfg(feature = "aws-kms")]
pub mod aws;
#[cfg(any(feature = "aws-kms", feature = "pkcs11", feature = "vault-transit"))]
mod bound;
pub mod breaking;
#[cfg(any(feature = "pkcs11", feature = "vault-transit"))]
mod credential;
pub mod file;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(any(feature = "aws-kms", feature = "vault-transit"))]
mod retry;
pub mod shamir;
#[cfg(feature = "vault-transit")]
pub mod vault;

#[cfg(feature = "aws-kms")]
pub use aws::{AwsCredentials, AwsKmsError, AwsKmsOptions, AwsKmsWrapper};
pub use breaking::Breaking;
pub use file::{FileError, FileKek, FileKeks, FileWrapper, Rotated, suite_of};
#[cfg(feature = "pkcs11")]
pub use pkcs11::{Pkcs11Error, Pkcs11Options, Pkcs11Pin, Pkcs11Wrapper};
pub use shamir::{Share, ShareError};
#[cfg(feature = "vault-transit")]
pub use vault::{VaultAuth, VaultCredential, VaultError, VaultOptions, VaultWrapper};
