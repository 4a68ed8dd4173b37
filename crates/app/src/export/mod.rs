//! A person takes out all that is held about them (GDPR Art. 15, Art. 20), with what shows that it is all.
//!
//! What is exported is not chosen here: the store goes through its own classification of every column of every table, which a test holds
//! against the schema. So each place that can refer to a person is either in the export, or named with the reason why not. A statement
//! over the signature of the log repeats the digest of each part, and what was left out.
//!
//! It is bounded: of each table at most [`ROWS`] rows, the newest, and the number of all of them. Where there are more, the routes of
//! the table's own show the rest, page by page.

mod statement;

use async_trait::async_trait;
use vutf_audit::{CheckpointSigner, tree::TreeReader};
use vutf_identity::{
    Identity,
    user::export::{self, ExportOwnError},
};
use vutf_kernel::{Ctx, OrganizationId, PortError, Secret, Timestamp, UserId};

/// Rows of a table in one export.
pub const ROWS: u32 = 1_000;

/// What stands in a cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// What was sealed: about the person.
    Personal(Secret<String>),
    /// A word, or an id.
    Word(String),
    /// A number.
    Number(i64),
    /// An instant.
    Time(Timestamp),
}

/// The cells of a row that hold something, by column.
pub type Row = Vec<(&'static str, Cell)>;

/// The rows of a table that are about a person.
#[derive(Clone, Debug)]
pub struct Part {
    /// The table.
    pub table: &'static str,
    /// At most as many as were asked for, the newest first.
    pub rows: Vec<Row>,
    /// How many there are.
    pub total: u64,
    /// Columns that are not in it, each with the reason.
    pub withheld: Vec<(&'static str, &'static str)>,
}

/// A table that is not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The table.
    pub table: &'static str,
    /// Why.
    pub reason: &'static str,
    /// How many of its rows refer to the person; `None` where not even that may be told.
    pub rows: Option<u64>,
}

/// A column of rows that are about somebody or something else, and name the person, such as who changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// How many; counted up to 10,000.
    pub rows: u64,
}

/// All that a store holds about a person.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// What is exported.
    pub parts: Vec<Part>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
    /// Where else they are named.
    pub mentions: Vec<Mention>,
}

/// What a store holds about persons.
#[async_trait]
pub trait PersonalData: Send + Sync {
    /// All about one; of each table at most `limit` rows.
    async fn holdings(
        &self,
        organization: OrganizationId,
        person: UserId,
        limit: u32,
    ) -> Result<Holdings, PortError>;
}

/// The handles that an export needs.
pub struct Export<'a> {
    /// Who asks.
    pub identity: &'a Identity,
    /// What is held.
    pub holdings: &'a dyn PersonalData,
    /// The log, for its checkpoint.
    pub log: &'a dyn TreeReader,
    /// Signs.
    pub signer: &'a dyn CheckpointSigner,
}

/// A part as it is handed out.
#[derive(Clone, Debug)]
pub struct ExportedPart {
    /// The part.
    pub part: Part,
    /// Its rows in canonical JSON (RFC 8785): a list of objects.
    pub json: Secret<String>,
    /// SHA-256 of that, in hex.
    pub sha256: String,
}

/// What a person takes out.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Who.
    pub person: UserId,
    /// Their tenant.
    pub organization_id: OrganizationId,
    /// When it was read.
    pub at: Timestamp,
    /// What is held.
    pub parts: Vec<ExportedPart>,
    /// What is held and not handed out.
    pub left_out: Vec<LeftOut>,
    /// Where else they are named.
    pub mentions: Vec<Mention>,
    /// The newest checkpoint of the log: the lines about them that the log had by then are under it.
    pub checkpoint: Option<String>,
    /// Digests, numbers and reasons, signed.
    pub statement: String,
}

impl Export<'_> {
    /// Exports all about the caller, who has proved lately who they are. It is an event, which has the digest of the statement, and they
    /// are told by mail.
    pub async fn export(&self, ctx: &Ctx) -> Result<Exported, ExportOwnError> {
        let done = self.read(ctx).await;
        export::audited(ctx, self.identity, done).await
    }

    async fn read(&self, ctx: &Ctx) -> Result<Exported, ExportOwnError> {
        let person = export::admit(ctx, self.identity).await?;
        let at = self.identity.ambient.now();
        let held = self.holdings.holdings(ctx.organization_id, person, ROWS).await?;
        let checkpoint = self.log.latest().await?.map(|latest| latest.note);
        let exported = Exported {
            person,
            organization_id: ctx.organization_id,
            at,
            parts: held.parts.into_iter().map(statement::handed_out).collect(),
            left_out: held.left_out,
            mentions: held.mentions,
            checkpoint,
            statement: String::new(),
        };
        let statement = statement::sign(self.signer, &exported)?;
        let digest = statement::sha256(statement.as_bytes());
        export::note(ctx, self.identity, person, digest).await?;
        Ok(Exported {
            statement,
            ..exported
        })
    }
}
