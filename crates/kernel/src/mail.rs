//! Mail, as whoever has something to say sees it.

use std::fmt;

use async_trait::async_trait;

use crate::Secret;

/// A mail. `Debug` shows neither receivers nor words: it may hold a link that is as good as a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Addresses, each of which sees the others.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// UTF-8.
    pub text: String,
    /// The same as HTML, beside the plain text.
    pub html: Option<String>,
    /// The link in it, if there is one, for whoever sends no mail and shows it instead.
    pub link: Option<Secret<String>>,
    /// What makes it one mail however often it is sent: the left side of its `Message-ID` (RFC 5322, section 3.6.4).
    pub reference: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({})", self.reference)
    }
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct MailError {
    /// For a log: no address, no secret.
    pub reason: String,
    /// Trying again cannot help.
    pub is_final: bool,
}

/// Hands mail to a server. Never within a transaction.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Whether the server took it; that it arrives, nobody can promise.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}
