//! The directory into which a server that is tested puts its mail.

use std::path::{Path, PathBuf};
#[cfg(feature = "stores")]
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Ends a hang.
#[cfg(feature = "stores")]
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads mail as whoever it is for would.
#[derive(Clone, Debug)]
pub struct Mailbox(PathBuf);

/// One mail.
#[derive(Clone, Debug)]
pub struct Received {
    /// The name of its file: what it is about, and an id that grows.
    pub name: String,
    /// Head and body as they were written, but for the transfer encoding.
    pub text: String,
}

impl Mailbox {
    /// Over a directory that the server makes.
    pub fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Mail to `to` whose name begins with `kind`, oldest first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn mails(&self, kind: &str, to: &str) -> Result<Vec<Received>> {
        let mut found = Vec::new();
        let Ok(entries) = std::fs::read_dir(&self.0) else {
            return Ok(found);
        };
        for entry in entries {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_whole = path.extension().is_some_and(|extension| extension == "eml");
            if !is_whole || !name.starts_with(&format!("{kind}-")) {
                continue;
            }
            let text = decoded(&std::fs::read_to_string(&path)?);
            if text.contains(&format!("To: {to}\r\n")) {
                found.push(Received { name, text });
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Waits for the `count`th mail.
    ///
    /// # Errors
    /// When it does not come.
    #[cfg(feature = "stores")]
    pub async fn nth(&self, kind: &str, to: &str, count: usize) -> Result<Received> {
        let started = Instant::now();
        loop {
            if let Some(mail) = self.mails(kind, to)?.get(count - 1) {
                return Ok(mail.clone());
            }
            if started.elapsed() > PATIENCE {
                anyhow::bail!("no mail {count} about {kind} came to {to}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The token of the link in the first mail.
    ///
    /// # Errors
    /// As [`Self::nth`], or when there is no link.
    #[cfg(feature = "stores")]
    pub async fn token(&self, kind: &str, to: &str) -> Result<String> {
        self.nth(kind, to, 1).await?.token()
    }
}

impl Received {
    /// The link in it.
    ///
    /// # Errors
    /// When there is none.
    pub fn link(&self) -> Result<String> {
        let mut lines = self.text.lines();
        let line = lines.find(|line| line.starts_with("http") && line.contains("#token="));
        Ok(line.context("no link")?.trim_end().to_owned())
    }

    /// The token of its link.
    ///
    /// # Errors
    /// When there is none.
    pub fn token(&self) -> Result<String> {
        let link = self.link()?;
        let (_, token) = link.split_once("#token=").context("no token")?;
        Ok(token.to_owned())
    }
}

/// Quoted-printable (RFC 2045, section 6.7), as far as text in ASCII needs it.
fn decoded(text: &str) -> String {
    if text.contains("quoted-printable") {
        text.replace("=\r\n", "").replace("=3D", "=")
    } else {
        text.to_owned()
    }
}
