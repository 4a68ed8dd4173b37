//! What decides whether a key's request may go on.

use std::net::IpAddr;

use vutf_kernel::{ApiKeyId, Grants, OrganizationId, Timestamp, UserId};

use super::{Lookup, Network};
use crate::{UserStatus, refresh::TokenHash, role::CustomRoles};

/// What must be known about a key to let a request through. Read on every request, cached for less than a second.
#[derive(Clone, Debug)]
pub struct ApiKeyStatus {
    /// By which it is found.
    pub lookup: Lookup,
    /// The key.
    pub id: ApiKeyId,
    /// Its tenant.
    pub organization_id: OrganizationId,
    /// Whose it is.
    pub user_id: UserId,
    /// SHA-256 of its secret.
    pub secret: TokenHash,
    /// What it may do, as far as its owner may.
    pub scopes: Grants,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Network>,
    /// Its end.
    pub expires_at: Timestamp,
    /// When it was ended before that.
    pub revoked_at: Option<Timestamp>,
    /// The owner's state now.
    pub owner_status: UserStatus,
    /// Whether the owner was deleted.
    pub owner_deleted: bool,
    /// Names of the owner's roles now.
    pub roles: Vec<String>,
}

impl ApiKeyStatus {
    /// Why a request with this key may not go on at `now`; a word for the log.
    pub(crate) fn obstacle(&self, now: Timestamp, ip: Option<IpAddr>) -> Option<&'static str> {
        if self.revoked_at.is_some() {
            Some("api_key_revoked")
        } else if now >= self.expires_at {
            Some("api_key_expired")
        } else if self.owner_deleted || self.owner_status != UserStatus::Active {
            Some("api_key_owner_barred")
        } else if !self.is_used_from(ip) {
            Some("api_key_wrong_network")
        } else {
            None
        }
    }
    /// What it may do now: what it was given, as far as the roles of its owner go.
    pub fn grants(&self, known: &CustomRoles) -> Grants {
        self.scopes.within(&known.grants(&self.roles))
    }
    /// An address that is not known is in no network.
    fn is_used_from(&self, ip: Option<IpAddr>) -> bool {
        self.networks.is_empty()
            || ip.is_some_and(|ip| self.networks.iter().any(|network| network.contains(ip)))
    }
}
