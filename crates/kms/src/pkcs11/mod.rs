//! A key-encryption key in a PKCS#11 token: a hardware security module, a smart card, SoftHSM2.
//!
//! The key is an AES-256 secret key object that never leaves the token. A tenant key is encrypted by it with AES-GCM
//! (`CKM_AES_GCM`, NIST SP 800-38D), 96-bit nonce, 128-bit tag.
//!
//! Invariants:
//! - Calls into the module block: they run on the blocking pool, and never more at once than there are sessions.
//! - A PIN that the token refused is not offered again, by any thread: tokens lock after a few wrong ones.
//! - A nonce is random, ours or the token's. There is one wrap a tenant and rotation, so that the 2^32 messages a key may
//!   protect this way (SP 800-38D, section 8.3) are out of reach.

mod blob;
mod error;
mod fault;
mod login;
mod module;
mod options;
mod token;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use cryptoki::mechanism::{Mechanism, aead::GcmParams};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Entropy, OsEntropy, PortError, Secret};
use zeroize::Zeroizing;

pub use error::Pkcs11Error;
pub use options::{Pkcs11Options, Pkcs11Pin};

use crate::bound::associated_data;
use blob::{Blob, NONCE_BYTES, TAG_BITS};
use fault::Stage;
use token::{Open, Token};

/// A key-encryption key in a PKCS#11 token.
pub struct Pkcs11Wrapper {
    kek_id: String,
    token: Arc<Token>,
    permits: Arc<Semaphore>,
    timeout: std::time::Duration,
}

impl Pkcs11Wrapper {
    /// Checks the options; the first call loads the module and looks for the token.
    pub fn new(options: Pkcs11Options) -> Result<Self, Pkcs11Error> {
        options.check()?;
        Ok(Self {
            kek_id: options.kek_id()?,
            permits: Arc::new(Semaphore::new(options.sessions)),
            timeout: options.timeout,
            token: Arc::new(Token::new(options)),
        })
    }

    /// Finds token and key, logs in, and sees that what is wrapped opens again, and only with its context.
    pub async fn check(&self) -> Result<(), Pkcs11Error> {
        let key = Secret::new(<dyn Entropy>::bytes(&mut OsEntropy));
        let wrapped = self.wrap_typed(&key, b"start".to_vec()).await?;
        let opened = self.unwrap_typed(wrapped.clone(), b"start".to_vec()).await?;
        let elsewhere = self.unwrap_typed(wrapped, b"elsewhere".to_vec()).await;
        match elsewhere {
            Err(Pkcs11Error::DoesNotOpen) if opened == key => Ok(()),
            Err(error) if opened == key => Err(error),
            _ => Err(Pkcs11Error::NotBound),
        }
    }

    async fn wrap_typed(&self, key: &Secret<[u8; 32]>, aad: Vec<u8>) -> Result<Vec<u8>, Pkcs11Error> {
        let key = key.clone();
        self.blocking(move |token| token.with(Stage::Wrap, |open| encrypt(open, &key, &aad)))
            .await
    }

    async fn unwrap_typed(&self, wrapped: Vec<u8>, aad: Vec<u8>) -> Result<Secret<[u8; 32]>, Pkcs11Error> {
        self.blocking(move |token| {
            let blob = Blob::parse(&wrapped).ok_or(Pkcs11Error::DoesNotOpen)?;
            let open_it = || token.with(Stage::Unwrap, |open| decrypt(open, &blob, &aad));
            match open_it() {
                // Some tokens say the same of a wrong tag and of themselves being unwell: whether they still work tells.
                Err(Pkcs11Error::Ambiguous(_)) => {
                    let probe = Secret::new([0; 32]);
                    token.with(Stage::Wrap, |open| encrypt(open, &probe, &aad))?;
                }
                answer => return answer,
            }
            // The module may have come back with the probe.
            open_it().map_err(|error| match error {
                Pkcs11Error::Ambiguous(_) => Pkcs11Error::DoesNotOpen,
                other => other,
            })
        })
        .await
    }

    /// Runs `work` on the blocking pool. The permit goes with it: a call that nobody waits for any more still counts until
    /// the module gives its thread back.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Token) -> Result<T, Pkcs11Error> + Send + 'static,
    ) -> Result<T, Pkcs11Error> {
        let token = Arc::clone(&self.token);
        let permits = Arc::clone(&self.permits);
        let call = async move {
            let permit = permits.acquire_owned().await.map_err(|_| Pkcs11Error::Ended)?;
            let done = spawn_blocking(move || {
                let _until_the_module_returns = permit;
                work(&token)
            });
            done.await.map_err(|_| Pkcs11Error::Ended)?
        };
        let late = Pkcs11Error::TimedOut { limit: self.timeout };
        timeout(self.timeout, call).await.unwrap_or(Err(late))
    }
}

impl fmt::Debug for Pkcs11Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pkcs11Wrapper({})", self.kek_id)
    }
}

#[async_trait]
impl KeyWrapper for Pkcs11Wrapper {
    fn kek_id(&self) -> &str {
        &self.kek_id
    }

    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        let aad = associated_data("kek.wrap", context)?;
        self.wrap_typed(key, aad)
            .await
            .map_err(|error| error.into_port("kek.wrap"))
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        let aad = associated_data("kek.unwrap", context)?;
        self.unwrap_typed(wrapped.to_vec(), aad)
            .await
            .map_err(|error| error.into_port("kek.unwrap"))
    }

    async fn ping(&self) -> Result<(), PortError> {
        let asked =
            self.blocking(|token| token.with(Stage::Ask, |open| open.session.get_session_info().map(drop)));
        asked.await.map_err(|error| error.into_port("kek.ping"))
    }

    fn technology(&self) -> &'static str {
        "pkcs11"
    }
}

fn encrypt(open: &Open, key: &Secret<[u8; 32]>, aad: &[u8]) -> Result<Vec<u8>, cryptoki::error::Error> {
    let mut nonce: [u8; NONCE_BYTES] = <dyn Entropy>::bytes(&mut OsEntropy);
    let ciphertext = {
        let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
        open.session
            .encrypt(&Mechanism::AesGcm(params), open.key, key.expose())?
    };
    // A token in FIPS mode makes the nonce itself and writes it over ours.
    Blob { nonce, ciphertext }
        .encode()
        .ok_or(cryptoki::error::Error::InvalidValue)
}

fn decrypt(open: &Open, blob: &Blob, aad: &[u8]) -> Result<Secret<[u8; 32]>, cryptoki::error::Error> {
    let mut nonce = blob.nonce;
    let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
    let key = Zeroizing::new(
        open.session
            .decrypt(&Mechanism::AesGcm(params), open.key, &blob.ciphertext)?,
    );
    let key = <[u8; 32]>::try_from(key.as_slice())?;
    Ok(Secret::new(key))
}
