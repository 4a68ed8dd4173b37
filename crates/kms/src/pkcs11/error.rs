//! What can go wrong with a token: one sentence each, with the way to mend it, and never the PIN.

use std::{path::PathBuf, time::Duration};

use vutf_kernel::{Fault, PortError};

/// Why a PKCS#11 token did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The options contradict themselves.
    #[error("the PKCS#11 settings cannot be used: {0}")]
    Options(&'static str),
    /// There is no such file.
    #[error("the PKCS#11 module {} cannot be read: {problem}; install the vendor's module, or name its path", path.display())]
    ModuleMissing {
        /// The path that was named.
        path: PathBuf,
        /// The system's words.
        problem: String,
    },
    /// Anybody could replace the module, and read every key that it unwraps.
    #[error("the PKCS#11 module {0} can be written to by every account; run: chmod o-w {0}", path.display())]
    ModuleExposed {
        /// The path that was named.
        path: PathBuf,
    },
    /// The file is not a module, or does not start.
    #[error("{} is no PKCS#11 module that works here: {problem}; name the vendor's module for this machine's architecture", path.display())]
    ModuleUnusable {
        /// The path that was named.
        path: PathBuf,
        /// The loader's or the module's words.
        problem: String,
    },
    /// No slot holds the token.
    #[error("no token with the label {label:?}{} is present; the module shows: {present}; check label, serial number and that the token is plugged in or reachable", serial_part(serial.as_deref()))]
    TokenMissing {
        /// The label that was looked for.
        label: String,
        /// The serial number, if one was given.
        serial: Option<String>,
        /// The labels and serial numbers that are there.
        present: String,
    },
    /// Several tokens have the label.
    #[error("several tokens have the label {label:?}; name the serial number as well, one of: {present}")]
    TokenAmbiguous {
        /// The label.
        label: String,
        /// Their serial numbers.
        present: String,
    },
    /// The PIN file cannot be read.
    #[error("the PIN file {} cannot be used: {problem}; write the PIN to it, with mode 0600 and owned by the service's user", path.display())]
    PinFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The token refused the PIN, now or before. It is not offered again.
    #[error(
        "the token refused the PIN; it will not be tried again, because a few wrong tries lock the token: set the right PIN and restart"
    )]
    PinWrong,
    /// One more wrong PIN locks the token.
    #[error(
        "one more wrong PIN locks the token, so the configured one is not tried; log in once by hand with the right PIN, which resets the counter, and restart"
    )]
    PinFinalTry,
    /// The token is locked.
    #[error(
        "the PIN of the token is locked; its security officer has to set a new one, e.g. with pkcs11-tool --init-pin"
    )]
    PinLocked,
    /// The PIN must be set or changed.
    #[error(
        "the PIN of the token is not set or has expired; its security officer or user has to set one, e.g. with pkcs11-tool --init-pin or --change-pin"
    )]
    PinUnset,
    /// There is no such key.
    #[error(
        "the token has no AES key with the label {label:?}; make one, e.g. with pkcs11-tool --keygen --key-type AES:32 --sensitive --label {label}"
    )]
    KeyMissing {
        /// The label that was looked for.
        label: String,
    },
    /// Several keys have the label.
    #[error("the token has {count} AES keys with the label {label:?}; relabel all but one")]
    KeyAmbiguous {
        /// The label.
        label: String,
        /// How many.
        count: usize,
    },
    /// The key may not do what is asked of it.
    #[error(
        "the key {label:?} cannot be used: {problem}; make another, e.g. with pkcs11-tool --keygen --key-type AES:32 --sensitive --usage-decrypt"
    )]
    KeyUnfit {
        /// The label.
        label: String,
        /// Which property is missing.
        problem: &'static str,
    },
    /// The token has no AES-GCM or refuses it.
    #[error("the token does not do AES-GCM as asked ({0}); use a token with CKM_AES_GCM and 96-bit nonces")]
    Unsupported(String),
    /// The token opens what was wrapped in another context, or does not give back what was wrapped.
    #[error("the token does not bind a wrapped key to its context; do not use it")]
    NotBound,
    /// What was given does not open under this key and context.
    #[error("what was given does not open under this key and context")]
    DoesNotOpen,
    /// The token's answer to an unwrap is one that it also gives when it is unwell.
    #[error("the token answered {0} to a ciphertext")]
    Ambiguous(String),
    /// The token, the slot or the session is gone.
    #[error("the token cannot be reached: {0}; the next call looks for it anew")]
    Away(String),
    /// The module did not answer in time.
    #[error("the token did not answer within {limit:?}; its module may still be busy")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The runtime ended, or the module's call panicked.
    #[error("the call into the module was ended")]
    Ended,
}

impl Pkcs11Error {
    /// Whether trying again later can help without anybody mending anything. A wrong PIN never can.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::TokenMissing { .. } | Self::Away(_) | Self::TimedOut { .. } | Self::Ended
        )
    }

    pub(super) fn into_port(self, op: &'static str) -> PortError {
        let fault = if self.is_transient() {
            Fault::Unreachable
        } else {
            Fault::Other
        };
        PortError::new(op, fault, self)
    }
}

fn serial_part(serial: Option<&str>) -> String {
    serial.map_or_else(String::new, |serial| format!(" and the serial number {serial:?}"))
}
