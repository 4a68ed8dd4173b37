//! What a compromised key protects is written anew without anybody asking.

use vutf_crypto_keys::{
    KeyRecord, Purpose,
    due::to_reencrypt,
    job::{Job, JobKind},
};
use vutf_identity::role::permission;
use vutf_kernel::{Ctx, Timestamp};

use super::{Jobs, JobsError, LISTED, NewJob, require};

impl Jobs<'_> {
    /// Starts a job for each key of `ctx`'s organization that is compromised and still read, unless there has been one since:
    /// what became of that one is for a person to judge. Answers the jobs that it started. Call it under a lease.
    ///
    /// Of what no job can mend (signatures, MACs, the audit log) nothing is started.
    pub async fn mend_compromised(&self, ctx: &Ctx) -> Result<Vec<Job>, JobsError> {
        require(ctx, &permission::KEYS_MANAGE)?;
        let home = ctx.organization_id;
        let records = self.keys.reader.list(Some(home)).await?;
        let keysets = self.keys.reader.keysets(Some(home)).await?;
        let purposes = to_reencrypt(&records, &keysets);
        let kinds: Vec<(JobKind, Timestamp)> = purposes
            .into_iter()
            .filter_map(|(_, purpose)| Some((mending(&purpose)?, compromised_at(&records, &purpose)?)))
            .filter(|(kind, _)| self.admit(kind).is_ok())
            .collect();
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.reader.jobs(home, LISTED).await?;
        let mut started = Vec::new();
        for (kind, since) in kinds {
            let tried =
                |job: &Job| job.kind == kind && (job.stamps.created_at >= since || !job.state.is_over());
            if known.iter().any(tried) {
                continue;
            }
            let new = NewJob {
                kind,
                rows_per_second: None,
            };
            match self.start(ctx, new).await {
                Ok(job) => started.push(job),
                // Somebody else was faster.
                Err(JobsError::UnderWay) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(started)
    }
}

/// The work that frees data from older versions of a key; `None` when there is no such work.
fn mending(purpose: &Purpose) -> Option<JobKind> {
    let word = match purpose {
        Purpose::Field { .. } | Purpose::Subject { .. } => "reencrypt",
        Purpose::Index { .. } => "reindex",
        Purpose::Tenant => "rewrap",
        Purpose::TokenSigning
        | Purpose::CheckpointSigning
        | Purpose::Mac { .. }
        | Purpose::Service { .. } => return None,
    };
    JobKind::parse(word, purpose.clone()).ok()
}

/// When the last of the purpose's keys was found to be compromised.
fn compromised_at(records: &[KeyRecord], purpose: &Purpose) -> Option<Timestamp> {
    records
        .iter()
        .filter(|record| record.purpose == *purpose)
        .filter(|record| record.state == vutf_crypto_keys::KeyState::Compromised)
        .map(|record| record.state_changed_at)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_can_mend_has_one() {
        for (purpose, kind) in [
            ("field:users", Some("reencrypt")),
            ("index:users.email", Some("reindex")),
            ("tenant", Some("rewrap")),
            ("token-signing", None),
            ("mac:cursor", None),
            ("encrypt:orders", None),
        ] {
            let found = mending(&purpose.parse().unwrap());
            assert_eq!(found.as_ref().map(JobKind::as_str), kind, "{purpose}");
        }
    }
}
