//! Modules are loaded and initialised once a process, whoever uses them, and initialised anew when a token was lost: many
//! modules look for tokens, and many network clients for their server, at that moment only.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
};

use super::Pkcs11Error;

/// Write permission of everybody.
const OTHERS_WRITE: u32 = 0o002;

static LOADED: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A module that is loaded.
pub(super) struct Module {
    path: PathBuf,
    functions: Pkcs11,
    /// Read by every call; written by a restart, because no call may be under way during one (PKCS#11 3.1, section 5.4).
    calls: RwLock<()>,
    restarts: AtomicU64,
}

/// The module at `path`, ready to use. It stays loaded: its end would end the sessions of every other user in this process.
pub(super) fn load(path: &Path) -> Result<Arc<Module>, Pkcs11Error> {
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
        return Ok(Arc::clone(module));
    }
    let functions = Pkcs11::new(&canonical).map_err(|error| unusable(path, &error))?;
    let module = Arc::new(Module {
        path: path.to_owned(),
        functions,
        calls: RwLock::default(),
        restarts: AtomicU64::new(0),
    });
    module.initialize()?;
    loaded.insert(canonical, Arc::clone(&module));
    Ok(module)
}

impl Module {
    /// Held during every call.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.calls.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn functions(&self) -> &Pkcs11 {
        &self.functions
    }

    /// How often it was restarted.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Acquire)
    }

    /// Ends it and initialises it anew, unless somebody did so since there were `seen` restarts. Every session ends. Whether
    /// it is worth asking again: not while another call is under way, which may be one that hangs.
    pub(super) fn restart(&self, seen: u64) -> Result<bool, Pkcs11Error> {
        let Ok(_alone) = self.calls.try_write() else {
            return Ok(self.restarts() != seen);
        };
        if self.restarts() != seen {
            return Ok(true);
        }
        // A module that is unwell may refuse to end; what counts is whether it starts.
        let _unwell = self.functions.clone().finalize();
        self.restarts.fetch_add(1, Ordering::AcqRel);
        self.initialize()?;
        Ok(true)
    }

    fn initialize(&self) -> Result<(), Pkcs11Error> {
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match self.functions.initialize(arguments) {
            // Somebody else in this process came first.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(error) => Err(unusable(&self.path, &error)),
        }
    }
}

fn unusable(path: &Path, error: &Error) -> Pkcs11Error {
    Pkcs11Error::ModuleUnusable {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}
