//! Somebody forgot a password, or never got the link that verifies their address. They give an address; whether there is such an
//! account shows neither in the answer nor in its time, since nobody looks before the mail is sent.

use vutf_kernel::{Action, Ctx};

use crate::{
    Email, Identity, action,
    mail::{self, MailKind, MailOff},
    refusal::use_case_error,
    work::{About, Work},
};

/// The address that somebody gives.
#[derive(Debug)]
pub struct AskForLink {
    /// It.
    pub email: Email,
}

use_case_error! {
    /// Why nothing is sent to anybody.
    AskForLinkError {
    } {
        /// Nobody sends mail here.
        Off(MailOff);
    }
}

/// Asks for a link that sets a password.
pub async fn forgot_password(ctx: &Ctx, id: &Identity, command: AskForLink) -> Result<(), AskForLinkError> {
    ask(ctx, id, command, action::PASSWORD_FORGOT, MailKind::ResetRequest).await
}

/// Asks for the link that verifies an address once more.
pub async fn resend_verification(
    ctx: &Ctx,
    id: &Identity,
    command: AskForLink,
) -> Result<(), AskForLinkError> {
    ask(
        ctx,
        id,
        command,
        action::EMAIL_RESEND,
        MailKind::VerificationRequest,
    )
    .await
}

async fn ask(
    ctx: &Ctx,
    id: &Identity,
    command: AskForLink,
    action: Action,
    kind: MailKind,
) -> Result<(), AskForLinkError> {
    let done = if id.settings.mail.enabled {
        id.run(ctx, command, move |work| Box::pin(apply(work, action, kind)))
            .await
    } else {
        Err(MailOff.into())
    };
    id.audited(ctx, About::kind(action), done).await
}

async fn apply(
    mut work: Work<'_, AskForLink>,
    action: Action,
    kind: MailKind,
) -> Result<(), AskForLinkError> {
    let command = work.command.clone();
    mail::request(&mut work, kind, command.email.expose()).await?;
    Ok(work.done(&About::kind(action)).await?)
}
