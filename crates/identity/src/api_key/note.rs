//! Notes when and from where a key was used.

use vutf_kernel::PortError;

use super::{NOTED_EVERY, repo::KeyUse};
use crate::Identity;

/// Notes a use, unless one was noted within the last minute, by whichever replica. What was done with the key is in the log; this is
/// for its owner, so that a key that nobody uses is found. It is not to be waited for by a request.
pub async fn note_use(id: &Identity, used: KeyUse) -> Result<bool, PortError> {
    id.transact(|tx, _| {
        let used = used.clone();
        Box::pin(async move {
            let since = used.at.minus(NOTED_EVERY);
            tx.api_keys().note_use(&used, since).await
        })
    })
    .await
}
