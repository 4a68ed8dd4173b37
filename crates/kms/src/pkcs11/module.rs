//! Modules are loaded once a process: PKCS#11 knows one initialisation, and never needs a second.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
};

use super::Pkcs11Error;

/// Write permission of everybody.
const OTHERS_WRITE: u32 = 0o002;

static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The module at `path`, ready to use. It stays loaded: ending it would end the sessions of every other user in this process.
pub(super) fn load(path: &Path) -> Result<Pkcs11, Pkcs11Error> {
    let missing = |error: std::io::Error| Pkcs11Error::ModuleMissing {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let canonical = path.canonicalize().map_err(missing)?;
    let mode = fs::metadata(&canonical).map_err(missing)?.permissions().mode();
    if mode & OTHERS_WRITE != 0 {
        return Err(Pkcs11Error::ModuleExposed {
            path: path.to_owned(),
        });
    }
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = loaded.get(&canonical) {
        return Ok(module.clone());
    }
    let unusable = |error: Error| Pkcs11Error::ModuleUnusable {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let module = Pkcs11::new(&canonical).map_err(unusable)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Somebody else in this process came first.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(unusable(error)),
    }
    loaded.insert(canonical, module.clone());
    Ok(module)
}
