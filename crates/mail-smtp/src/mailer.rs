//! The mailer.

use std::time::Duration;

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use vutf_kernel::{Mail, MailError, Mailer, Secret};

use crate::message;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// In the clear until STARTTLS, which must be offered.
    StartTls,
    /// In the clear; only where nobody else is on the way.
    None,
}

/// Where mail is handed in, and as whom.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// The server's name; its certificate must bear it.
    pub host: String,
    /// The port: 465 for TLS, 587 for STARTTLS.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Name and password.
    pub credentials: Option<(String, Secret<String>)>,
    /// Who the mail is from, e.g. `Audit <audit@example.org>`.
    pub from: String,
    /// How long the whole of one mail may take.
    pub timeout: Duration,
}

/// Why there is no mailer.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The sender is no address.
    #[error("the sender is no address")]
    From,
    /// Credentials would be sent in the clear.
    #[error("credentials are not sent without TLS")]
    Clear,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] lettre::transport::smtp::Error),
}

const LATE: &str = "the mail server did not answer in time";

/// Hands mail to one server.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmtpMailer")
    }
}

/// Whether mail can be sent to it.
pub fn is_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

impl SmtpMailer {
    /// A mailer; nothing is connected yet.
    ///
    /// # Errors
    /// When the options do not fit together.
    pub fn new(options: SmtpOptions) -> Result<Self, SmtpError> {
        let from: Mailbox = options.from.parse().map_err(|_| SmtpError::From)?;
        let tls = match options.security {
            Security::Tls => Tls::Wrapper(TlsParameters::new(options.host.clone())?),
            Security::StartTls => Tls::Required(TlsParameters::new(options.host.clone())?),
            Security::None if options.credentials.is_some() => return Err(SmtpError::Clear),
            Security::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.host)
            .port(options.port)
            .tls(tls)
            .timeout(Some(options.timeout));
        if let Some((name, password)) = options.credentials {
            builder = builder.credentials(Credentials::new(name, password.expose().clone()));
        }
        Ok(Self {
            transport: builder.build(),
            timeout: options.timeout,
            from,
        })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message::of(mail, &self.from)?;
        // The transport's own time-out is for the connection alone: a server may be silent in the middle.
        let sent = tokio::time::timeout(self.timeout, self.transport.send(message)).await;
        let sent = sent.map_err(|_| MailError {
            reason: LATE.to_owned(),
            is_final: false,
        })?;
        sent.map(|_| ()).map_err(|error| MailError {
            reason: reason(&error),
            // 5yz: the server will not take it as it is (RFC 5321, section 4.2.1).
            is_final: error.is_permanent(),
        })
    }
}

/// The code alone: servers repeat addresses in their words.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => LATE.to_owned(),
        None if error.is_tls() => "TLS with the mail server failed".to_owned(),
        None => "the mail server could not be reached".to_owned(),
    }
}
