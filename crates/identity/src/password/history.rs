//! Passwords of before: none of the last ones may be chosen again, where [`super::LegacyPolicy`] says so. No more of them are kept
//! than are looked at, and none where the rule is off.

use vutf_kernel::{OrganizationId, PastPasswordId, PortError, Secret, Timestamp, UserId};

use super::{HashError, HashPermit, PasswordError};
use crate::{repo::PasswordRecord, work::Work};

/// A password that was replaced.
#[derive(Clone, Debug)]
pub struct PastPassword {
    /// Its id.
    pub id: PastPasswordId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose it was.
    pub user_id: UserId,
    /// PHC string format.
    pub phc: Secret<String>,
    /// When another one took its place.
    pub replaced_at: Timestamp,
}

/// The hashes of those before the present one that must not be chosen again, newest first.
pub(crate) async fn former<C>(
    work: &mut Work<'_, C>,
    user: UserId,
) -> Result<Vec<Secret<String>>, PortError> {
    let (limit, organization) = (
        work.id.settings.password.legacy().former(),
        work.ctx.organization_id,
    );
    if limit == 0 {
        return Ok(Vec::new());
    }
    let past = work.tx.passwords().past(organization, user, limit).await?;
    Ok(past.into_iter().map(|past| past.phc).collect())
}

/// Refuses a password that is one of `before`. Each costs a hash, under the permit that the caller has anyway.
pub(crate) async fn refuse_reused<E>(
    permit: &dyn HashPermit,
    password: &Secret<String>,
    before: &[Secret<String>],
) -> Result<(), E>
where
    E: From<PasswordError> + From<HashError>,
{
    for phc in before {
        if permit.verify(password, Some(phc)).await?.matches {
            let detail = "you had it before; choose one that you have not had";
            return Err(PasswordError::new("password_reused", detail).into());
        }
    }
    Ok(())
}

/// Puts `renewed` into the place of `before`, which joins those of before as far as these are kept.
pub(crate) async fn replace<C>(
    work: &mut Work<'_, C>,
    before: &PasswordRecord,
    renewed: &PasswordRecord,
) -> Result<(), PortError> {
    let keep = work.id.settings.password.legacy().former();
    let (organization, user) = (before.organization_id, before.user_id);
    if keep > 0 {
        let past = PastPassword {
            id: PastPasswordId::generate(work.env.clock, work.env.entropy),
            organization_id: organization,
            user_id: user,
            phc: before.phc.clone(),
            replaced_at: renewed.changed_at,
        };
        work.tx.passwords().remember(&past).await?;
    }
    work.tx.passwords().forget_past(organization, user, keep).await?;
    work.tx.passwords().put(renewed).await
}
