//! The requests whose time has come, for whoever carries them out; and those that cannot be carried out now.

use vutf_kernel::{Ctx, Detail, Outcome, Timestamp};

use super::ErasureRequest;
use crate::{
    Identity, action,
    refusal::use_case_error,
    work::{About, Work},
};

use_case_error! {
    /// Why no request is handed out.
    DueError {
        /// Only the service and the operator of the machine may do this.
        NotAllowed => Forbidden, "operator_only", "only the service itself and its operator may do this";
    } {}
}

/// At most `limit` requests of all tenants, the longest due first. The service asks itself: it is no event.
pub async fn due(ctx: &Ctx, id: &Identity, limit: u32) -> Result<Vec<ErasureRequest>, DueError> {
    permitted(ctx)?;
    id.run(ctx, limit, |work| Box::pin(find(work))).await
}

fn permitted(ctx: &Ctx) -> Result<(), DueError> {
    if ctx.is_trusted() {
        Ok(())
    } else {
        Err(DueError::NotAllowed)
    }
}

async fn find(work: Work<'_, u32>) -> Result<Vec<ErasureRequest>, DueError> {
    let (now, limit) = (work.now(), *work.command);
    Ok(work.tx.erasure_requests().due(now, limit).await?)
}

/// What keeps a request from being carried out, and until when.
#[derive(Clone, Debug)]
struct Obstacle {
    request: ErasureRequest,
    until: Timestamp,
    reason: &'static str,
}

/// Puts a request off until `until`; the log says why.
pub async fn postpone(
    ctx: &Ctx,
    id: &Identity,
    request: ErasureRequest,
    until: Timestamp,
    reason: &'static str,
) -> Result<(), DueError> {
    permitted(ctx)?;
    let ctx = Ctx {
        organization_id: request.organization_id,
        ..ctx.clone()
    };
    let obstacle = Obstacle {
        request,
        until,
        reason,
    };
    id.run(&ctx, obstacle, |work| Box::pin(put_off(work))).await
}

async fn put_off(mut work: Work<'_, Obstacle>) -> Result<(), DueError> {
    let obstacle = work.command.clone();
    let request = &obstacle.request;
    let requests = work.tx.erasure_requests();
    let (organization, user) = (request.organization_id, request.user_id);
    if !requests.postpone(organization, user, obstacle.until).await? {
        return Ok(());
    }
    let about = About::user(action::ERASURE_POSTPONE, user);
    let until = obstacle.until.rfc3339();
    let outcome = Outcome::refused(obstacle.reason);
    work.raise(&about, outcome, |event| {
        event.detail("until", Detail::Text(until))
    })
    .await?;
    Ok(())
}
