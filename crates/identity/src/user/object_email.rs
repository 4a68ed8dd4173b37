//! The owner of the address before objects to a change of it: somebody else was in the account, and knows its password.

use vutf_kernel::{Ctx, Detail, Outcome, PortError, Secret, UserId};

use super::{User, reach::save_names};
use crate::{
    Identity, IdentityTaken, LoginName, action,
    api_key::revoke::end_all,
    guard::GuardKey,
    link::{self, Link, LinkInvalid, LinkPurpose},
    mail::{self, MailKind},
    refusal::use_case_error,
    work::{About, Work},
};

const REASON: &str = "email_objection";

/// A link.
#[derive(Debug)]
pub struct ObjectEmail {
    /// From the mail to the old address.
    pub token: Secret<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objected {
    /// Whether the old address is the account's. Only if somebody else took it meanwhile it is not.
    pub address_restored: bool,
}

use_case_error! {
    /// Why nothing was taken back.
    ObjectEmailError {
    } {
        /// The link is not good.
        Link(LinkInvalid);
        /// The address was taken at the same moment.
        Taken(IdentityTaken);
    }
}

/// Puts the old address back, ends all sessions and all links, removes the password, and mails a link to set a new one.
pub async fn object_email(
    ctx: &Ctx,
    id: &Identity,
    command: ObjectEmail,
) -> Result<Objected, ObjectEmailError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let link = match &done {
        Err(ObjectEmailError::Link(link)) => Some(*link),
        _ => None,
    };
    let (user, objected) = id.audited_link(ctx, action::EMAIL_OBJECT, link, done).await?;
    id.sessions.forget_user(user);
    Ok(objected)
}

async fn apply(mut work: Work<'_, ObjectEmail>) -> Result<(UserId, Objected), ObjectEmailError> {
    let token = work.command.token.clone();
    let purpose = LinkPurpose::ObjectEmail;
    let (link, user) = link::look_up::<_, ObjectEmailError>(&mut work, &token, purpose).await?;
    link::spend::<_, ObjectEmailError>(&mut work, &link).await?;
    let address_restored = is_free(&mut work, &link).await?;
    let user = if address_restored {
        User {
            email: link.address.clone(),
            ..user.email_proved(work.now())
        }
    } else {
        let by = Some(user.id);
        user.changed(by, work.now())
    };
    let user = user.end_sessions();
    save_names::<_, ObjectEmailError>(&mut work, &user).await?;
    shut(&mut work, &user, &link).await?;
    let about = About::written(action::EMAIL_OBJECT, &user);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("address_restored", Detail::Bool(address_restored))
    })
    .await?;
    Ok((user.id, Objected { address_restored }))
}

/// Whether the old address is the account's, or nobody's.
async fn is_free(work: &mut Work<'_, ObjectEmail>, link: &Link) -> Result<bool, PortError> {
    let name = LoginName::Email(link.address.clone());
    let found = work.tx.users().find_by_login(link.organization_id, &name).await?;
    Ok(found.is_none_or(|found| found.id == link.user_id))
}

/// Whoever asked for the change is out, and only the owner of the old address comes in again.
async fn shut(work: &mut Work<'_, ObjectEmail>, user: &User, link: &Link) -> Result<(), PortError> {
    let (now, organization) = (work.now(), user.organization_id);
    // A change of the password that is under way comes before or not at all.
    work.tx
        .guards()
        .lock(organization, &GuardKey::password_of(user.id), now)
        .await?;
    end_all(work, user).await?;
    work.tx.passwords().remove(organization, user.id).await?;
    work.tx
        .sessions()
        .revoke_all(organization, user.id, None, REASON, None, now)
        .await?;
    link::end(work, user.id, &LinkPurpose::ALL).await?;
    let life = work.id.settings.mail.reset_life;
    let token = link::issue(work, user, LinkPurpose::ResetPassword, &link.address, life).await?;
    mail::post(work, user, MailKind::Reset, &link.address, token, life).await
}
