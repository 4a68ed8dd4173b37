//! Who keeps key-encryption keys, and what each of them needs.

use std::{path::PathBuf, time::Duration};

use vutf_kernel::Secret;

use super::{
    Config, ConfigError, HttpUrl, Keys,
    macros::{choice, settings},
};

choice! {
    /// Who keeps a key-encryption key.
    pub enum KeyProvider: "`file`, `pkcs11`, `aws-kms` or `vault-transit`" {
        /// A sealed file.
        File = "file",
        /// A hardware security module or another PKCS#11 token.
        Pkcs11 = "pkcs11",
        /// AWS KMS.
        AwsKms = "aws-kms",
        /// The transit engine of Vault or OpenBao.
        VaultTransit = "vault-transit",
    }
}

settings! {
    /// The key in a PKCS#11 token.
    pub struct Pkcs11("keys.pkcs11.") {
        /// The vendor's module, e.g. `/usr/lib/softhsm/libsofthsm2.so`.
        module: Option<PathBuf> = None, source = "PKCS #11 3.1";
        /// The token's label.
        token: Option<String> = None;
        /// The token's serial number, where several tokens have that label.
        serial: Option<String> = None;
        /// The label of the AES-256 key in it.
        key: Option<String> = None;
        /// The PIN of the token's user.
        pin: Option<Secret<String>> = None;
        /// A file that holds the PIN, with mode 0600; read at each login.
        pin_file: Option<PathBuf> = None;
        /// Sessions, and so calls at once.
        sessions: u16 = 4, floor = 1, ceiling = 64;
        /// How long one call may take.
        timeout: Duration = Duration::from_secs(5), floor = Duration::from_millis(100), ceiling = Duration::from_mins(1);
    }
}

settings! {
    /// The key in AWS KMS. Credentials come from the standard chain: environment, shared files, web identity, container,
    /// instance.
    pub struct AwsKms("keys.aws_kms.") {
        /// Id, ARN or alias (`alias/…`) of a symmetric encryption key. With a key ARN the start needs no call to know its id.
        key: Option<String> = None;
        /// The region; that of the standard chain when unset.
        region: Option<String> = None;
        /// Another endpoint than the region's, e.g. that of a VPC.
        endpoint: Option<HttpUrl> = None;
        /// How long one call may take, retries included.
        timeout: Duration = Duration::from_secs(5), floor = Duration::from_millis(100), ceiling = Duration::from_mins(1);
    }
}

settings! {
    /// The key in the transit engine of Vault or OpenBao. Signing in: a token, a token file, or an AppRole.
    pub struct VaultTransit("keys.vault_transit.") {
        /// `https://vault.example.com:8200`.
        address: Option<HttpUrl> = None;
        /// The namespace, where there are any.
        namespace: Option<String> = None;
        /// Where the engine is mounted.
        mount: String = "transit".to_owned();
        /// The name of a key of type `aes256-gcm96`.
        key: Option<String> = None;
        /// A token.
        token: Option<Secret<String>> = None;
        /// A file that holds a token, with mode 0600; read again when the token is refused.
        token_file: Option<PathBuf> = None;
        /// Where the AppRole method is mounted.
        auth_mount: String = "approle".to_owned();
        /// The role id of an AppRole.
        role_id: Option<String> = None;
        /// The secret id that goes with it.
        secret_id: Option<Secret<String>> = None;
        /// A file that holds the secret id, with mode 0600; read at each sign-in.
        secret_id_file: Option<PathBuf> = None;
        /// Certificate authorities (PEM) to trust instead of the system's.
        ca_file: Option<PathBuf> = None;
        /// How long one call may take, retries and signing in included.
        timeout: Duration = Duration::from_secs(5), floor = Duration::from_millis(100), ceiling = Duration::from_mins(1);
    }
}

impl KeyProvider {
    /// The cargo feature without which a build has no such provider; `None` where every build has it.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Self::File => None,
            Self::Pkcs11 | Self::AwsKms | Self::VaultTransit => Some(self.as_str()),
        }
    }

    /// Whether this build has it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::File => true,
            Self::Pkcs11 => cfg!(feature = "pkcs11"),
            Self::AwsKms => cfg!(feature = "aws-kms"),
            Self::VaultTransit => cfg!(feature = "vault-transit"),
        }
    }
}

impl Keys {
    /// Every provider that is named, with the setting that names it; the one that wraps first.
    pub fn providers(&self) -> impl Iterator<Item = (&'static str, KeyProvider)> + '_ {
        let list = |path, providers: &'_ [KeyProvider]| {
            let named: Vec<_> = providers.iter().map(|provider| (path, *provider)).collect();
            named
        };
        [("keys.provider", self.provider)]
            .into_iter()
            .chain(list("keys.also_wrap", &self.also_wrap))
            .chain(list("keys.moving_from", &self.moving_from))
    }

    /// Whether `provider` is named anywhere.
    pub fn uses(&self, provider: KeyProvider) -> bool {
        self.providers().any(|(_, named)| named == provider)
    }
}

pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    let keys = &config.keys;
    let mut seen = Vec::new();
    for (path, provider) in keys.providers() {
        let name = provider.as_str();
        if seen.contains(&provider) {
            let problem = format!("names `{name}`, which is named before");
            errors.push(ConfigError::new(path, problem, "name each provider once"));
            continue;
        }
        seen.push(provider);
        if let Some(feature) = provider.feature().filter(|_| !provider.is_built_in()) {
            let problem = format!("names `{name}`, which this build does not have");
            let mend = format!("use a build made with: cargo build --release --features {feature}");
            errors.push(ConfigError::new(path, problem, mend));
        }
        match provider {
            KeyProvider::File => {}
            KeyProvider::Pkcs11 => pkcs11(&keys.pkcs11, errors),
            KeyProvider::AwsKms => aws_kms(&keys.aws_kms, errors),
            KeyProvider::VaultTransit => vault_transit(&keys.vault_transit, errors),
        }
    }
    if !seen.contains(&KeyProvider::File) && (keys.kek_passphrase.is_some() || keys.kek_key.is_some()) {
        warnings.push(
            "keys.kek_passphrase or keys.kek_key is set, and no provider is `file`: take the secret away from where \
             it is not used"
                .into(),
        );
    }
}

fn pkcs11(pkcs11: &Pkcs11, errors: &mut Vec<ConfigError>) {
    needed(
        "keys.pkcs11.module",
        pkcs11.module.is_some(),
        "name the vendor's module",
        errors,
    );
    needed(
        "keys.pkcs11.token",
        pkcs11.token.is_some(),
        "name the token's label",
        errors,
    );
    needed(
        "keys.pkcs11.key",
        pkcs11.key.is_some(),
        "name the key's label",
        errors,
    );
    one_of(
        &[
            ("keys.pkcs11.pin", pkcs11.pin.is_some()),
            ("keys.pkcs11.pin_file", pkcs11.pin_file.is_some()),
        ],
        errors,
    );
}

fn aws_kms(aws: &AwsKms, errors: &mut Vec<ConfigError>) {
    let mend = "name the id, ARN or alias of a symmetric encryption key";
    needed("keys.aws_kms.key", aws.key.is_some(), mend, errors);
}

fn vault_transit(vault: &VaultTransit, errors: &mut Vec<ConfigError>) {
    let (address, key) = ("keys.vault_transit.address", "keys.vault_transit.key");
    needed(
        address,
        vault.address.is_some(),
        "name the https:// URL of Vault",
        errors,
    );
    needed(
        key,
        vault.key.is_some(),
        "name a key of the transit engine",
        errors,
    );
    one_of(
        &[
            ("keys.vault_transit.token", vault.token.is_some()),
            ("keys.vault_transit.token_file", vault.token_file.is_some()),
            ("keys.vault_transit.role_id", vault.role_id.is_some()),
        ],
        errors,
    );
    let secrets = [
        ("keys.vault_transit.secret_id", vault.secret_id.is_some()),
        (
            "keys.vault_transit.secret_id_file",
            vault.secret_id_file.is_some(),
        ),
    ];
    if vault.role_id.is_some() {
        one_of(&secrets, errors);
    } else if let Some((path, _)) = secrets.iter().find(|(_, set)| *set) {
        let problem = "is set without `keys.vault_transit.role_id`";
        errors.push(ConfigError::new(
            *path,
            problem,
            "name the role id as well, or remove it",
        ));
    }
}

fn needed(path: &str, is_set: bool, mend: &str, errors: &mut Vec<ConfigError>) {
    if !is_set {
        errors.push(ConfigError::new(
            path,
            "is unset, and its provider is named",
            mend,
        ));
    }
}

/// Exactly one of these settings.
fn one_of(settings: &[(&str, bool)], errors: &mut Vec<ConfigError>) {
    let names: Vec<String> = settings.iter().map(|(path, _)| format!("`{path}`")).collect();
    let mut set = settings.iter().filter(|(_, is_set)| *is_set);
    match (set.next(), set.next()) {
        (Some(_), None) => {}
        (None, _) => {
            let path = settings.first().map_or("keys", |(path, _)| path);
            let mend = format!("set one of {}", names.join(", "));
            errors.push(ConfigError::new(
                path,
                "is unset, and its provider is named",
                mend,
            ));
        }
        (Some(_), Some((path, _))) => {
            let mend = format!("keep one of {}", names.join(", "));
            errors.push(ConfigError::new(*path, "is set together with another way", mend));
        }
    }
}
