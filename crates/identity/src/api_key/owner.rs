//! Whose keys somebody may handle: their own, and, with a permission, those of accounts within their reach.

use vutf_kernel::{Action, ApiKeyId, Permission, PortError, UserId};

use super::ApiKey;
use crate::{
    RuleError, User,
    mfa::{
        InsufficientAuthentication,
        freshness::{FRESH, FRESH_SECOND_FACTOR},
    },
    role::permission,
    user::{UserKind, reach::reach},
    work::{About, Work},
};

/// Of whom the key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The caller's own.
    Own,
    /// Of somebody within the caller's reach.
    Others,
}

/// Why nobody's keys are handled.
pub(super) enum Unowned {
    NotSignedIn,
    NotFound,
    Rule(RuleError),
    Port(PortError),
}

impl From<RuleError> for Unowned {
    fn from(error: RuleError) -> Self {
        Self::Rule(error)
    }
}

impl From<PortError> for Unowned {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// Declares how an error of a use case takes what was found about the owner.
macro_rules! unowned {
    ($error:ident) => {
        impl From<super::owner::Unowned> for $error {
            fn from(unowned: super::owner::Unowned) -> Self {
                match unowned {
                    super::owner::Unowned::NotSignedIn => Self::NotSignedIn,
                    super::owner::Unowned::NotFound => Self::NotFound,
                    super::owner::Unowned::Rule(error) => Self::Rule(error),
                    super::owner::Unowned::Port(error) => Self::Port(error),
                }
            }
        }
    };
}
pub(super) use unowned;

/// What an event on one key is about.
pub(super) fn about(action: Action, key: ApiKeyId, owner: Option<UserId>) -> About {
    About::one(action, key.as_uuid()).of(owner)
}

/// The caller, who is a person in a session.
pub(super) async fn oneself<C>(work: &mut Work<'_, C>) -> Result<User, Unowned> {
    let user = work.signed_in().ok_or(Unowned::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let organization = work.ctx.organization_id;
    let found = work.tx.users().find(organization, user).await?;
    found.ok_or(Unowned::NotSignedIn)
}

/// Somebody else's account, within the caller's reach; `Unowned::NotFound` when there is none.
pub(super) async fn somebody<C>(
    work: &mut Work<'_, C>,
    permission: &Permission,
    user: UserId,
) -> Result<(User, Vec<String>), Unowned> {
    let target = reach::<_, Unowned>(work, permission, user, true).await?;
    let target = target.ok_or(Unowned::NotFound)?;
    Ok((target.user, target.roles))
}

/// The key, with its owner's keys locked. Of others only with `permission`.
pub(super) async fn held<C>(
    work: &mut Work<'_, C>,
    whose: Whose,
    permission: &Permission,
    key: ApiKeyId,
) -> Result<(User, ApiKey), Unowned> {
    let organization = work.ctx.organization_id;
    let owner = match whose {
        Whose::Own => oneself(work).await?,
        Whose::Others => {
            // Whoever may not do this is not told which keys there are.
            work.require(permission)?;
            let found = work.tx.api_keys().find(organization, key).await?;
            let owner = found.ok_or(Unowned::NotFound)?.user_id;
            somebody(work, permission, owner).await?.0
        }
    };
    work.tx.api_keys().lock_owner(organization, owner.id).await?;
    let found = work.tx.api_keys().find(organization, key).await?;
    let key = found
        .filter(|key| key.user_id == owner.id)
        .ok_or(Unowned::NotFound)?;
    Ok((owner, key))
}

/// Whoever makes or renews a key has proved lately who they are, with both factors if they have two: the key outlives the session.
pub(super) async fn proved<C, E>(work: &mut Work<'_, C>) -> Result<(), E>
where
    E: From<PortError> + From<InsufficientAuthentication>,
{
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    if let Some(user) = work.signed_in()
        && work.tx.mfa().confirmed(organization, user).await?.is_some()
    {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    Ok(())
}

/// A program's account, whose keys are made by administrators.
pub(super) fn is_program(user: &User) -> bool {
    user.kind == UserKind::Service
}
