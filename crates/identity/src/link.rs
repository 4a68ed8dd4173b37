//! Links that are mailed: 256 random bits, of which only SHA-256 is kept. Each is good once, for one purpose, for a while, and a
//! newer one of the same purpose ends the older.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{Class, Entropy, LinkId, OrganizationId, PortError, Secret, Timestamp, UserId};

use crate::{Email, User, refresh::TokenHash, work::Work};

/// By which scanners recognise a leaked one.
const PREFIX: &str = "vutf_ln_";

/// What a link is good for, and for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkPurpose {
    /// Proves that the account's address is read by whoever has the account.
    VerifyEmail,
    /// Sets a password.
    ResetPassword,
    /// Puts the address to which it was mailed into the place of the account's.
    ChangeEmail,
    /// Takes a change of address back.
    ObjectEmail,
    /// Lifts the delays after wrong passwords.
    Unlock,
}

impl LinkPurpose {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::ChangeEmail,
        Self::ObjectEmail,
        Self::Unlock,
    ];
    /// What ends with a password: whoever knew it may have asked for them. The objection to a change of address stays, since the
    /// same person would otherwise get rid of it.
    pub(crate) const ENDED_BY_PASSWORD: [Self; 3] = [Self::ResetPassword, Self::ChangeEmail, Self::Unlock];
    /// What was mailed to an address that is not the account's any more.
    pub(crate) const ENDED_BY_ADDRESS: [Self; 4] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::ChangeEmail,
        Self::Unlock,
    ];

    /// The stable word for stores and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::ObjectEmail => "object_email",
            Self::Unlock => "unlock",
        }
    }
    /// Reads the stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// What is kept of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// SHA-256 of its token.
    pub hash: TokenHash,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Whose account.
    pub user_id: UserId,
    /// What it is good for.
    pub purpose: LinkPurpose,
    /// The address that it is about.
    pub address: Email,
    /// Its end.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Links, one a user and purpose at most.
#[async_trait]
pub trait LinkRepo: Send {
    /// Adds one, in the place of the user's other one of the same purpose.
    async fn put(&mut self, link: &Link) -> Result<(), PortError>;
    /// The link, over or not.
    async fn find(
        &mut self,
        organization: OrganizationId,
        hash: &TokenHash,
    ) -> Result<Option<Link>, PortError>;
    /// The user's link of a purpose, over or not.
    async fn of_user(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purpose: LinkPurpose,
    ) -> Result<Option<Link>, PortError>;
    /// Uses a link up: `true` for one caller.
    async fn spend(&mut self, organization: OrganizationId, hash: &TokenHash) -> Result<bool, PortError>;
    /// Removes the user's links of these purposes; how many.
    async fn end(
        &mut self,
        organization: OrganizationId,
        user: UserId,
        purposes: &[LinkPurpose],
    ) -> Result<u64, PortError>;
}

/// The link does not exist, is of another purpose, was used, or is over; or its account may not be used. The answer does not say
/// which, the log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link is not valid any more; ask for a new one")]
pub struct LinkInvalid {
    pub(crate) reason: &'static str,
    pub(crate) user: Option<UserId>,
}

impl LinkInvalid {
    /// Whoever has no link may not do what it is for.
    pub fn class(&self) -> Class {
        Class::Forbidden
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        "link_invalid"
    }
    pub(crate) fn of(user: UserId, reason: &'static str) -> Self {
        Self {
            reason,
            user: Some(user),
        }
    }
}

/// A fresh token, for the mail alone.
pub(crate) fn fresh(entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.expose(), &mut text);
    Secret::new(text)
}

/// Makes a link for `user` about `address`.
pub(crate) async fn issue<C>(
    work: &mut Work<'_, C>,
    user: &User,
    purpose: LinkPurpose,
    address: &Email,
    life: Duration,
) -> Result<Secret<String>, PortError> {
    let token = fresh(work.env.entropy);
    let now = work.now();
    let link = Link {
        id: LinkId::generate(work.env.clock, work.env.entropy),
        hash: TokenHash::of(token.expose()),
        organization_id: user.organization_id,
        user_id: user.id,
        purpose,
        address: address.clone(),
        expires_at: now.plus(life),
        created_at: now,
    };
    work.tx.links().put(&link).await?;
    Ok(token)
}

/// The link of a presented token and its account, if it is good for `purpose` now. It is not used up by this.
pub(crate) async fn look_up<C, E>(
    work: &mut Work<'_, C>,
    token: &Secret<String>,
    purpose: LinkPurpose,
) -> Result<(Link, User), E>
where
    E: From<PortError> + From<LinkInvalid>,
{
    let organization = work.ctx.organization_id;
    let hash = TokenHash::of(token.expose());
    let unknown = LinkInvalid {
        reason: "unknown_link",
        user: None,
    };
    let link = work.tx.links().find(organization, &hash).await?.ok_or(unknown)?;
    let refused = |reason| LinkInvalid::of(link.user_id, reason);
    if link.purpose != purpose {
        return Err(refused("link_of_another_purpose").into());
    }
    if work.now() >= link.expires_at {
        return Err(refused("expired_link").into());
    }
    let user = work.tx.users().find(organization, link.user_id).await?;
    let user = user.ok_or_else(|| refused("deleted"))?;
    Ok((link, user))
}

/// Uses it up, for one caller.
pub(crate) async fn spend<C, E>(work: &mut Work<'_, C>, link: &Link) -> Result<(), E>
where
    E: From<PortError> + From<LinkInvalid>,
{
    if work.tx.links().spend(link.organization_id, &link.hash).await? {
        Ok(())
    } else {
        Err(LinkInvalid::of(link.user_id, "used_link").into())
    }
}

/// Ends the user's links of these purposes, mailed or not.
pub(crate) async fn end<C>(
    work: &mut Work<'_, C>,
    user: UserId,
    purposes: &[LinkPurpose],
) -> Result<(), PortError> {
    let organization = work.ctx.organization_id;
    work.tx.links().end(organization, user, purposes).await?;
    work.tx.mail().recall(organization, user, purposes).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use vutf_kernel::OsEntropy;

    use super::*;

    #[test]
    fn purposes_are_read_as_they_are_written() {
        for purpose in LinkPurpose::ALL {
            assert_eq!(LinkPurpose::parse(purpose.as_str()), Some(purpose));
        }
        assert_eq!(LinkPurpose::parse("anything"), None);
    }

    #[test]
    fn a_token_has_256_bits_and_no_two_are_alike() {
        let (one, two) = (fresh(&mut OsEntropy), fresh(&mut OsEntropy));
        let random = one.expose().strip_prefix(PREFIX).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
        assert!(one != two);
    }
}
