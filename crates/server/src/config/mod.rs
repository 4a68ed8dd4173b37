//! Typed configuration: file, then environment, then flags; validated as a whole.
//!
//! The `config` crate merges the layers (`layers`). It stops at the first mistake, and its messages quote values; so the
//! merged values are taken out of it as they were written, and typed, bounded and reported here (`reader`).
//!
//! Invariants:
//! - Loading creates and connects nothing: a wrong configuration leaves no trace on the machine.
//! - Every mistake is reported at once, each with the setting's name and the way to mend it.
//! - One declaration gives a setting its type, default, floor, ceiling, documentation and environment name, so that
//!   the reference (`config schema`) cannot differ from the program.
//! - A secret is a [`vutf_kernel::Secret`] from the moment it is parsed; no error, warning or listing holds its value.

mod access;
mod alerts;
mod authorization;
mod cidr;
mod error;
mod export;
mod exposure;
mod identity;
mod layers;
mod macros;
mod mail;
mod nearest;
mod passkeys;
mod passwords;
pub(crate) mod private;
mod production;
mod providers;
mod reader;
mod report;
mod retention;
mod sections;
mod sources;
mod units;
mod url;
mod validate;
mod value;
mod witness;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_production;
#[cfg(test)]
mod tests_providers;

pub use self::url::{HttpUrl, SecretUrl, masked_url};
pub use alerts::{Alerts, MildestAlert};
pub use authorization::{Authorization, TwoPerson};
pub use cidr::Cidr;
pub use error::{ConfigError, ConfigErrors};
pub use export::{Export, FileSink, HostPort, HttpSink, OtlpSink, SyslogSink, SyslogTransport};
pub use identity::{
    Argon2, Breaches, EmailVerification, Identity, Inactive, Inactivity, Links, Lockout, Passkeys,
    Registration, SecondFactor, Sessions, SystemUse,
};
pub use mail::{Mail, MailDelivery, MailSecurity};
pub(crate) use passkeys::OWN_ROLE;
pub use passwords::{LegacyPasswords, Passwords};
pub use providers::{AwsKms, KeyProvider, Pkcs11, VaultTransit};
pub use reader::{Entry, Origin};
pub use report::schema;
pub use retention::Retention;
pub use sections::{
    Audit, Breaker, Cache, ClientAddressHeader, Config, Database, Erasure, HeadPlace, Keys, Log, LogFormat,
    Management, Profile, RateLimits, RelaxedReads, Server, Suites, Telemetry,
};
pub use sources::Sources;
pub use units::ByteSize;
pub(crate) use units::{duration, shown as shown_duration};
pub use witness::{LogKey, WitnessAddress, WitnessSite};

use reader::Reader;

/// A configuration that passed every check, and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The typed settings.
    pub config: Config,
    /// What is allowed but unwise, one sentence each; for the log at start and for `config check`.
    pub warnings: Vec<String>,
    /// Every setting with its effective value (secrets masked) and where it came from.
    pub entries: Vec<Entry>,
}

/// Reads and checks the configuration. Nothing is created.
///
/// # Errors
/// All mistakes in all sources at once; the caller prints them and exits with 2.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let mut errors = Vec::new();
    let leaves = sources.leaves(&mut errors);
    let mut reader = Reader::new(leaves, errors);
    let config = Config::read(&mut reader);
    let (entries, mut errors) = reader.finish();
    let mut warnings = Vec::new();
    validate::check(&config, &mut errors, &mut warnings);
    warnings.extend(exposure::of_files(&entries));
    if errors.is_empty() {
        Ok(Loaded {
            config,
            warnings,
            entries,
        })
    } else {
        Err(ConfigErrors(errors))
    }
}
