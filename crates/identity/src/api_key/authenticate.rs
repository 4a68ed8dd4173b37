//! Who a key stands for, and whether it may still act.

use std::{net::IpAddr, sync::Arc};

use subtle::ConstantTimeEq;
use vutf_kernel::{
    Actor, ApiKeyId, Bounds, Class, Ctx, Grants, OrganizationId, Origin, PortError, Receipt, RequestId,
    UserId,
};

use super::{ApiKeyStatus, Lookup, Token, token::Misformed};
use crate::{Identity, policy, role};

/// A program with a key that is good.
#[derive(Clone, Debug)]
pub struct KeyCaller {
    /// The tenant.
    pub organization_id: OrganizationId,
    /// For whom it acts.
    pub user_id: UserId,
    /// The key.
    pub key_id: ApiKeyId,
    /// What the key may do now.
    pub grants: Grants,
    /// What policies take away from that.
    pub bounds: Bounds,
}

impl KeyCaller {
    /// The context of a request by this program. It has proved nothing of a person.
    pub fn ctx(&self, request_id: RequestId, origin: Origin) -> Ctx {
        Ctx {
            // A key is bound to networks, not to where it was used before.
            moved: false,
            organization_id: self.organization_id,
            actor: Actor::ApiKey {
                user_id: self.user_id,
                key_id: self.key_id,
            },
            request_id,
            assurance: None,
            grants: self.grants.clone(),
            bounds: self.bounds.clone(),
            origin,
            receipt: Receipt::default(),
        }
    }
}

/// Why a key was refused: for the log. Whoever presents it is told the same whatever it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRefusal {
    /// A stable word.
    pub reason: &'static str,
    /// The part of the key that is no secret, if it has the form of a key.
    pub lookup: Option<Lookup>,
    /// Which key has that lookup, and whose it is.
    pub key: Option<(ApiKeyId, UserId)>,
}

/// Why a request with a key is not let through.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// Malformed, unknown, wrong, ended, of an owner who is barred, or from a wrong place: the answer does not say which.
    #[error("the API key is not valid")]
    Refused(Box<KeyRefusal>),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ApiKeyError {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused(_) => Class::Unauthenticated,
            Self::Port(error) => error.class(),
        }
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "invalid_api_key",
            Self::Port(error) => crate::refusal::port_code(error),
        }
    }
}

/// Checks a key and its owner. Rights are what the key was given and its owner's roles grant now.
pub async fn authenticate(
    id: &Identity,
    presented: &str,
    ip: Option<IpAddr>,
) -> Result<KeyCaller, ApiKeyError> {
    let token = Token::parse(presented).map_err(|misformed| {
        let reason = match misformed {
            Misformed::Shape => "api_key_malformed",
            Misformed::Checksum => "api_key_checksum",
        };
        refused(reason, None, None)
    })?;
    let lookup = Some(token.lookup);
    let Some(status) = status(id, token.lookup).await? else {
        return Err(refused("api_key_unknown", lookup, None));
    };
    let which = Some((status.id, status.user_id));
    // Before anything that tells of the key's state.
    if !bool::from(status.secret.0.ct_eq(&token.hash().0)) {
        return Err(refused("api_key_wrong_secret", lookup, which));
    }
    if let Some(reason) = status.obstacle(id.ambient.now(), ip) {
        return Err(refused(reason, lookup, which));
    }
    let (organization, roles) = (status.organization_id, &status.roles);
    let known = role::present(id, organization, roles).await?;
    let bounds = policy::bounds(id, organization, roles, &known, id.ambient.now()).await?;
    Ok(KeyCaller {
        bounds,
        organization_id: status.organization_id,
        user_id: status.user_id,
        key_id: status.id,
        grants: status.grants(&known),
    })
}

fn refused(reason: &'static str, lookup: Option<Lookup>, key: Option<(ApiKeyId, UserId)>) -> ApiKeyError {
    ApiKeyError::Refused(Box::new(KeyRefusal { reason, lookup, key }))
}

async fn status(id: &Identity, lookup: Lookup) -> Result<Option<Arc<ApiKeyStatus>>, PortError> {
    if let Some(status) = id.sessions.fetch_key(lookup) {
        return Ok(Some(status));
    }
    let mark = id.sessions.mark();
    let status = id.store.api_key_status(lookup).await?.map(Arc::new);
    if let Some(status) = &status {
        id.sessions.put_key(status.clone(), mark);
    }
    Ok(status)
}
