use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_app::export::{Exported, ExportedPart};
use vutf_identity::action;

use crate::http::{
    problem::Problem,
    request::Caller,
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/me/export",
    access: Access::Session,
    action: action::SUBJECT_EXPORT,
    rate: RateClass::Export,
    doc: Doc::new(
        "me",
        "Take out all that is held about oneself, with a signed statement of what that is and what is left out",
    )
    .answers::<ExportBody>(200),
};

/// All that is held about somebody.
#[derive(Serialize, ToSchema)]
#[schema(as = PersonalDataExport)]
pub(crate) struct ExportBody {
    /// Who.
    subject_id: Uuid,
    /// Their tenant.
    organization_id: Uuid,
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    exported_at: String,
    /// By table: its rows, the newest first.
    #[schema(value_type = Object)]
    parts: BTreeMap<&'static str, Value>,
    /// What the parts are, and what is not in them.
    manifest: ManifestBody,
    /// The newest checkpoint of the audit log at that time; `null` before the first.
    checkpoint: Option<String>,
    /// The manifest and the digest of the checkpoint, signed by the key of the checkpoints: a C2SP signed note.
    statement: String,
    /// Where the lines of the audit log are that touch the person.
    #[schema(example = "/api/v1/me/audit")]
    audit: &'static str,
}

/// What an export is made of. Every place of the database that can refer to a person is in one of the lists.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportManifest)]
pub(crate) struct ManifestBody {
    /// What is exported.
    parts: Vec<ManifestPart>,
    /// Tables that are not, each with the reason.
    left_out: Vec<LeftOutBody>,
    /// Columns by which rows about somebody or something else name the person.
    mentions: Vec<MentionBody>,
}

/// A part.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportPart)]
pub(crate) struct ManifestPart {
    /// The table.
    table: &'static str,
    /// Rows in the export: at most 1,000.
    rows: usize,
    /// Rows that there are. Where it is more, the routes under `/api/v1/me` show the rest.
    total: u64,
    /// SHA-256 of the part in canonical form (RFC 8785), in hex.
    sha256: String,
    /// Columns that are not in it, each with the reason.
    withheld: BTreeMap<&'static str, &'static str>,
}

/// A table that is left out.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportLeftOut)]
pub(crate) struct LeftOutBody {
    /// The table.
    table: &'static str,
    /// Why.
    reason: &'static str,
    /// Rows that refer to the person; `null` where not even that may be told.
    rows: Option<u64>,
}

/// Where else somebody is named.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportMention)]
pub(crate) struct MentionBody {
    /// The table.
    table: &'static str,
    /// The column.
    column: &'static str,
    /// How many rows; counted up to 10,000.
    rows: u64,
}

pub(crate) async fn handle(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let exported = state.export().export(&caller).await?;
    let body = ExportBody::new(exported).map_err(Problem::internal)?;
    let name = format!("attachment; filename=\"export-{}.json\"", body.subject_id);
    Ok(HttpResponse::Ok()
        .insert_header(("content-disposition", name))
        .json(body))
}

impl ExportBody {
    fn new(exported: Exported) -> Result<Self, serde_json::Error> {
        let mut parts = BTreeMap::new();
        for part in &exported.parts {
            // The one place where what is personal leaves its custody: it is the caller's own.
            parts.insert(part.part.table, serde_json::from_str(part.json.expose())?);
        }
        Ok(Self {
            subject_id: exported.person.as_uuid(),
            organization_id: exported.organization_id.as_uuid(),
            exported_at: exported.at.rfc3339(),
            parts,
            manifest: ManifestBody::new(&exported),
            checkpoint: exported.checkpoint,
            statement: exported.statement,
            audit: "/api/v1/me/audit",
        })
    }
}

impl ManifestBody {
    fn new(exported: &Exported) -> Self {
        let part = |ExportedPart { part, sha256, .. }: &ExportedPart| ManifestPart {
            table: part.table,
            rows: part.rows.len(),
            total: part.total,
            sha256: sha256.clone(),
            withheld: part.withheld.iter().copied().collect(),
        };
        let left_out = exported.left_out.iter().map(|left| LeftOutBody {
            table: left.table,
            reason: left.reason,
            rows: left.rows,
        });
        let mentions = exported.mentions.iter().map(|mention| MentionBody {
            table: mention.table,
            column: mention.column,
            rows: mention.rows,
        });
        Self {
            parts: exported.parts.iter().map(part).collect(),
            left_out: left_out.collect(),
            mentions: mentions.collect(),
        }
    }
}
