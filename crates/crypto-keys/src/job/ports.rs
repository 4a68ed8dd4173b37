//! What the jobs need from a store.

use async_trait::async_trait;
use uuid::Uuid;
use vutf_kernel::{JobId, KeyId, Lease, OrganizationId, PortError, UserId};

use super::Job;
use crate::{BlindIndex, SubjectKeys};

/// A table that holds ciphertexts of this crate, as its store declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedTable {
    /// Its name: the one that [`crate::FieldRef::table`] binds.
    pub name: &'static str,
    /// Its columns with ciphertexts.
    pub columns: &'static [SealedColumn],
    /// Whether rows are only ever added. Nothing in such a table is written anew.
    pub append_only: bool,
}

/// A column with ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    /// Its name: the one that [`crate::FieldRef::column`] binds.
    pub name: &'static str,
    /// Under which key.
    pub protection: Protection,
    /// The column of [`crate::Purpose::Index`], where a blind index stands beside it.
    pub indexed_as: Option<&'static str>,
}

/// Which key protects a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The table's, [`crate::Purpose::Field`].
    Table,
    /// The person's, [`crate::Purpose::Subject`].
    Subject,
}

/// Which ciphertexts are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Of this tenant.
    pub organization_id: OrganizationId,
    /// In this table.
    pub table: &'a SealedTable,
    /// Of this person only.
    pub subject: Option<UserId>,
    /// Under one of these keys.
    pub keys: &'a [KeyId],
}

/// Some rows in the order of their keys, and how far one has to look no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<T> {
    /// What was found.
    pub rows: Vec<T>,
    /// Everything up to and including this row was looked at; `None`: everything was.
    pub reached: Option<Uuid>,
}

/// The ciphertexts of a row that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The row's primary key.
    pub row: Uuid,
    /// Whose row it is.
    pub subject: Option<UserId>,
    /// Column and ciphertext.
    pub cells: Vec<(&'static str, Vec<u8>)>,
}

/// A row whose blind index is to be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedRow {
    /// The row's primary key.
    pub row: Uuid,
    /// Whose row it is.
    pub subject: Option<UserId>,
    /// The ciphertext of what is indexed.
    pub ciphertext: Vec<u8>,
}

/// What is written to a row: only where the ciphertexts are still the ones that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The row's primary key.
    pub row: Uuid,
    /// Column, ciphertext that was read, ciphertext that takes its place.
    pub cells: Vec<(&'static str, Vec<u8>, Vec<u8>)>,
}

/// The blind index that is written to a row: only where the ciphertext is still the one that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexChange {
    /// The row's primary key.
    pub row: Uuid,
    /// The ciphertext that was read.
    pub ciphertext: Vec<u8>,
    /// The new index.
    pub index: BlindIndex,
}

/// Reads ciphertexts, outside of transactions: each call is bounded, however large the table is.
#[async_trait]
pub trait SealedRows: Send + Sync {
    /// Every table with ciphertexts.
    fn sealed_tables(&self) -> &'static [SealedTable];

    /// Up to `limit` rows after `after` that hold what is wanted.
    async fn sealed_under(
        &self,
        wanted: Wanted<'_>,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Chunk<SealedRow>, PortError>;

    /// How many of some rows after `after` hold what is wanted, and how far it has looked. In an append-only table too.
    async fn count_under(
        &self,
        wanted: Wanted<'_>,
        after: Option<Uuid>,
    ) -> Result<(u64, Option<Uuid>), PortError>;

    /// The persons' keys that `ciphertexts` name.
    async fn subject_keys(&self, ciphertexts: Vec<&[u8]>) -> Result<SubjectKeys, PortError>;

    /// Up to `limit` rows after `after` whose blind index of `column` is of an older version than `version`. Rows whose index
    /// was taken away are left out.
    async fn indexed_before(
        &self,
        organization_id: OrganizationId,
        table: &SealedTable,
        column: &SealedColumn,
        version: u32,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Chunk<IndexedRow>, PortError>;
}

/// Reads jobs, outside of transactions.
#[async_trait]
pub trait JobReader: Send + Sync {
    /// One job.
    async fn job(&self, organization_id: OrganizationId, id: JobId) -> Result<Option<Job>, PortError>;
    /// The newest jobs of an organization, newest first, at most `limit`.
    async fn jobs(&self, organization_id: OrganizationId, limit: u32) -> Result<Vec<Job>, PortError>;
    /// The jobs of all organizations that a replica may work on, oldest first.
    async fn runnable_jobs(&self) -> Result<Vec<Job>, PortError>;
}

/// Jobs and what they write, within a transaction.
#[async_trait]
pub trait JobRepo: Send {
    /// Adds a job; [`vutf_kernel::Fault::Duplicate`] while its organization has one that does the same and is not over.
    async fn insert(&mut self, job: &Job) -> Result<(), PortError>;
    /// One job, kept from changing until the transaction ends.
    async fn find(&mut self, organization_id: OrganizationId, id: JobId) -> Result<Option<Job>, PortError>;
    /// Replaces the job whose version is one less than `job`'s; [`vutf_kernel::Fault::Stale`] otherwise.
    async fn replace(&mut self, job: &Job) -> Result<(), PortError>;
    /// Keeps the lease from being taken over until the transaction ends; [`vutf_kernel::Fault::Stale`] when it was already.
    async fn hold(&mut self, lease: &Lease) -> Result<(), PortError>;
    /// Writes ciphertexts; answers how many rows were as they were read, and so were written.
    async fn reseal(
        &mut self,
        organization_id: OrganizationId,
        table: &SealedTable,
        changes: &[RowChange],
    ) -> Result<u64, PortError>;
    /// Writes blind indexes of one column; answers how many rows were written. [`vutf_kernel::Fault::Duplicate`] when two rows
    /// would have the same index: nothing is written then.
    async fn reindex(
        &mut self,
        organization_id: OrganizationId,
        table: &SealedTable,
        column: &SealedColumn,
        changes: &[IndexChange],
    ) -> Result<u64, PortError>;
}

/// The transaction that a job's batch is given.
pub trait JobsTx: Send {
    /// Jobs, and what they write.
    fn jobs(&mut self) -> &mut dyn JobRepo;
}
