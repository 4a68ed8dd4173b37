//! Mail as files, for development, for tests, and for whoever takes it further from a directory.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use lettre::message::Mailbox;
use vutf_kernel::{Mail, MailError, Mailer};

use crate::message;

/// Writes each mail into a directory, as `<reference>.eml` (RFC 5322).
#[derive(Debug)]
pub struct FileMailer {
    directory: PathBuf,
    from: Mailbox,
}

/// Why there is no such mailer.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The sender is no address.
    #[error("the sender is no address")]
    From,
    /// The directory cannot be made.
    #[error("the directory cannot be made: {0}")]
    Directory(#[from] io::Error),
}

impl FileMailer {
    /// A mailer; the directory is made, for its owner alone.
    ///
    /// # Errors
    /// When the sender is no address, or there can be no such directory.
    pub fn new(directory: &Path, from: &str) -> Result<Self, FileError> {
        let from = from.parse().map_err(|_| FileError::From)?;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            from,
        })
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let bytes = message::of(mail, &self.from)?.formatted();
        let (directory, name) = (self.directory.clone(), file_name(&mail.reference));
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &bytes)).await;
        let failed = |reason: String| MailError {
            reason,
            is_final: false,
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(format!("the file cannot be written: {}", error.kind()))),
            Err(_panicked) => Err(failed("the file could not be written".to_owned())),
        }
    }
}

/// Whole or not at all, and readable by its owner alone: it may hold a link that is as good as a password.
fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = directory.join(format!(".{name}.draft"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, directory.join(format!("{name}.eml")))
}

fn file_name(reference: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
            c
        } else {
            '_'
        }
    };
    reference.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reference_leads_out_of_the_directory() {
        assert_eq!(file_name("reset-0193"), "reset-0193");
        assert_eq!(file_name("../../etc/passwd\0"), "______etc_passwd_");
    }
}
