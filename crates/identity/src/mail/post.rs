//! Queues mail in the transaction of what it is about.

use std::time::Duration;

use vutf_kernel::{Class, Fault, MailId, PortError, Secret, UserId};

use super::{Content, Letter, MailKind};
use crate::{Email, User, work::Work};

/// Requests that may wait. They are gone within a second as long as anybody works on the queue.
const REQUESTS: u64 = 10_000;
/// How long a request waits, and a notice is news.
const KEPT: Duration = Duration::from_hours(24);

/// Nobody sends mail here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this service sends no mail; ask an administrator")]
pub struct MailOff;

impl MailOff {
    /// It is not done here.
    pub fn class(&self) -> Class {
        Class::Forbidden
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        "mail_off"
    }
}

/// Queues a letter with a link, in the place of one that was not sent yet: its link is over.
pub(crate) async fn post<C>(
    work: &mut Work<'_, C>,
    user: &User,
    kind: MailKind,
    to: &Email,
    token: Secret<String>,
    life: Duration,
) -> Result<(), PortError> {
    if let Some(purpose) = kind.purpose() {
        let organization = user.organization_id;
        work.tx.mail().recall(organization, user.id, &[purpose]).await?;
    }
    // The new address may be a stranger's: they are not told whose account it is.
    let name = (kind != MailKind::EmailChange).then(|| Secret::new(user.username.expose().to_owned()));
    let content = Content {
        to: Secret::new(to.expose().to_owned()),
        token: Some(token),
        name,
    };
    push(work, kind, Some(user.id), content, life).await
}

/// Queues an invitation: to somebody who has no account yet.
pub(crate) async fn post_invitation<C>(
    work: &mut Work<'_, C>,
    to: &Email,
    token: Secret<String>,
    life: Duration,
) -> Result<(), PortError> {
    let content = Content {
        to: Secret::new(to.expose().to_owned()),
        token: Some(token),
        name: None,
    };
    push(work, MailKind::Invitation, None, content, life).await
}

/// Queues a notice to `to`; nothing where nobody sends mail.
pub(crate) async fn notify<C>(
    work: &mut Work<'_, C>,
    user: &User,
    kind: MailKind,
    to: &Email,
) -> Result<(), PortError> {
    if !work.id.settings.mail.enabled {
        return Ok(());
    }
    let content = Content {
        to: Secret::new(to.expose().to_owned()),
        token: None,
        name: Some(Secret::new(user.username.expose().to_owned())),
    };
    push(work, kind, Some(user.id), content, KEPT).await
}

/// Queues a request. The same is done for whoever is known and for whoever is not.
pub(crate) async fn request<C>(work: &mut Work<'_, C>, kind: MailKind, about: &str) -> Result<(), PortError> {
    if work.tx.mail().requests().await? >= REQUESTS {
        let full = "so many requests for mail wait that no more are taken";
        return Err(PortError::new("mail.request", Fault::Withheld, full));
    }
    let content = Content {
        to: Secret::new(about.to_owned()),
        token: None,
        name: None,
    };
    push(work, kind, None, content, KEPT).await
}

async fn push<C>(
    work: &mut Work<'_, C>,
    kind: MailKind,
    user_id: Option<UserId>,
    content: Content,
    life: Duration,
) -> Result<(), PortError> {
    let now = work.now();
    let letter = Letter {
        id: MailId::generate(work.env.clock, work.env.entropy),
        organization_id: work.ctx.organization_id,
        user_id,
        kind,
        request_id: work.ctx.request_id.clone(),
        content: Some(content),
        attempts: 0,
        due_at: now,
        expires_at: now.plus(life),
        created_at: now,
    };
    work.tx.mail().push(&letter).await
}
