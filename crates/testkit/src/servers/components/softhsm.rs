//! SoftHSM2: a directory of tokens, and a module that tests load into their own process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::super::binaries::on_path;
use super::super::{Account, Component, Home, Place, find_binaries, install_hint};

/// Tokens of our own; their files are removed on drop. A process sees them with `SOFTHSM2_CONF` set to
/// [`SoftHsm::conf`].
#[derive(Debug)]
pub struct SoftHsm {
    home: Option<Home>,
    conf: PathBuf,
    module: PathBuf,
}

impl SoftHsm {
    /// The PIN of every token's security officer.
    pub const SO_PIN: &'static str = "so-pin-4711";

    /// Makes a directory without any token.
    ///
    /// # Errors
    /// How to install SoftHSM2 when it is absent.
    pub fn start() -> Result<Self> {
        // Tests load the module themselves: the files are theirs.
        let home = Home::create_for("softhsm", Place::Memory, Account::Own)?;
        let conf = home.path().join("softhsm2.conf");
        let tokens = home.path().join("tokens");
        std::fs::create_dir(&tokens)?;
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.mechanisms = ALL\n",
            tokens.display()
        );
        std::fs::write(&conf, text)?;
        let mut hsm = Self::attach(&conf)?;
        hsm.home = Some(home);
        Ok(hsm)
    }

    /// The tokens of another process.
    ///
    /// # Errors
    /// How to install SoftHSM2 when it is absent.
    pub fn attach(conf: &Path) -> Result<Self> {
        let module = find_binaries().softhsm;
        Ok(Self {
            home: None,
            conf: conf.to_owned(),
            module: module.with_context(|| install_hint(&[Component::SoftHsm]))?,
        })
    }

    /// Whether it is this process's own.
    pub fn is_own(&self) -> bool {
        self.home.is_some()
    }

    /// The configuration file.
    pub fn conf(&self) -> &Path {
        &self.conf
    }

    /// The PKCS#11 module.
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// Makes a token with this label.
    ///
    /// # Errors
    /// What `softhsm2-util` says.
    pub fn make_token(&self, label: &str, pin: &str) -> Result<()> {
        let arguments = [
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            Self::SO_PIN,
            "--pin",
            pin,
        ];
        self.run("softhsm2-util", &arguments)
    }

    /// Makes an AES-256 key in a token, with more arguments of `pkcs11-tool`, e.g. `--sensitive`.
    ///
    /// # Errors
    /// What `pkcs11-tool` says.
    pub fn make_key(&self, token: &str, pin: &str, key: &str, more: &[&str]) -> Result<()> {
        let module = self.module.to_string_lossy();
        let arguments = [
            "--module",
            &module,
            "--token-label",
            token,
            "--login",
            "--pin",
            pin,
            "--keygen",
            "--key-type",
            "AES:32",
            "--label",
            key,
        ];
        self.run("pkcs11-tool", &[&arguments[..], more].concat())
    }

    /// Sets the PIN anew, as the token's security officer.
    ///
    /// # Errors
    /// What `pkcs11-tool` says.
    pub fn reset_pin(&self, token: &str, pin: &str) -> Result<()> {
        let module = self.module.to_string_lossy();
        let arguments = [
            "--module",
            &module,
            "--token-label",
            token,
            "--login",
            "--login-type",
            "so",
            "--so-pin",
            Self::SO_PIN,
            "--init-pin",
            "--new-pin",
            pin,
        ];
        self.run("pkcs11-tool", &arguments)
    }

    /// The directory of the token with this label.
    ///
    /// # Errors
    /// When there is none.
    pub fn token_directory(&self, label: &str) -> Result<PathBuf> {
        let tokens = self.conf.with_file_name("tokens");
        for entry in std::fs::read_dir(tokens)?.flatten() {
            let object = std::fs::read(entry.path().join("token.object")).unwrap_or_default();
            if object
                .windows(label.len())
                .any(|window| window == label.as_bytes())
            {
                return Ok(entry.path());
            }
        }
        anyhow::bail!("no token {label}")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let path = on_path(program).with_context(|| install_hint(&[Component::SoftHsm]))?;
        let output = Command::new(path)
            .args(arguments)
            .env("SOFTHSM2_CONF", &self.conf)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {program}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program} failed: {}", errors.trim_end());
        Ok(())
    }
}
