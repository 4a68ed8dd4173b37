//! Whoever was erased learns it by the receipt of their request, and gets the certificate over the signature of the log.

use vutf_audit::CheckpointSigner;
use vutf_identity::erasure_request::{
    ErasureRequest,
    receipt::{ReceiptError, by_receipt},
};
use vutf_kernel::{Ctx, Secret};

use super::{Certificate, Erasure};
use crate::statement::{self, Subject};

/// What became of a request.
#[derive(Clone, Debug)]
pub struct RequestOutcome {
    /// The request.
    pub request: ErasureRequest,
    /// The certificate and the signed statement that says the same; `None` before it is done.
    pub certificate: Option<(Certificate, String)>,
}

impl Erasure<'_> {
    /// The outcome of the request with this receipt. To see it is an event, recorded before the answer.
    pub async fn by_receipt(
        &self,
        ctx: &Ctx,
        signer: &dyn CheckpointSigner,
        receipt: Secret<String>,
    ) -> Result<RequestOutcome, ReceiptError> {
        let request = by_receipt(ctx, self.identity, receipt).await?;
        let done = match request.done_at {
            Some(_) => {
                self.reader
                    .certificate_of(request.organization_id, request.user_id)
                    .await?
            }
            None => None,
        };
        let certificate = match done {
            Some(certificate) => {
                let statement = statement::sign(signer, Subject::Erasure, &lines(&certificate))?;
                Some((certificate, statement))
            }
            None => None,
        };
        Ok(RequestOutcome { request, certificate })
    }
}

fn lines(certificate: &Certificate) -> Vec<String> {
    let mut lines = vec![
        format!("event {}", certificate.event_id),
        format!("organization {}", certificate.organization_id),
        format!("person {}", certificate.subject_id),
        format!("erased-at {}", certificate.erased_at.rfc3339()),
        format!("reason {}", certificate.reason.as_str()),
    ];
    let keys = certificate.keys.iter();
    lines.extend(keys.map(|key| {
        format!(
            "key {} version {} fingerprint {}",
            key.id, key.version, key.fingerprint
        )
    }));
    let rows = certificate.rows.iter();
    lines.extend(rows.map(|(table, rows)| format!("rows {table} {rows}")));
    lines
}
