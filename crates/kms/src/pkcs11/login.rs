//! Logging in, at most once with each PIN that is refused.

use std::sync::{Mutex, PoisonError};

use cryptoki::{
    error::{Error, RvError},
    session::{Session, UserType},
    slot::TokenInfo,
    types::AuthPin,
};
use vutf_kernel::Secret;

use super::{Pkcs11Error, Pkcs11Pin, fault};
use crate::credential;

/// A PIN is short; whatever is longer is another file.
const MAX_PIN_FILE: usize = 256;

/// The PIN, and the last one that the token refused.
#[derive(Debug)]
pub(super) struct Login {
    pin: Pkcs11Pin,
    refused: Mutex<Option<Secret<String>>>,
}

impl Login {
    pub(super) fn new(pin: Pkcs11Pin) -> Self {
        Self {
            pin,
            refused: Mutex::new(None),
        }
    }

    /// Logs the user in. All sessions of a process share the login, and `info` is the token's own account of its PIN.
    pub(super) fn login(&self, session: &Session, info: &TokenInfo) -> Result<(), Pkcs11Error> {
        judge(info.user_pin_locked(), info.user_pin_final_try())?;
        let pin = self.read()?;
        // Held while the token is asked: of many threads that reconnect, one finds out that the PIN is wrong.
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.as_ref() == Some(&pin) {
            return Err(Pkcs11Error::PinWrong);
        }
        let answer = session.login(UserType::User, Some(&AuthPin::from(pin.expose().as_str())));
        match answer {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(error) => {
                let error = fault::classify(fault::Stage::Ask, "", &error);
                if matches!(error, Pkcs11Error::PinWrong) {
                    *refused = Some(pin);
                }
                Err(error)
            }
        }
    }

    fn read(&self) -> Result<Secret<String>, Pkcs11Error> {
        let path = match &self.pin {
            Pkcs11Pin::Text(pin) => return Ok(pin.clone()),
            Pkcs11Pin::File(path) => path,
        };
        credential::read(path, MAX_PIN_FILE).map_err(|problem| Pkcs11Error::PinFile {
            path: path.clone(),
            problem,
        })
    }
}

/// Whether a PIN may be tried at all.
fn judge(locked: bool, final_try: bool) -> Result<(), Pkcs11Error> {
    match (locked, final_try) {
        (true, _) => Err(Pkcs11Error::PinLocked),
        (false, true) => Err(Pkcs11Error::PinFinalTry),
        (false, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// SoftHSM2 neither counts down nor locks, so that the flags of a token that does are judged here.
    #[test]
    fn the_last_try_is_left_to_a_person() {
        assert!(matches!(judge(false, true), Err(Pkcs11Error::PinFinalTry)));
        assert!(matches!(judge(true, false), Err(Pkcs11Error::PinLocked)));
        assert!(matches!(judge(true, true), Err(Pkcs11Error::PinLocked)));
        judge(false, false).unwrap();
    }

    #[test]
    fn a_pin_file_is_the_owners_alone_and_holds_one_pin() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        let login = Login::new(Pkcs11Pin::File(path.clone()));
        assert!(matches!(login.read(), Err(Pkcs11Error::PinFile { .. })));
        fs::write(&path, "planted-pin\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = login.read().unwrap_err().to_string();
        assert!(
            error.contains("0600") && !error.contains("planted-pin"),
            "{error}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(login.read().unwrap(), Secret::new("planted-pin".to_owned()));
        fs::write(&path, "\n").unwrap();
        assert!(login.read().is_err());
    }
}
