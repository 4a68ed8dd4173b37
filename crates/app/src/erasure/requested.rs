//! Carries out what persons asked for themselves, once they had time to think better of it.
//!
//! A request ends in the transaction that erases its person: whoever dies before the commit has done nothing, and the next round finds
//! the request as it was. What cannot be done now (a legal hold, the last super administrator) is put off and told in the log, so that it
//! keeps nobody else waiting.

use std::time::Duration;

use async_trait::async_trait;
use vutf_identity::{
    erasure_request::{
        ErasureRequest,
        due::{DueError, due, postpone},
    },
    user::erase::EraseError,
};
use vutf_kernel::{Ctx, OrganizationId, PortError, UseCaseError as _, UserId};

use super::{Erase, Erasure, Reason};

/// Requests of a round.
const BATCH: u32 = 20;
/// When what cannot be done now is looked at again.
const PUT_OFF: Duration = Duration::from_hours(24);
/// Why a request waits whose person is under a legal hold.
const HELD: &str = "legal_hold";

/// Whether something obliges to keep a person's data (GDPR Art. 17 (3) (e)).
#[async_trait]
pub trait Held: Send + Sync {
    /// Whether a legal hold is about them.
    async fn is_held(&self, organization: OrganizationId, person: UserId) -> Result<bool, PortError>;
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Persons who were erased.
    pub erased: u64,
    /// Requests that were put off.
    pub postponed: u64,
    /// Whether there may be more.
    pub more: bool,
}

impl Erasure<'_> {
    /// One round: at most 20 requests whose time has come, each in its own transaction. Only for the service and the operator of the
    /// machine.
    pub async fn carry_out(&self, ctx: &Ctx, holds: &dyn Held) -> Result<Carried, DueError> {
        let requests = due(ctx, self.identity, BATCH).await?;
        let mut carried = Carried {
            more: u32::try_from(requests.len()).is_ok_and(|length| length == BATCH),
            ..Carried::default()
        };
        for request in requests {
            if self.carry_out_one(ctx, holds, request).await? {
                carried.erased += 1;
            } else {
                carried.postponed += 1;
            }
        }
        Ok(carried)
    }

    /// Whether its person was erased.
    async fn carry_out_one(
        &self,
        ctx: &Ctx,
        holds: &dyn Held,
        request: ErasureRequest,
    ) -> Result<bool, DueError> {
        let (organization_id, person) = (request.organization_id, request.user_id);
        if holds.is_held(organization_id, person).await? {
            self.put_off(ctx, request, HELD).await?;
            return Ok(false);
        }
        let ctx = Ctx {
            organization_id,
            ..ctx.clone()
        };
        let command = Erase {
            user_id: person,
            expected_version: None,
            reason: Reason::Request,
            reference: None,
        };
        match self.erase(&ctx, command).await {
            Ok(_certificate) => Ok(true),
            Err(EraseError::Port(error)) => Err(error.into()),
            Err(refused) => {
                debug_assert!(refused.port().is_none(), "a port's failure is no refusal");
                self.put_off(&ctx, request, refused.code()).await?;
                Ok(false)
            }
        }
    }

    async fn put_off(
        &self,
        ctx: &Ctx,
        request: ErasureRequest,
        reason: &'static str,
    ) -> Result<(), DueError> {
        let until = self.identity.ambient.now().plus(PUT_OFF);
        postpone(ctx, self.identity, request, until, reason).await
    }
}
