//! The key-encryption keys, from what the configuration names.

use std::{fmt::Display, sync::Arc};

use vutf_app::kek::keks_named;
use vutf_crypto_keys::{KekSet, KeyReader, KeyWrapper, Suite, SuitePolicy};
use vutf_kernel::{Ambient, BreakerOptions, PortError, Secret};
use vutf_kms::{Breaking, FileError, FileKek, FileKeks, FileWrapper, file::named};

use super::StartError;
use crate::config::{Config, KeyProvider};

/// The id under which rows name a key that was given by configuration instead of by file, where it is of the suite of new keys.
pub(crate) fn configured_id(policy: SuitePolicy) -> String {
    named(CONFIGURED, policy.new_keys())
}

/// Whether rows that name `kek_id` mean a key of the configuration.
pub(crate) fn is_configured(kek_id: &str) -> bool {
    Suite::ALL
        .into_iter()
        .any(|suite| named(CONFIGURED, suite) == kek_id)
}

const CONFIGURED: &str = "configured";

/// A key-encryption key, what it wrapped with before, and what was found when it was tried.
struct Opened {
    current: Arc<dyn KeyWrapper>,
    previous: Vec<Arc<dyn KeyWrapper>>,
    /// Why it does not answer now, though it may later.
    away: Option<String>,
}

/// What to do when there is no key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Refuse,
    Make,
}

/// Every key-encryption key that is configured. A key file that is missing is made, once it is known that the registry in
/// `reader` needs none: a new key opens nothing that another has wrapped, and would hide that the other one is lost.
pub(crate) async fn open_or_make(
    config: &Config,
    ambient: &Ambient,
    reader: &dyn KeyReader,
) -> Result<Arc<dyn KeyWrapper>, StartError> {
    let needed = files_needed(reader).await.map_err(StartError::Registry)?;
    if needed.is_empty() {
        return collect(config, ambient, Absent::Make).await;
    }
    // Of several processes that start together, another may have made both the file and the rows since this one looked.
    match collect(config, ambient, Absent::Refuse).await {
        Err(StartError::NoKeyFile { path, .. }) => Err(StartError::NoKeyFile { path, needed }),
        answer => answer,
    }
}

/// The key-encryption keys in files, or in the configuration, without which tenant keys in the registry may not open.
pub(crate) async fn files_needed(reader: &dyn KeyReader) -> Result<Vec<String>, PortError> {
    let mut named: Vec<String> = keks_named(reader).await?.into_keys().collect();
    named.retain(|kek_id| FileWrapper::is_file_id(kek_id));
    Ok(named)
}

/// Removes what is left of key files that were being written when their process was killed.
pub(crate) fn sweep(config: &Config, ambient: &Ambient) {
    if !config.keys.uses(KeyProvider::File) {
        return;
    }
    match FileWrapper::sweep(&config.kek_file(), ambient.now()) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(
            removed,
            "drafts of key files were left by a process that was killed"
        ),
        // They do no harm; a directory that cannot be read ends the start elsewhere.
        Err(error) => tracing::warn!(%error, "drafts of key files cannot be looked for"),
    }
}

/// Every key-encryption key that is configured, or `None` when a key file is missing: the database decides what that means.
pub(crate) async fn open_if_there(
    config: &Config,
    ambient: &Ambient,
) -> Result<Option<Arc<dyn KeyWrapper>>, StartError> {
    match open(config, ambient).await {
        Err(StartError::NoKeyFile { .. }) => Ok(None),
        opened => opened.map(Some),
    }
}

/// Every key-encryption key that is configured; none is made. [`StartError::NoKeyFile`] when the key file is missing.
pub(crate) async fn open(config: &Config, ambient: &Ambient) -> Result<Arc<dyn KeyWrapper>, StartError> {
    collect(config, ambient, Absent::Refuse).await
}

/// Every provider that is named, each behind a circuit breaker of its own. One that cannot be reached is left for later as
/// long as another answers: that is what the others are for. One that refuses ends the start.
async fn collect(
    config: &Config,
    ambient: &Ambient,
    absent: Absent,
) -> Result<Arc<dyn KeyWrapper>, StartError> {
    let keys = &config.keys;
    let (mut wrapping, mut opening, mut away, mut answering) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (path, provider) in keys.providers() {
        let opened = member(config, ambient, absent, provider).await?;
        match opened.away {
            Some(reason) => away.push((provider, reason)),
            None => answering += 1,
        }
        opening.extend(opened.previous);
        if path == "keys.moving_from" {
            opening.push(opened.current);
        } else {
            wrapping.push(opened.current);
        }
    }
    for (provider, reason) in away {
        if answering == 0 {
            return Err(StartError::Kek(reason));
        }
        tracing::warn!(
            provider = provider.as_str(),
            reason,
            "a key-encryption key is out of reach"
        );
    }
    let mut wrapping = wrapping.into_iter();
    let primary = wrapping
        .next()
        .ok_or_else(|| StartError::Kek("no provider is named".into()))?;
    let set = KekSet::new(primary, wrapping.collect(), opening).map_err(|error| failed(&error))?;
    Ok(Arc::new(set))
}

async fn member(
    config: &Config,
    ambient: &Ambient,
    absent: Absent,
    provider: KeyProvider,
) -> Result<Opened, StartError> {
    match provider {
        KeyProvider::File => file(config, ambient, absent),
        #[cfg(feature = "pkcs11")]
        KeyProvider::Pkcs11 => remote::pkcs11(config).await,
        #[cfg(feature = "aws-kms")]
        KeyProvider::AwsKms => remote::aws_kms(config).await,
        #[cfg(feature = "vault-transit")]
        KeyProvider::VaultTransit => remote::vault_transit(config).await,
        // The configuration is refused before.
        #[cfg(not(all(feature = "pkcs11", feature = "aws-kms", feature = "vault-transit")))]
        other => Err(StartError::Kek(format!("this build has no `{}`", other.as_str()))),
    }
}

fn file(config: &Config, ambient: &Ambient, absent: Absent) -> Result<Opened, StartError> {
    let breaker = config.breaker_options();
    let opened = keys_of_file(config, ambient, absent);
    let FileKeks { current, previous } = opened.map_err(|error| match error {
        FileError::Missing { path } => StartError::NoKeyFile {
            path,
            needed: Vec::new(),
        },
        other => failed(&other),
    })?;
    let policy = config.keys.suites.policy();
    let all = std::iter::once(&current).chain(&previous);
    if let Some(refused) = all.into_iter().find(|kek| !policy.admits(kek.suite())) {
        return Err(not_admitted(refused, policy));
    }
    Ok(Opened {
        current: behind(current, breaker),
        previous: previous.into_iter().map(|file| behind(file, breaker)).collect(),
        away: None,
    })
}

fn keys_of_file(config: &Config, ambient: &Ambient, absent: Absent) -> Result<FileKeks, FileError> {
    let policy = config.keys.suites.policy();
    if let Some(text) = &config.keys.kek_key {
        return configured(policy, text);
    }
    let (path, protection) = (config.kek_file(), protection(config));
    match absent {
        Absent::Refuse => FileKeks::open(&path, &protection),
        Absent::Make => {
            FileKeks::open_or_create(&path, &protection, policy.new_keys(), &mut *ambient.entropy())
        }
    }
}

/// The same 256 bits are a key of each suite, under an id of its own. During the transition the old one opens what it wrapped.
fn configured(policy: SuitePolicy, text: &Secret<String>) -> Result<FileKeks, FileError> {
    let key = FileKek::parse_key(text)?;
    let of = |suite| FileWrapper::from_key(&named(CONFIGURED, suite), key.clone());
    let previous = match policy {
        SuitePolicy::FIPS_TRANSITION => vec![of(Suite::XChaCha20Poly1305)?],
        _ => Vec::new(),
    };
    Ok(FileKeks {
        current: of(policy.new_keys())?,
        previous,
    })
}

fn not_admitted(refused: &FileWrapper, policy: SuitePolicy) -> StartError {
    StartError::Kek(format!(
        "the key {} is of suite {}, which keys.suites = {policy} does not admit; start with keys.suites = {} and run \
         `violentutf-api keys rotate-kek`, then `violentutf-api keys rotate-kek --forget-previous`; {policy} itself is for \
         installations from their first start, because the audit log and persons' data are not written anew",
        refused.kek_id(),
        refused.suite(),
        SuitePolicy::FIPS_TRANSITION,
    ))
}

/// How the key file is protected.
pub(crate) fn protection(config: &Config) -> FileKek {
    match &config.keys.kek_passphrase {
        Some(passphrase) => FileKek::Passphrase(passphrase.clone()),
        None => FileKek::Unsealed,
    }
}

fn behind(wrapper: impl KeyWrapper + 'static, breaker: BreakerOptions) -> Arc<dyn KeyWrapper> {
    Arc::new(Breaking::new(wrapper, breaker))
}

fn failed(error: &dyn Display) -> StartError {
    StartError::Kek(error.to_string())
}

/// Providers that answer from elsewhere.
#[cfg(any(feature = "pkcs11", feature = "aws-kms", feature = "vault-transit"))]
mod remote {
    use std::fmt::Display;

    use vutf_crypto_keys::KeyWrapper;
    #[cfg(feature = "aws-kms")]
    use vutf_kms::{AwsCredentials, AwsKmsOptions, AwsKmsWrapper};
    #[cfg(feature = "pkcs11")]
    use vutf_kms::{Pkcs11Options, Pkcs11Pin, Pkcs11Wrapper};
    #[cfg(feature = "vault-transit")]
    use vutf_kms::{VaultAuth, VaultCredential, VaultOptions, VaultWrapper};

    use super::{Config, Opened, StartError, behind, failed};

    #[cfg(feature = "pkcs11")]
    pub(super) async fn pkcs11(config: &Config) -> Result<Opened, StartError> {
        let settings = &config.keys.pkcs11;
        let pin = match (&settings.pin, &settings.pin_file) {
            (Some(pin), _) => Pkcs11Pin::Text(pin.clone()),
            (None, file) => Pkcs11Pin::File(file.clone().unwrap_or_default()),
        };
        let wrapper = Pkcs11Wrapper::new(Pkcs11Options {
            module: settings.module.clone().unwrap_or_default(),
            token_label: settings.token.clone().unwrap_or_default(),
            token_serial: settings.serial.clone(),
            key_label: settings.key.clone().unwrap_or_default(),
            pin,
            sessions: settings.sessions.into(),
            timeout: settings.timeout,
        })
        .map_err(|error| failed(&error))?;
        let checked = wrapper.check().await;
        opened(config, wrapper, checked, vutf_kms::Pkcs11Error::is_transient)
    }

    #[cfg(feature = "aws-kms")]
    pub(super) async fn aws_kms(config: &Config) -> Result<Opened, StartError> {
        let settings = &config.keys.aws_kms;
        let wrapper = AwsKmsWrapper::open(&AwsKmsOptions {
            key: settings.key.clone().unwrap_or_default(),
            region: settings.region.clone(),
            endpoint: settings.endpoint.as_ref().map(|url| url.as_str().to_owned()),
            timeout: settings.timeout,
            credentials: AwsCredentials::Chain,
        })
        .await
        .map_err(|error| failed(&error))?;
        let checked = wrapper.check().await;
        opened(config, wrapper, checked, vutf_kms::AwsKmsError::is_transient)
    }

    #[cfg(feature = "vault-transit")]
    pub(super) async fn vault_transit(config: &Config) -> Result<Opened, StartError> {
        let settings = &config.keys.vault_transit;
        let given = |text: &Option<_>, file: &Option<std::path::PathBuf>| match (text, file) {
            (Some(text), _) => VaultCredential::Text(vutf_kernel::Secret::clone(text)),
            (None, file) => VaultCredential::File(file.clone().unwrap_or_default()),
        };
        let auth = match &settings.role_id {
            Some(role_id) => VaultAuth::AppRole {
                mount: settings.auth_mount.clone(),
                role_id: role_id.clone(),
                secret_id: given(&settings.secret_id, &settings.secret_id_file),
            },
            None => VaultAuth::Token(given(&settings.token, &settings.token_file)),
        };
        let address = settings.address.as_ref();
        let wrapper = VaultWrapper::new(&VaultOptions {
            address: address.map(|url| url.as_str().to_owned()).unwrap_or_default(),
            namespace: settings.namespace.clone(),
            mount: settings.mount.clone(),
            key: settings.key.clone().unwrap_or_default(),
            auth,
            ca_file: settings.ca_file.clone(),
            timeout: settings.timeout,
        })
        .map_err(|error| failed(&error))?;
        let checked = wrapper.check().await;
        opened(config, wrapper, checked, vutf_kms::VaultError::is_transient)
    }

    fn opened<E: Display>(
        config: &Config,
        wrapper: impl KeyWrapper + 'static,
        checked: Result<(), E>,
        is_transient: impl Fn(&E) -> bool,
    ) -> Result<Opened, StartError> {
        let away = match checked {
            Ok(()) => None,
            Err(error) if is_transient(&error) => Some(error.to_string()),
            Err(error) => return Err(failed(&error)),
        };
        Ok(Opened {
            current: behind(wrapper, config.breaker_options()),
            previous: Vec::new(),
            away,
        })
    }
}
