//! The token: found by label, logged in to, and a pool of its sessions.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cryptoki::{
    context::Pkcs11,
    error::Error,
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
    slot::{Slot, TokenInfo},
};

use super::{
    Pkcs11Error, Pkcs11Options,
    fault::{Stage, classify, is_gone},
    login::Login,
    module::{self, Module},
};

/// A session that is logged in, and the key in it.
pub(super) struct Open {
    pub(super) session: Session,
    pub(super) key: ObjectHandle,
    generation: u64,
}

/// Idle sessions. The generation grows when the token was lost: older sessions are not taken back.
#[derive(Default)]
struct Pool {
    idle: Vec<Open>,
    generation: u64,
}

/// A token that comes and goes.
pub(super) struct Token {
    module: OnceLock<Arc<Module>>,
    options: Pkcs11Options,
    login: Login,
    pool: Mutex<Pool>,
    /// One thread at a time looks for the token and logs in.
    connecting: Mutex<()>,
}

impl Token {
    pub(super) fn new(options: Pkcs11Options) -> Self {
        Self {
            module: OnceLock::new(),
            login: Login::new(options.pin.clone()),
            options,
            pool: Mutex::default(),
            connecting: Mutex::default(),
        }
    }

    /// Runs `work` in a session: in a new one when the first turns out to be of the past, and after a restart of the module
    /// when the token cannot be found by that.
    pub(super) fn with<T>(
        &self,
        stage: Stage,
        work: impl Fn(&Open) -> Result<T, Error>,
    ) -> Result<T, Pkcs11Error> {
        let module = self.module()?;
        let restarts = module.restarts();
        match self.attempt(module, stage, &work) {
            Err(error) if error.is_transient() => {
                let idle = std::mem::take(&mut self.lock().idle);
                drop(idle);
                if module.restart(restarts)? {
                    self.attempt(module, stage, &work)
                } else {
                    Err(error)
                }
            }
            answer => answer,
        }
    }

    fn attempt<T>(
        &self,
        module: &Module,
        stage: Stage,
        work: &impl Fn(&Open) -> Result<T, Error>,
    ) -> Result<T, Pkcs11Error> {
        let _during_the_call = module.enter();
        let module = module.functions();
        let open = self.take(module)?;
        let (answer, open) = match work(&open) {
            Err(error) if is_gone(&error) => {
                self.forget(open);
                let open = self.connect(module)?;
                (work(&open), open)
            }
            answer => (answer, open),
        };
        match answer {
            Ok(value) => {
                self.give_back(open);
                Ok(value)
            }
            Err(error) if is_gone(&error) => {
                self.forget(open);
                Err(classify(stage, &self.options.key_label, &error))
            }
            Err(error) => {
                // The operation ended with its error; the session is as good as before (PKCS#11 3.1, section 5.2).
                self.give_back(open);
                Err(classify(stage, &self.options.key_label, &error))
            }
        }
    }

    fn take(&self, module: &Pkcs11) -> Result<Open, Pkcs11Error> {
        let idle = self.lock().idle.pop();
        idle.map_or_else(|| self.connect(module), Ok)
    }

    fn give_back(&self, open: Open) {
        let mut pool = self.lock();
        if open.generation == pool.generation && pool.idle.len() < self.options.sessions {
            pool.idle.push(open);
        }
    }

    /// Drops `open` and whatever was opened with it.
    fn forget(&self, open: Open) {
        let idle = {
            let mut pool = self.lock();
            if open.generation == pool.generation {
                pool.generation = pool.generation.wrapping_add(1);
                std::mem::take(&mut pool.idle)
            } else {
                Vec::new()
            }
        };
        // Closing asks the module: not under the lock.
        drop((open, idle));
    }

    fn connect(&self, module: &Pkcs11) -> Result<Open, Pkcs11Error> {
        let _one_at_a_time = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.lock().generation;
        let asked = |error: Error| classify(Stage::Ask, &self.options.key_label, &error);
        let (slot, info) = self.find_slot(module)?;
        let session = module.open_ro_session(slot).map_err(asked)?;
        self.login.login(&session, &info)?;
        let key = self.find_key(&session)?;
        Ok(Open {
            session,
            key,
            generation,
        })
    }

    fn module(&self) -> Result<&Module, Pkcs11Error> {
        if let Some(module) = self.module.get() {
            return Ok(module);
        }
        let module = module::load(&self.options.module)?;
        Ok(self.module.get_or_init(|| module))
    }

    fn find_slot(&self, module: &Pkcs11) -> Result<(Slot, TokenInfo), Pkcs11Error> {
        let Pkcs11Options {
            token_label: label,
            token_serial: serial,
            ..
        } = &self.options;
        let asked = |error: Error| classify(Stage::Ask, &self.options.key_label, &error);
        let slots = module.get_slots_with_initialized_token().map_err(asked)?;
        // A token may go between the list and the look.
        let tokens: Vec<_> = slots
            .into_iter()
            .filter_map(|slot| Some((slot, module.get_token_info(slot).ok()?)))
            .collect();
        let mut fitting: Vec<_> = tokens
            .iter()
            .filter(|(_, info)| info.label() == label)
            .filter(|(_, info)| {
                serial
                    .as_ref()
                    .is_none_or(|serial| info.serial_number() == serial)
            })
            .collect();
        match (fitting.pop(), fitting.is_empty()) {
            (Some((slot, info)), true) => Ok((*slot, info.clone())),
            (Some(_), false) => Err(Pkcs11Error::TokenAmbiguous {
                label: label.clone(),
                present: shown(tokens.iter().filter(|(_, info)| info.label() == label)),
            }),
            (None, _) => Err(Pkcs11Error::TokenMissing {
                label: label.clone(),
                serial: serial.clone(),
                present: shown(tokens.iter()),
            }),
        }
    }

    fn find_key(&self, session: &Session) -> Result<ObjectHandle, Pkcs11Error> {
        let label = &self.options.key_label;
        let asked = |error: Error| classify(Stage::Ask, label, &error);
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(label.clone().into_bytes()),
        ];
        let found = session.find_objects(&template).map_err(asked)?;
        let [key] = found[..] else {
            let label = label.clone();
            return Err(match found.len() {
                0 => Pkcs11Error::KeyMissing { label },
                count => Pkcs11Error::KeyAmbiguous { label, count },
            });
        };
        let wanted = [
            AttributeType::ValueLen,
            AttributeType::Encrypt,
            AttributeType::Decrypt,
            AttributeType::Sensitive,
        ];
        let attributes = session.get_attributes(key, &wanted).map_err(asked)?;
        match unfit(&attributes) {
            Some(problem) => Err(Pkcs11Error::KeyUnfit {
                label: label.clone(),
                problem,
            }),
            None => Ok(key),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        // No code panics while it holds the lock.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a key with these attributes may not wrap. What a token does not tell counts against the key.
fn unfit(attributes: &[Attribute]) -> Option<&'static str> {
    let has = |wanted: &Attribute| attributes.contains(wanted);
    if !has(&Attribute::ValueLen(32.into())) {
        Some("it is no AES-256 key")
    } else if !has(&Attribute::Encrypt(true)) {
        Some("it may not encrypt (CKA_ENCRYPT)")
    } else if !has(&Attribute::Decrypt(true)) {
        Some("it may not decrypt (CKA_DECRYPT)")
    } else if !has(&Attribute::Sensitive(true)) {
        Some("its value can be read from the token (CKA_SENSITIVE is false)")
    } else {
        None
    }
}

fn shown<'a>(tokens: impl Iterator<Item = &'a (Slot, TokenInfo)>) -> String {
    let tokens: Vec<_> = tokens
        .map(|(_, info)| format!("{:?} (serial number {})", info.label(), info.serial_number()))
        .collect();
    if tokens.is_empty() {
        "none".to_owned()
    } else {
        tokens.join(", ")
    }
}
