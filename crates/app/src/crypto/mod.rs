//! Cryptography for other programs, by named keys: what Vault's transit engine is used for.
//!
//! A request names one key and holds 1 to 100 items. Each item has a result or an error of its own; what concerns the key or the
//! service as a whole (no permission, no such key, no active version, provider away) refuses the request, and no item has a
//! result then. Each request is one event, and it is committed before anything is answered: what cannot be recorded is
//! neither shown nor given out (NIST SP 800-53 AU-5).

mod error;
mod request;

use vutf_crypto_keys::{
    CryptoError, Keyring, Purpose, ServiceKey, ServiceUse, VerifyingKey, Versioned, service::action,
};
use vutf_identity::role::permission;
use vutf_kernel::{
    Action, Ambient, Ctx, Detail, Env, Event, EventRecorder, Outcome, Permission, Question, Resource, Secret,
    UseCaseError as _,
};

use self::{error::Failure, request::Done};
use crate::KeyReloader;

pub use self::error::{CryptoUseError, ItemError};

/// Items in one request at most.
pub const MAX_ITEMS: usize = 100;

/// The name of the key under which contexts stand in the audit log: they may hold personal data, and the log is for ever.
const CONTEXT_KEY: &str = "crypto-context";

/// A result or an error for each item, in the order of the items.
pub type Item<T> = Result<T, ItemError>;

/// What is to be encrypted.
pub struct Plaintext {
    /// It.
    pub plaintext: Secret<Vec<u8>>,
    /// What it is bound to, see [`vutf_crypto_keys::Context`].
    pub context: Vec<u8>,
}

/// What is to be decrypted or brought to the newest version.
pub struct Ciphertext {
    /// It, `vutf:v…`.
    pub ciphertext: String,
    /// What it was bound to.
    pub context: Vec<u8>,
}

/// What a MAC or a signature is claimed to be of.
pub struct Claim {
    /// The input.
    pub input: Vec<u8>,
    /// The MAC or signature, `vutf:v…`.
    pub proof: String,
}

/// The handles that the use cases of this module need.
#[derive(Clone, Copy)]
pub struct Crypto<'a> {
    /// What is loaded.
    pub keyring: &'a Keyring,
    /// Loads what another replica made.
    pub reloader: &'a dyn KeyReloader,
    /// Takes the event of each request.
    pub recorder: &'a dyn EventRecorder,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

/// One of the things that can be asked for.
struct Verb {
    action: Action,
    permission: Permission,
    service: ServiceUse,
}

impl Verb {
    const fn new(action: Action, permission: Permission, service: ServiceUse) -> Self {
        Self {
            action,
            permission,
            service,
        }
    }
}

impl Crypto<'_> {
    /// The key that each organization must have for the events of this module.
    pub fn purpose() -> Purpose {
        Purpose::mac(CONTEXT_KEY)
    }

    /// Encrypts under the newest active version of `key`, each item bound to its context.
    pub async fn encrypt(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Plaintext>],
    ) -> Result<Vec<Item<Versioned>>, CryptoUseError> {
        let verb = Verb::new(action::ENCRYPT, permission::CRYPTO_ENCRYPT, ServiceUse::Encrypt);
        let mut entropy = self.ambient.entropy();
        self.run(ctx, &verb, key, items, |key, item, done| {
            let context = done.bound_to(&item.context)?;
            Ok(done.made(key.encrypt(context, item.plaintext.expose(), &mut *entropy)?))
        })
        .await
    }

    /// Decrypts what [`Crypto::encrypt`] made, for whoever says the same context.
    pub async fn decrypt(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Ciphertext>],
    ) -> Result<Vec<Item<Secret<Vec<u8>>>>, CryptoUseError> {
        let verb = Verb::new(action::DECRYPT, permission::CRYPTO_DECRYPT, ServiceUse::Encrypt);
        self.run(ctx, &verb, key, items, |key, item, done| {
            let context = done.bound_to(&item.context)?;
            let ciphertext = done.named(&item.ciphertext)?;
            Ok(key.decrypt(context, &ciphertext)?)
        })
        .await
    }

    /// Brings ciphertexts to the newest active version; the context stays, and nobody sees a plaintext.
    pub async fn rewrap(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Ciphertext>],
    ) -> Result<Vec<Item<Versioned>>, CryptoUseError> {
        let verb = Verb::new(action::REWRAP, permission::CRYPTO_REWRAP, ServiceUse::Encrypt);
        let mut entropy = self.ambient.entropy();
        self.run(ctx, &verb, key, items, |key, item, done| {
            let context = done.bound_to(&item.context)?;
            let ciphertext = done.named(&item.ciphertext)?;
            Ok(done.made(key.rewrap(context, &ciphertext, &mut *entropy)?))
        })
        .await
    }

    /// Makes the MAC of each input under the newest active version.
    pub async fn hmac(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Vec<u8>>],
    ) -> Result<Vec<Item<Versioned>>, CryptoUseError> {
        let verb = Verb::new(action::HMAC, permission::CRYPTO_MAC, ServiceUse::Mac);
        self.run(ctx, &verb, key, items, |key, input, done| {
            Ok(done.made(key.mac(input)?))
        })
        .await
    }

    /// Signs each input under the newest active version.
    pub async fn sign(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Vec<u8>>],
    ) -> Result<Vec<Item<Versioned>>, CryptoUseError> {
        let verb = Verb::new(action::SIGN, permission::CRYPTO_SIGN, ServiceUse::Sign);
        self.run(ctx, &verb, key, items, |key, input, done| {
            Ok(done.made(key.sign(input)?))
        })
        .await
    }

    /// Whether each MAC is that of its input, under the version that it names.
    pub async fn verify_hmac(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Claim>],
    ) -> Result<Vec<Item<bool>>, CryptoUseError> {
        let verb = Verb::new(action::VERIFY, permission::CRYPTO_VERIFY, ServiceUse::Mac);
        self.run(ctx, &verb, key, items, |key, claim, done| {
            let tag = done.named(&claim.proof)?;
            Ok(key.verify_mac(&claim.input, &tag)?)
        })
        .await
    }

    /// Whether each signature is over its input, by the version that it names.
    pub async fn verify_signature(
        &self,
        ctx: &Ctx,
        key: &str,
        items: &[Item<Claim>],
    ) -> Result<Vec<Item<bool>>, CryptoUseError> {
        let verb = Verb::new(action::VERIFY, permission::CRYPTO_VERIFY, ServiceUse::Sign);
        self.run(ctx, &verb, key, items, |key, claim, done| {
            let signature = done.named(&claim.proof)?;
            Ok(key.verify_signature(&claim.input, &signature)?)
        })
        .await
    }

    /// The public keys whose signatures are believed, newest first: with them anybody verifies without this service.
    pub async fn public_keys(&self, ctx: &Ctx, key: &str) -> Result<Vec<VerifyingKey>, CryptoUseError> {
        let verb = Verb::new(action::PUBLIC_KEYS, permission::CRYPTO_VERIFY, ServiceUse::Sign);
        let found = self.find(ctx, &verb, key).await;
        let keys = self.audited(ctx, &verb, key, found).await?.public_keys();
        let event = self.event(ctx, &verb, key, verb.action.none(), Outcome::Success);
        let ids: Vec<_> = keys.iter().map(|key| key.key_id.as_uuid()).collect();
        let question = Question::all(verb.action).with("key", Some(key));
        self.recorder.record(event.shows(&question, &ids)).await?;
        Ok(keys)
    }

    async fn run<I, T>(
        &self,
        ctx: &Ctx,
        verb: &Verb,
        name: &str,
        items: &[Item<I>],
        each: impl FnMut(&ServiceKey<'_>, &I, &mut Done) -> Result<T, Failure>,
    ) -> Result<Vec<Item<T>>, CryptoUseError> {
        let tried = self.attempt(ctx, verb, name, items, each).await;
        let (results, done) = self.audited(ctx, verb, name, tried).await?;
        let resource = done
            .only_key()
            .map_or(verb.action.none(), |id| verb.action.one(id.as_uuid()));
        let event = self.event(ctx, verb, name, resource, done.outcome());
        let digest = |context: &[u8]| {
            self.keyring
                .mac(ctx.organization_id, CONTEXT_KEY, context)
                .map_err(|error| error.into_port("crypto.context"))
        };
        self.recorder.record(done.tell(event, digest)?).await?;
        Ok(results)
    }

    async fn attempt<'s, I, T>(
        &'s self,
        ctx: &Ctx,
        verb: &Verb,
        name: &str,
        items: &'s [Item<I>],
        mut each: impl FnMut(&ServiceKey<'_>, &I, &mut Done) -> Result<T, Failure>,
    ) -> Result<(Vec<Item<T>>, Done), CryptoUseError> {
        let key = self.find(ctx, verb, name).await?;
        if !(1..=MAX_ITEMS).contains(&items.len()) {
            return Err(CryptoUseError::Items);
        }
        let (results, done) = request::compute(&key, items, &mut each)?;
        if !done.met_unknown_version() || !self.reloader.reload().await {
            return Ok((results, done));
        }
        // Another replica made the version.
        let key = self.find(ctx, verb, name).await?;
        request::compute(&key, items, &mut each)
    }

    async fn find(&self, ctx: &Ctx, verb: &Verb, name: &str) -> Result<ServiceKey<'_>, CryptoUseError> {
        if !ctx.may(&verb.permission) {
            return Err(CryptoUseError::Denied(verb.permission.clone()));
        }
        if !Purpose::service(verb.service, name).is_valid() {
            return Err(CryptoUseError::Name);
        }
        let find = || self.keyring.service_key(ctx.organization_id, verb.service, name);
        let found = match find() {
            Err(CryptoError::KeyNotLoaded { .. }) if self.reloader.reload().await => find(),
            other => other,
        };
        found.map_err(|_not_loaded| CryptoUseError::NotFound)
    }

    /// Writes a refusal of the whole request to the log.
    async fn audited<T>(
        &self,
        ctx: &Ctx,
        verb: &Verb,
        name: &str,
        done: Result<T, CryptoUseError>,
    ) -> Result<T, CryptoUseError> {
        if let Err(error) = &done
            && error.port().is_none()
        {
            let outcome = Outcome::refused(error.code());
            self.recorder
                .record(self.event(ctx, verb, name, verb.action.none(), outcome))
                .await?;
        }
        done
    }

    fn event(&self, ctx: &Ctx, verb: &Verb, name: &str, resource: Resource, outcome: Outcome) -> Event {
        let mut entropy = self.ambient.entropy();
        let mut env = Env {
            clock: self.ambient.clock(),
            entropy: &mut *entropy,
        };
        let event = Event::new(ctx, &mut env, verb.action.name, resource, outcome);
        let purpose = Purpose::service(verb.service, name);
        // What is no name may be anything, e.g. the plaintext in a wrong place.
        if purpose.is_valid() {
            event.detail("key", Detail::Text(purpose.to_string()))
        } else {
            event
        }
    }
}
