//! Certificates that only one test knows, made by `openssl`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

const PROFILE: &str = "
[req]
distinguished_name = name
prompt = no
[name]
CN = test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:client
";

/// An authority, another one, and a server's certificate for `localhost` and a client's that the first has signed: `NAME.pem` and
/// `NAME.key` for `authority`, `another`, `server`, `client`.
#[derive(Debug)]
pub struct Certificates(TempDir);

impl Certificates {
    /// Makes them, valid for two days.
    ///
    /// # Errors
    /// When there is no `openssl`, or it fails.
    pub fn make() -> Result<Self> {
        let home = tempfile::tempdir()?;
        // The server may run as another user.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))?;
        fs::write(home.path().join("profile"), PROFILE)?;
        let this = Self(home);
        let signed = ["-CA", "authority.pem", "-CAkey", "authority.key"];
        this.issue("authority", "authority", &[])?;
        this.issue("another", "authority", &[])?;
        this.issue("server", "server", &signed)?;
        this.issue("client", "client", &signed)?;
        Ok(this)
    }

    /// One of the files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn issue(&self, name: &str, extensions: &str, by: &[&str]) -> Result<()> {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let done = Command::new("openssl")
            .current_dir(self.0.path())
            .args(["req", "-x509", "-config", "profile", "-days", "2"])
            .args(["-extensions", extensions])
            .args([
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-noenc",
            ])
            .args(["-keyout", &key, "-out", &certificate])
            .args(by)
            .output()
            .context("cannot start openssl")?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        fs::set_permissions(self.path(&key), fs::Permissions::from_mode(0o644))?;
        Ok(())
    }
}
