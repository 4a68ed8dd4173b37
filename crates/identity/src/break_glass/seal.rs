//! Seals an account, and makes it first if there is none of the name. From the machine alone.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{Ctx, Detail, Entropy, Outcome, Secret, UserId};

use super::{Glass, SECRET_PREFIX};
use crate::{
    Email, Identity, IdentityTaken, LoginName, RuleError, User, UserKind, Username, action,
    refresh::TokenHash,
    refusal::use_case_error,
    role::{self, permission},
    user::account::{self, NewAccount},
    work::{About, Work},
};

/// Seals an account.
#[derive(Clone, Debug)]
pub struct Seal {
    /// Its name.
    pub username: Username,
}

/// An account that was just sealed.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Which.
    pub user_id: UserId,
    /// The secret; it is shown here and nowhere else.
    pub secret: Secret<String>,
}

use_case_error! {
    /// Why nothing was sealed.
    SealError {
        /// A person's account, or that of a program.
        InUse => Conflict, "break_glass_in_use", "this account is used for something else; choose a name that nobody has";
    } {
        /// Only whoever has the machine may do this.
        Rule(RuleError);
        /// The name.
        Taken(IdentityTaken);
    }
}

/// A secret of 256 bits.
fn fresh(entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let mut text = String::with_capacity(SECRET_PREFIX.len() + 43);
    text.push_str(SECRET_PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.expose(), &mut text);
    Secret::new(text)
}

/// Seals an account. A secret that was made before is good no more, and a session that was opened with it ends.
pub async fn seal(ctx: &Ctx, id: &Identity, command: Seal) -> Result<Sealed, SealError> {
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    let sealed = id
        .audited(ctx, About::kind(action::BREAK_GLASS_SEAL), done)
        .await?;
    id.sessions.forget_user(sealed.user_id);
    Ok(sealed)
}

async fn apply(mut work: Work<'_, Seal>) -> Result<Sealed, SealError> {
    if !work.ctx.is_trusted() {
        return Err(RuleError::Denied(permission::ROLES_ASSIGN).into());
    }
    let user = account(&mut work).await?;
    let secret = fresh(work.env.entropy);
    let (now, organization) = (work.now(), user.organization_id);
    let glass = Glass {
        user_id: user.id,
        organization_id: organization,
        secret: TokenHash::of(secret.expose()),
        sealed_at: now,
        opened_at: None,
        session_id: None,
    };
    work.tx.break_glass().seal(&glass).await?;
    let ended = work
        .tx
        .sessions()
        .revoke_all(organization, user.id, None, "sealed", None, now)
        .await?;
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    let about = About::user(action::BREAK_GLASS_SEAL, user.id);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("sessions_ended", Detail::Number(count))
    })
    .await?;
    Ok(Sealed {
        user_id: user.id,
        secret,
    })
}

/// The account of that name if it was sealed before, or a new one.
async fn account(work: &mut Work<'_, Seal>) -> Result<User, SealError> {
    let organization = work.ctx.organization_id;
    let username = work.command.username.clone();
    let name = LoginName::parse(username.expose());
    if let Some(user) = work.tx.users().find_by_login(organization, &name).await? {
        let known = work.tx.break_glass().find(organization, user.id).await?;
        return known.map(|_| user).ok_or(SealError::InUse);
    }
    // It is no mailbox: RFC 6761, section 6.4.
    let address = format!("{}@break-glass.invalid", username.expose());
    let account = NewAccount {
        kind: UserKind::Service,
        phc: None,
        must_change: false,
        email: Email::from_store(address),
        username,
        display_name: None,
        phone: None,
        verified: true,
        roles: vec![role::USER.to_owned()],
    };
    account::open::<_, SealError>(work, &account).await
}
