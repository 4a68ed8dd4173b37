//! Mail as lines in the log, for development alone: whoever reads such a log could set anybody's password. Production refuses it.

use async_trait::async_trait;
use vutf_kernel::{Mail, MailError, Mailer};

pub(super) struct Line;

#[async_trait]
impl Mailer for Line {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        // No address: nobody needs it who follows the link.
        let link = mail.link.as_ref().map(|link| link.expose().as_str());
        tracing::info!(subject = mail.subject, link, "a mail, as development shows it");
        Ok(())
    }
}
