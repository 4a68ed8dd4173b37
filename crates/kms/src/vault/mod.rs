//! A key-encryption key in the transit engine of HashiCorp Vault or OpenBao.
//!
//! A tenant key is encrypted by `MOUNT/encrypt/KEY` with `associated_data`, and stored as the engine writes it
//! (`vault:v1:…`). A new version of the key in Vault opens what older versions wrapped, down to its
//! `min_decryption_version`.
//!
//! Invariants:
//! - A key that is not there is not made: `encrypt` makes one where the policy allows `create`, so the start looks first.
//! - No redirect is followed and no proxy of the environment is used: either would carry the token elsewhere.
//! - A token is renewed at two thirds of its life, by whichever call comes next (readiness asks every few seconds).

mod api;
mod ciphertext;
mod error;
mod options;
mod session;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Entropy, OsEntropy, PortError, Secret};
use zeroize::{Zeroize as _, Zeroizing};

pub use error::VaultError;
pub use options::{VaultAuth, VaultCredential, VaultOptions};

use crate::{bound::associated_data, retry::patiently};
use api::{Api, Refusal};
use ciphertext::canonical;
use session::Session;

/// Types of transit keys that authenticate associated data.
const AEAD: [&str; 4] = [
    "aes256-gcm96",
    "chacha20-poly1305",
    "xchacha20-poly1305",
    "aes128-gcm96",
];
/// The one of them that is weaker than what it wraps.
const WEAK: &str = "aes128-gcm96";

/// A key-encryption key in the transit engine of Vault or OpenBao.
pub struct VaultWrapper {
    kek_id: String,
    mount: String,
    key: String,
    api: Api,
    session: Session,
    timeout: Duration,
}

impl VaultWrapper {
    /// Checks the options; connects nothing yet.
    pub fn new(options: &VaultOptions) -> Result<Self, VaultError> {
        options.check()?;
        Ok(Self {
            kek_id: options.kek_id()?,
            mount: options.mount.trim_matches('/').to_owned(),
            key: options.key.clone(),
            api: Api::new(options)?,
            session: Session::new(options.auth.clone()),
            timeout: options.timeout,
        })
    }

    /// Sees that the key is there and fit, and that what is wrapped opens again, and only with its context.
    pub async fn check(&self) -> Result<(), VaultError> {
        match self.describe().await {
            // A policy may well allow no more than encrypting and decrypting.
            Err(VaultError::Denied { .. }) => {}
            answer => self.fit(&answer?)?,
        }
        let key = Secret::new(<dyn Entropy>::bytes(&mut OsEntropy));
        let wrapped = self.encrypt(&key, b"start").await?;
        let opened = self.decrypt(&wrapped, b"start").await?;
        match self.decrypt(&wrapped, b"elsewhere").await {
            Err(VaultError::DoesNotOpen) if opened == key => Ok(()),
            Err(error) if opened == key => Err(error),
            _ => Err(VaultError::NotBound),
        }
    }

    async fn describe(&self) -> Result<Described, VaultError> {
        let path = format!("{}/keys/{}", self.mount, self.key);
        let answer: Data<Described> = self.call(&path, None::<&()>).await?;
        Ok(answer.data)
    }

    fn fit(&self, described: &Described) -> Result<(), VaultError> {
        let kind = described.kind.as_str();
        let problem = if !AEAD.contains(&kind) {
            format!("its type {kind} does not authenticate associated data")
        } else if kind == WEAK {
            format!("its type {kind} is weaker than the keys it would wrap")
        } else if described.derived {
            "it is derived".to_owned()
        } else if described.exportable || described.allow_plaintext_backup {
            "its value can be exported".to_owned()
        } else {
            return Ok(());
        };
        Err(VaultError::KeyUnfit {
            key: self.key.clone(),
            problem,
        })
    }

    async fn encrypt(&self, key: &Secret<[u8; 32]>, aad: &[u8]) -> Result<Vec<u8>, VaultError> {
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(key.expose()));
        let body = Encrypt {
            plaintext: &plaintext,
            associated_data: BASE64_STANDARD.encode(aad),
        };
        let path = format!("{}/encrypt/{}", self.mount, self.key);
        let answer: Data<Encrypted> = self.call(&path, Some(&body)).await?;
        let wrapped = answer.data.ciphertext.into_bytes();
        match canonical(&wrapped) {
            Some(_) => Ok(wrapped),
            None => Err(VaultError::Unexpected(
                "a ciphertext that is not vault:vN:BASE64".into(),
            )),
        }
    }

    async fn decrypt(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret<[u8; 32]>, VaultError> {
        let body = Decrypt {
            ciphertext: canonical(wrapped).ok_or(VaultError::DoesNotOpen)?,
            associated_data: BASE64_STANDARD.encode(aad),
        };
        let path = format!("{}/decrypt/{}", self.mount, self.key);
        let answer: Data<Decrypted> = self.call(&path, Some(&body)).await?;
        let mut decoded = BASE64_STANDARD
            .decode(answer.data.plaintext.expose())
            .map_err(|_| VaultError::Unexpected("a plaintext that is not base64".into()))?;
        let key = <[u8; 32]>::try_from(decoded.as_slice()).map(Secret::new);
        decoded.zeroize();
        key.map_err(|_| VaultError::DoesNotOpen)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, VaultError> {
        let late = VaultError::TimedOut { limit: self.timeout };
        let once = || self.once(path, body);
        patiently(self.timeout, late, VaultError::is_transient, once).await
    }

    /// One request; a second with another token, where the first token is refused and there is another.
    async fn once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, VaultError> {
        let held = self.session.token(&self.api).await?;
        let refusal = match self.request(path, &held.token, body).await? {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        if refusal.status != 403 {
            return Err(self.refused(path, &refusal));
        }
        let denied = VaultError::Denied {
            path: path.to_owned(),
        };
        if self.session.is_accepted(&self.api, &held).await? {
            return Err(denied);
        }
        let held = self.session.replace(&self.api, &held).await?;
        match self.request(path, &held.token, body).await? {
            Ok(answer) => Ok(answer),
            Err(refusal) if refusal.status == 403 => Err(denied),
            Err(refusal) => Err(self.refused(path, &refusal)),
        }
    }

    async fn request<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &Secret<String>,
        body: Option<&(impl Serialize + Sync)>,
    ) -> api::Answer<T> {
        match body {
            Some(body) => self.api.write(path, Some(token), body).await,
            None => self.api.read(path, token).await,
        }
    }

    fn refused(&self, path: &str, Refusal { status, errors }: &Refusal) -> VaultError {
        let missing = || VaultError::KeyMissing {
            mount: self.mount.clone(),
            key: self.key.clone(),
        };
        match status {
            404 if errors.contains("no handler for route") => VaultError::MountMissing {
                mount: self.mount.clone(),
            },
            404 => missing(),
            400 if errors.contains("key not found") => missing(),
            400 if path.contains("/decrypt/") => VaultError::DoesNotOpen,
            _ => VaultError::Unexpected(format!("HTTP {status} {errors}")),
        }
    }
}

impl fmt::Debug for VaultWrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultWrapper({})", self.kek_id)
    }
}

#[async_trait]
impl KeyWrapper for VaultWrapper {
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

    /// Looks at the own token: renewed when it is due, replaced when it is refused.
    async fn ping(&self) -> Result<(), PortError> {
        let looked: Result<serde::de::IgnoredAny, _> = self.call("auth/token/lookup-self", None::<&()>).await;
        looked.map(drop).map_err(|error| error.into_port("kek.ping"))
    }

    fn technology(&self) -> &'static str {
        "vault-transit"
    }
}

#[derive(Serialize)]
struct Encrypt<'a> {
    plaintext: &'a str,
    associated_data: String,
}

#[derive(Serialize)]
struct Decrypt<'a> {
    ciphertext: &'a str,
    associated_data: String,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Secret<String>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    derived: bool,
    #[serde(default)]
    exportable: bool,
    #[serde(default)]
    allow_plaintext_backup: bool,
}
