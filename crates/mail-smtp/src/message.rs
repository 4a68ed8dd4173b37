//! A mail as a message (RFC 5322), whichever way it goes.

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use vutf_kernel::{Mail, MailError};

/// No person wrote it, so that no out-of-office note answers (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

pub(crate) fn of(mail: &Mail, from: &Mailbox) -> Result<Message, MailError> {
    let unfit = |reason: &str| MailError {
        reason: reason.to_owned(),
        is_final: true,
    };
    if mail.subject.chars().any(char::is_control) {
        return Err(unfit("the subject is not one line"));
    }
    let mut message = Message::builder()
        .from(from.clone())
        .subject(&mail.subject)
        .message_id(Some(format!("<{}@{}>", mail.reference, from.email.domain())))
        .header(AutoSubmitted);
    for to in &mail.to {
        message = message.to(to.parse().map_err(|_| unfit("a receiver is no address"))?);
    }
    let message = match &mail.html {
        Some(html) => message.multipart(MultiPart::alternative_plain_html(mail.text.clone(), html.clone())),
        None => message.singlepart(
            SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .body(mail.text.clone()),
        ),
    };
    message.map_err(|_| unfit("the mail cannot be put together"))
}
