//! Which key of which Vault, and who asks.

use std::{path::PathBuf, time::Duration};

use vutf_kernel::Secret;

use super::VaultError;

const MAX_KEK_ID: usize = 128;

/// A secret that is given, or lies in a file.
#[derive(Clone, Debug)]
pub enum VaultCredential {
    /// The secret itself.
    Text(Secret<String>),
    /// A file that holds it, read whenever it is needed: an agent may renew it there.
    File(PathBuf),
}

/// Who the service is to Vault.
#[derive(Clone, Debug)]
pub enum VaultAuth {
    /// A token.
    Token(VaultCredential),
    /// The AppRole method: signs in by itself, and again when its token is refused.
    AppRole {
        /// Where the method is mounted, usually `approle`.
        mount: String,
        /// The role's id.
        role_id: String,
        /// The secret that goes with it.
        secret_id: VaultCredential,
    },
}

/// A key of the transit engine of Vault or OpenBao.
#[derive(Clone, Debug)]
pub struct VaultOptions {
    /// `https://vault.example.com:8200`, without a path.
    pub address: String,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// Where the transit engine is mounted, usually `transit`.
    pub mount: String,
    /// The key's name.
    pub key: String,
    /// Who asks.
    pub auth: VaultAuth,
    /// Certificate authorities (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one call may take, retries and signing in included.
    pub timeout: Duration,
}

impl VaultOptions {
    /// `vault-transit:NAMESPACE/MOUNT/KEY`. The address is not part of it: a cluster that moved has the same keys.
    pub(super) fn kek_id(&self) -> Result<String, VaultError> {
        let parts = [self.namespace.as_deref(), Some(&*self.mount), Some(&*self.key)];
        let path: Vec<&str> = parts
            .into_iter()
            .flatten()
            .map(|part| part.trim_matches('/'))
            .collect();
        let id = format!("vault-transit:{}", path.join("/"));
        if id.len() > MAX_KEK_ID {
            return Err(VaultError::Options(
                "namespace, mount and key are too long together",
            ));
        }
        Ok(id)
    }

    pub(super) fn check(&self) -> Result<(), VaultError> {
        let auth_mount = match &self.auth {
            VaultAuth::AppRole { mount, .. } => mount,
            VaultAuth::Token(_) => "token",
        };
        let wrong = [
            (
                !is_path(&self.mount),
                "the mount is not a path of letters, digits, `.`, `_`, `-` and `/`",
            ),
            (
                !is_path(auth_mount),
                "the mount of AppRole is not a path of letters, digits, `.`, `_`, `-` and `/`",
            ),
            (
                self.namespace
                    .as_deref()
                    .is_some_and(|namespace| !is_path(namespace)),
                "the namespace is not a path of letters, digits, `.`, `_`, `-` and `/`",
            ),
            (
                self.key.contains('/') || !is_path(&self.key),
                "the key's name is not made of letters, digits, `.`, `_` and `-`",
            ),
            (self.timeout.is_zero(), "the time-out is zero"),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, problem)) => Err(VaultError::Options(problem)),
            None => Ok(()),
        }
    }
}

/// Parts that a URL takes as they are; none of them climbs.
fn is_path(text: &str) -> bool {
    let text = text.trim_matches('/');
    !text.is_empty()
        && text.split('/').all(|part| {
            !part.is_empty()
                && !part.bytes().all(|byte| byte == b'.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(namespace: Option<&str>, mount: &str, key: &str) -> VaultOptions {
        VaultOptions {
            address: "https://vault".into(),
            namespace: namespace.map(str::to_owned),
            mount: mount.into(),
            key: key.into(),
            auth: VaultAuth::Token(VaultCredential::Text(Secret::new("planted-token".into()))),
            ca_file: None,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_id_says_which_key_and_not_where_it_answers() {
        let id = |namespace, mount| options(namespace, mount, "kek").kek_id().unwrap();
        assert_eq!(id(None, "transit"), "vault-transit:transit/kek");
        assert_eq!(id(Some("team/"), "/t/r/"), "vault-transit:team/t/r/kek");
        assert!(options(None, "t", &"k".repeat(128)).kek_id().is_err());
    }

    #[test]
    fn no_setting_leads_to_another_path() {
        options(Some("a/b"), "t/r/", "kek.v1").check().unwrap();
        for (namespace, mount, key) in [
            (None, "transit/..", "kek"),
            (None, "transit", "../sys/seal"),
            (None, "transit", "a/b"),
            (None, "transit", "kek?x"),
            (None, "", "kek"),
            (None, "a//b", "kek"),
            (Some("a b"), "transit", "kek"),
        ] {
            assert!(options(namespace, mount, key).check().is_err(), "{mount} {key}");
        }
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", options(None, "t", "k")).contains("planted-token"));
    }
}
