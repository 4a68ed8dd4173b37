//! Every provider against one suite, and each against its own rules.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[cfg(all(test, feature = "aws-kms"))]
mod aws;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod file;
#[cfg(test)]
mod fuzz;
#[cfg(all(test, feature = "pkcs11"))]
mod pkcs11;
#[cfg(all(test, any(feature = "aws-kms", feature = "vault-transit")))]
mod script;
#[cfg(all(test, feature = "vault-transit"))]
mod vault;
#[cfg(all(test, feature = "vault-transit"))]
mod vault_tls;
