//! Works on the queue. Sending itself is the caller's, between two transactions: the first claims the letter, so that no two
//! replicas send it at once; the second takes it out of the queue, or puts it off. Whoever dies between the two leaves the claim to
//! run out, and the letter is sent again: under the same `Message-ID`.

use std::time::Duration;

use vutf_kernel::{Ctx, Detail, MailError, Outcome, PortError};

use super::{Letter, MailKind, requested};
use crate::{
    Identity, action,
    refusal::use_case_error,
    work::{About, Work},
};

use_case_error! {
    /// Why the queue was not worked on.
    DeliverError {
        /// Only the service and the operator of the machine may do this.
        NotAllowed => Forbidden, "operator_only", "only the service itself and its operator may do this";
    } {}
}

/// What came of looking at a letter that is due.
#[derive(Clone, Debug)]
pub enum Taken {
    /// It is the caller's to send.
    ToSend(Letter),
    /// It was a request, and is answered.
    Answered,
    /// Its time is over, or nobody can read it: it is given up.
    GivenUp,
    /// Somebody else has it.
    Gone,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// A server took it.
    Sent,
    /// It is tried again.
    Postponed,
    /// It is not.
    GivenUp,
}

impl Settled {
    /// The stable word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Postponed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// The context of what is done about a letter: the service's own, under the request that led to it.
pub fn context(ctx: &Ctx, letter: &Letter) -> Ctx {
    Ctx::internal(
        letter.organization_id,
        ctx.actor.clone(),
        letter.request_id.clone(),
    )
}

/// Takes a letter that is due: answers it if it is a request, else claims it for `held`.
pub async fn take(ctx: &Ctx, id: &Identity, letter: Letter, held: Duration) -> Result<Taken, DeliverError> {
    let ctx = permitted(ctx, id, &letter).await?;
    id.run(&ctx, letter, move |work| Box::pin(take_one(work, held)))
        .await
}

async fn take_one(mut work: Work<'_, Letter>, held: Duration) -> Result<Taken, DeliverError> {
    let (now, letter) = (work.now(), work.command.clone());
    let unfit = if now >= letter.expires_at {
        Some("expired")
    } else if letter.content.is_none() {
        Some("unreadable")
    } else {
        None
    };
    if unfit.is_some() || letter.kind.is_request() {
        if !work.tx.mail().remove(letter.id).await? {
            return Ok(Taken::Gone);
        }
        if let Some(reason) = unfit {
            give_up(&mut work, &letter, reason).await?;
            return Ok(Taken::GivenUp);
        }
        requested::answer(&mut work).await?;
        return Ok(Taken::Answered);
    }
    if !work.tx.mail().claim(&letter, now.plus(held)).await? {
        return Ok(Taken::Gone);
    }
    let attempts = letter.attempts.saturating_add(1);
    Ok(Taken::ToSend(Letter {
        attempts,
        ..(*letter).clone()
    }))
}

/// Notes what came of an attempt at a letter that was taken.
pub async fn settle(
    ctx: &Ctx,
    id: &Identity,
    letter: Letter,
    sent: Result<(), MailError>,
) -> Result<Settled, DeliverError> {
    let ctx = permitted(ctx, id, &letter).await?;
    let is_final = match &sent {
        Ok(()) => None,
        Err(error) => Some(error.is_final || letter.attempts >= id.settings.mail.attempts),
    };
    id.run(&ctx, letter, move |work| Box::pin(settle_one(work, is_final)))
        .await
}

async fn settle_one(mut work: Work<'_, Letter>, failed: Option<bool>) -> Result<Settled, DeliverError> {
    let (now, letter) = (work.now(), work.command.clone());
    let next = now.plus(work.id.settings.mail.pause_after(letter.attempts));
    match failed {
        None => {
            work.tx.mail().remove(letter.id).await?;
            Ok(Settled::Sent)
        }
        Some(false) if next < letter.expires_at => {
            work.tx.mail().postpone(letter.id, next).await?;
            Ok(Settled::Postponed)
        }
        Some(_) => {
            if work.tx.mail().remove(letter.id).await? {
                give_up(&mut work, &letter, "undeliverable").await?;
            }
            Ok(Settled::GivenUp)
        }
    }
}

async fn give_up(
    work: &mut Work<'_, Letter>,
    letter: &Letter,
    reason: &'static str,
) -> Result<(), PortError> {
    let about = About::kind(action::MAIL_GIVE_UP).of(letter.user_id);
    let (kind, attempts): (MailKind, u32) = (letter.kind, letter.attempts);
    work.raise(&about, Outcome::refused(reason), |event| {
        event
            .detail("kind", Detail::Text(kind.as_str().into()))
            .detail("attempts", Detail::Number(attempts.into()))
    })
    .await
}

async fn permitted(ctx: &Ctx, id: &Identity, letter: &Letter) -> Result<Ctx, DeliverError> {
    if ctx.is_trusted() {
        return Ok(context(ctx, letter));
    }
    let refused: Result<Ctx, _> = Err(DeliverError::NotAllowed);
    id.audited(ctx, About::kind(action::MAIL_GIVE_UP), refused).await
}
