//! Whoever holds the receipt of a request learns what became of it: it is all that is left to somebody who has no account any more.

use vutf_kernel::{Ctx, Question, Secret};

use super::ErasureRequest;
use crate::{
    Identity, action,
    refresh::TokenHash,
    refusal::use_case_error,
    work::{About, Work},
};

use_case_error! {
    /// Why nothing is shown.
    ReceiptError {
        /// No request has this receipt, or it was taken back.
        NotFound => NotFound, "receipt_not_found", "no request has this receipt; it may have been taken back";
    } {}
}

/// The request with this receipt. It is an event about the person whose it is.
pub async fn by_receipt(
    ctx: &Ctx,
    id: &Identity,
    receipt: Secret<String>,
) -> Result<ErasureRequest, ReceiptError> {
    id.look(ctx, receipt, |work| Box::pin(find(work))).await
}

async fn find(mut work: Work<'_, Secret<String>>) -> Result<ErasureRequest, ReceiptError> {
    let hash = TokenHash::of(work.command.expose());
    let organization = work.ctx.organization_id;
    let found = work.tx.erasure_requests().by_receipt(organization, &hash).await?;
    let request = found.ok_or(ReceiptError::NotFound)?;
    let about = About::user(action::SUBJECT_ERASURE_READ, request.user_id);
    let id = request.user_id.as_uuid();
    let question = Question::all(action::SUBJECT_ERASURE_READ).with("id", Some(id));
    work.shown(&about, &question, &[id]).await?;
    Ok(request)
}
