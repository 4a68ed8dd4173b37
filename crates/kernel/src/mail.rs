//! Mail, as whoever has something to say sees it.

use async_trait::async_trait;

/// A mail of plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Addresses, each of which sees the others.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// UTF-8.
    pub text: String,
    /// What makes it one mail however often it is sent: the left side of its `Message-ID` (RFC 5322, section 3.6.4).
    pub reference: String,
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
