//! Proves by a mailed link that whoever has the account reads its address.

use vutf_kernel::{Ctx, Secret, UserId};

use super::reach::save;
use crate::{
    Identity, action,
    link::{self, LinkInvalid, LinkPurpose},
    refusal::use_case_error,
    work::{About, Work},
};

/// A link.
#[derive(Debug)]
pub struct VerifyEmail {
    /// From the mail.
    pub token: Secret<String>,
}

use_case_error! {
    /// Why the address is not proved.
    VerifyEmailError {
    } {
        /// The link is not good.
        Link(LinkInvalid);
    }
}

/// Notes that the address is proved. An account that waited for it may sign in.
pub async fn verify_email(ctx: &Ctx, id: &Identity, command: VerifyEmail) -> Result<(), VerifyEmailError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let link = match &done {
        Err(VerifyEmailError::Link(link)) => Some(*link),
        _ => None,
    };
    let user = id.audited_link(ctx, action::EMAIL_VERIFY, link, done).await?;
    id.sessions.forget_user(user);
    Ok(())
}

async fn apply(mut work: Work<'_, VerifyEmail>) -> Result<UserId, VerifyEmailError> {
    let token = work.command.token.clone();
    let purpose = LinkPurpose::VerifyEmail;
    let (link, user) = link::look_up::<_, VerifyEmailError>(&mut work, &token, purpose).await?;
    if link.address != user.email {
        return Err(LinkInvalid::of(user.id, "another_address").into());
    }
    link::spend::<_, VerifyEmailError>(&mut work, &link).await?;
    let user = user.email_proved(work.now());
    save(&mut work, &user).await?;
    work.done(&About::written(action::EMAIL_VERIFY, &user)).await?;
    Ok(user.id)
}
