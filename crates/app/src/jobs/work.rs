//! What a job looks at, and what it writes: one shape for its three kinds.

use std::sync::Arc;

use vutf_crypto_keys::{
    DataKeyPlan, KeyRecord, KeyState, KeysTx, Purpose, Rewrap,
    job::{
        BATCH, Cursor, IndexChange, Job, JobKind, Lineage, Moved, RowChange, SealedColumn, SealedTable,
        Wanted, indexed, protected, reindex, reseal,
    },
    rewrap::{commit_data_key_rewrap, plan_data_key_rewrap},
};
use vutf_identity::{Email, Username};
use vutf_kernel::{Ctx, Env, OrganizationId, PortError, Secret, Timestamp};

use super::{Jobs, JobsError};
use crate::UnitOfWork;

/// What a job looks through, as the keys are now.
pub(super) enum Work {
    Reencrypt {
        tables: Vec<&'static SealedTable>,
        purpose: Purpose,
        lineage: Lineage,
    },
    Rewrap {
        target: Arc<KeyRecord>,
        /// Oldest first, so that a place in it stays the same place when one more is added.
        older: Vec<KeyRecord>,
    },
    Reindex {
        table: &'static SealedTable,
        column: &'static SealedColumn,
        lineage: Lineage,
    },
}

/// The rows of a batch, computed, and not written yet.
pub(super) struct Prepared {
    pub(super) moved: Moved,
    pub(super) first: String,
    pub(super) last: String,
    changes: Changes,
}

enum Changes {
    Fields(&'static SealedTable, Vec<RowChange>),
    Keys(Arc<KeyRecord>, Vec<Rewrap>),
    Indexes(&'static SealedTable, &'static SealedColumn, Vec<IndexChange>),
}

/// What lies after a cursor.
pub(super) enum Next {
    /// Rows to be written.
    Batch(Box<Prepared>),
    /// Nothing up to here.
    Nothing(Cursor),
    /// Nothing at all.
    End,
}

impl Work {
    /// When the newest version began to protect.
    pub(super) fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Reencrypt { lineage, .. } | Self::Reindex { lineage, .. } => lineage.since,
            Self::Rewrap { target, .. } => target.activated_at,
        }
    }

    /// The newest version.
    pub(super) fn version(&self) -> u32 {
        match self {
            Self::Reencrypt { lineage, .. } | Self::Reindex { lineage, .. } => lineage.version,
            Self::Rewrap { target, .. } => target.version,
        }
    }
}

impl Jobs<'_> {
    /// What there is to look through, as the keys are now.
    pub(super) async fn work(&self, job: &Job) -> Result<Work, JobsError> {
        let organization = job.organization_id;
        let tables = self.rows.sealed_tables();
        let unknown = || JobsError::NothingSealed(job.kind.purpose().clone());
        match &job.kind {
            JobKind::Reencrypt { purpose } => Ok(Work::Reencrypt {
                tables: protected(tables, purpose),
                purpose: purpose.clone(),
                lineage: self.keys.keyring.lineage(organization, purpose)?,
            }),
            JobKind::Reindex { purpose } => {
                let (table, column) = indexed(tables, purpose).ok_or_else(unknown)?;
                let lineage = self.keys.keyring.lineage(organization, purpose)?;
                Ok(Work::Reindex {
                    table,
                    column,
                    lineage,
                })
            }
            JobKind::Rewrap => {
                let mut all = self.keys.reader.list_tenant_keys(Some(organization)).await?;
                all.sort_by_key(|record| record.version);
                let newest = all.iter().rposition(|record| record.state == KeyState::Active);
                let target = all.swap_remove(newest.ok_or_else(unknown)?);
                all.retain(|record| record.version < target.version && record.state != KeyState::Destroyed);
                all.sort_by_key(|record| record.version);
                Ok(Work::Rewrap {
                    target: Arc::new(target),
                    older: all,
                })
            }
        }
    }

    /// How many rows there are to do in the next part after `cursor`, and where the part after that begins.
    pub(super) async fn count(
        &self,
        organization: OrganizationId,
        work: &Work,
        cursor: Cursor,
    ) -> Result<Option<(u64, Cursor)>, JobsError> {
        let place = usize::from(cursor.table);
        let (count, reached) = match work {
            Work::Reencrypt {
                tables,
                purpose,
                lineage,
            } => {
                let Some(table) = tables.get(place) else {
                    return Ok(None);
                };
                let wanted = wanted(organization, table, purpose, lineage);
                self.rows.count_under(wanted, cursor.after).await?
            }
            Work::Rewrap { older, .. } => {
                let Some(parent) = older.get(place) else {
                    return Ok(None);
                };
                let found = self.wrapped_by(parent, cursor, BATCH).await?;
                (found.len() as u64, full(&found, BATCH))
            }
            Work::Reindex {
                table,
                column,
                lineage,
            } => {
                if place > 0 {
                    return Ok(None);
                }
                let rows = self
                    .rows
                    .indexed_before(organization, table, column, lineage.version, cursor.after, BATCH)
                    .await?;
                (rows.rows.len() as u64, rows.reached)
            }
        };
        Ok(Some((count, cursor.after(reached))))
    }

    /// What comes after `cursor`, computed but not written.
    pub(super) async fn prepare(
        &self,
        organization: OrganizationId,
        work: &Work,
        cursor: Cursor,
        limit: u32,
    ) -> Result<Next, JobsError> {
        let place = usize::from(cursor.table);
        match work {
            Work::Reencrypt {
                tables,
                purpose,
                lineage,
            } => {
                let Some(table) = tables.get(place) else {
                    return Ok(Next::End);
                };
                let wanted = wanted(organization, table, purpose, lineage);
                let chunk = self.rows.sealed_under(wanted, cursor.after, limit).await?;
                let next = cursor.after(chunk.reached);
                let (Some(first), Some(last)) = (chunk.rows.first(), chunk.rows.last()) else {
                    return Ok(Next::Nothing(next));
                };
                let range = (first.row.to_string(), last.row.to_string());
                let cells = chunk.rows.iter().flat_map(|row| &row.cells);
                let ciphertexts = cells.map(|(_, bytes)| bytes.as_slice()).collect();
                let keys = self.rows.subject_keys(ciphertexts).await?;
                let entropy = &mut *self.keys.ambient.entropy();
                let plan = reseal(
                    self.keys.keyring,
                    &keys,
                    organization,
                    table,
                    &chunk.rows,
                    entropy,
                )?;
                let moved = moved(chunk.rows.len(), plan.stuck, plan.error, next);
                Ok(batch(moved, range, Changes::Fields(table, plan.changes)))
            }
            Work::Reindex {
                table,
                column,
                lineage,
            } => {
                if place > 0 {
                    return Ok(Next::End);
                }
                let chunk = self
                    .rows
                    .indexed_before(organization, table, column, lineage.version, cursor.after, limit)
                    .await?;
                let next = cursor.after(chunk.reached);
                let (Some(first), Some(last)) = (chunk.rows.first(), chunk.rows.last()) else {
                    return Ok(Next::Nothing(next));
                };
                let range = (first.row.to_string(), last.row.to_string());
                let ciphertexts = chunk.rows.iter().map(|row| row.ciphertext.as_slice());
                let keys = self.rows.subject_keys(ciphertexts.collect()).await?;
                let canonical = |text: &str| canonical(column, text);
                let plan = reindex(
                    self.keys.keyring,
                    &keys,
                    organization,
                    table,
                    column,
                    &chunk.rows,
                    &canonical,
                )?;
                let moved = moved(chunk.rows.len(), plan.stuck, plan.error, next);
                Ok(batch(moved, range, Changes::Indexes(table, column, plan.changes)))
            }
            Work::Rewrap { target, older } => {
                let Some(parent) = older.get(place) else {
                    return Ok(Next::End);
                };
                let found = self.wrapped_by(parent, cursor, limit).await?;
                let next = cursor.after(full(&found, limit));
                let (Some(first), Some(last)) = (found.first(), found.last()) else {
                    return Ok(Next::Nothing(next));
                };
                let range = (first.id.to_string(), last.id.to_string());
                let entropy = &mut *self.keys.ambient.entropy();
                let plan = plan_data_key_rewrap(self.keys.keyring, entropy, target, &found)?;
                let moved = moved(found.len(), plan.refused.len() as u64, refusal(&plan), next);
                Ok(batch(
                    moved,
                    range,
                    Changes::Keys(Arc::clone(target), plan.rewraps),
                ))
            }
        }
    }

    async fn wrapped_by(
        &self,
        parent: &KeyRecord,
        cursor: Cursor,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, PortError> {
        let after = cursor.after.map(vutf_kernel::KeyId::from_uuid);
        self.keys.reader.list_wrapped_by(parent.id, after, limit).await
    }
}

impl Prepared {
    /// Writes the rows, and answers how many were still what was read.
    pub(super) async fn write(
        &self,
        ctx: &Ctx,
        env: &mut Env<'_>,
        unit: &mut dyn UnitOfWork,
    ) -> Result<u64, PortError> {
        let organization = ctx.organization_id;
        match &self.changes {
            Changes::Fields(table, changes) => unit.jobs().reseal(organization, table, changes).await,
            Changes::Indexes(table, column, changes) => {
                unit.jobs().reindex(organization, table, column, changes).await
            }
            Changes::Keys(target, rewraps) => {
                let tx: &mut dyn KeysTx = unit;
                let done = commit_data_key_rewrap(ctx, env, tx, target, rewraps).await?;
                Ok(done.written as u64)
            }
        }
    }
}

fn wanted<'a>(
    organization_id: OrganizationId,
    table: &'a SealedTable,
    purpose: &Purpose,
    lineage: &'a Lineage,
) -> Wanted<'a> {
    Wanted {
        organization_id,
        table,
        subject: purpose.subject_id(),
        keys: &lineage.older,
    }
}

fn moved(found: usize, stuck: u64, error: Option<String>, cursor: Cursor) -> Moved {
    Moved {
        found: found as u64,
        done: 0,
        stuck,
        error,
        cursor,
    }
}

fn batch(moved: Moved, (first, last): (String, String), changes: Changes) -> Next {
    Next::Batch(Box::new(Prepared {
        moved,
        first,
        last,
        changes,
    }))
}

/// How far a list has come that says so by being full.
fn full(found: &[KeyRecord], limit: u32) -> Option<uuid::Uuid> {
    let last = found.last().filter(|_| found.len() == limit as usize);
    last.map(|record| record.id.as_uuid())
}

fn refusal(plan: &DataKeyPlan) -> Option<String> {
    let (id, error) = plan.refused.first()?;
    Some(format!("key {id}: {error}"))
}

/// The form in which two values are the same value, as the identity domain has it.
fn canonical(column: &SealedColumn, text: &str) -> Secret<String> {
    match column.indexed_as {
        Some("username") => Username::from_store(text.to_owned()).canonical(),
        Some("email") => Email::from_store(text.to_owned()).canonical(),
        _ => Secret::new(text.to_owned()),
    }
}
