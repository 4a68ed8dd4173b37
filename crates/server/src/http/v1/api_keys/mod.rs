//! API keys of others: those of service accounts, and whatever must be ended.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod view;

use std::time::Duration;

use actix_web::{HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::api_key::{ApiKey, ApiKeyName, MadeApiKey, Network, create::CreateApiKey};
use vutf_kernel::{Permission, Timestamp, UserId};

use crate::http::problem::{Fields, Problem};

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyBody {
    /// Its id.
    id: Uuid,
    /// For whom it acts.
    owner: Uuid,
    /// The eight characters after `vutf_`, by which a key in a log or in a repository is found here.
    #[schema(example = "AbCd0129")]
    lookup: String,
    /// What it is called.
    #[schema(example = "nightly export")]
    name: String,
    /// What it may do, as far as its owner may at the time.
    #[schema(example = json!(["audit:read"]))]
    scopes: Vec<String>,
    /// From where it may be used; empty: from anywhere.
    #[schema(example = json!(["192.0.2.0/24"]))]
    networks: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// Its end.
    #[schema(value_type = String, format = DateTime)]
    expires_at: String,
    /// When it was ended before that.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<String>,
    /// The key that takes its place.
    successor: Option<Uuid>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<String>,
    /// From where.
    last_used_ip: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeApiKey)]
pub(crate) struct MadeBody {
    /// The key itself. It is shown here and nowhere else.
    #[schema(example = "vutf_…")]
    secret: String,
    /// What it is.
    api_key: ApiKeyBody,
}

/// What a key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApiKeyRequest)]
pub(crate) struct CreateRequest {
    /// What it is called; 1 to 64 characters.
    #[schema(example = "nightly export")]
    name: String,
    /// Names of permissions, of those that the owner holds; at least one.
    #[schema(example = json!(["audit:read"]))]
    scopes: Vec<String>,
    /// From where it may be used, at most 16 networks; anywhere by default.
    #[serde(default)]
    #[schema(example = json!(["192.0.2.0/24"]))]
    networks: Vec<String>,
    /// How long it lives; 90 days by default, a year at most.
    #[schema(example = 2_592_000, minimum = 1)]
    expires_in_seconds: Option<u64>,
}

/// How the old key ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateApiKeyRequest)]
pub(crate) struct RotateRequest {
    /// How long the old key lives on; a day by default, a week at most, 0 for not at all.
    #[schema(example = 3_600)]
    overlap_seconds: Option<u64>,
}

impl CreateRequest {
    pub(crate) fn command(self, owner: Option<UserId>) -> Result<CreateApiKey, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", ApiKeyName::parse(&self.name));
        let mut networks = Vec::new();
        for (place, text) in self.networks.iter().enumerate() {
            networks.extend(fields.take(&format!("/networks/{place}"), Network::parse(text)));
        }
        fields.check()?;
        let name = name.ok_or_else(|| Fields::default().into_problem())?;
        Ok(CreateApiKey {
            owner,
            name,
            scopes: self.scopes,
            networks,
            ttl: self.expires_in_seconds.map(Duration::from_secs),
        })
    }
}

impl RotateRequest {
    pub(crate) fn overlap(&self) -> Option<Duration> {
        self.overlap_seconds.map(Duration::from_secs)
    }
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.as_uuid(),
            owner: key.user_id.as_uuid(),
            lookup: key.lookup.as_str().to_owned(),
            name: key.name.expose().to_owned(),
            scopes: key
                .scopes
                .iter()
                .map(Permission::as_str)
                .map(str::to_owned)
                .collect(),
            networks: key.networks.iter().map(Network::to_string).collect(),
            created_at: key.stamps.created_at.rfc3339(),
            expires_at: key.expires_at.rfc3339(),
            revoked_at: key.revoked_at.map(Timestamp::rfc3339),
            successor: key.successor_id.map(|id| id.as_uuid()),
            last_used_at: key.last_used_at.map(Timestamp::rfc3339),
            last_used_ip: key.last_used_ip.map(|ip| ip.expose().clone()),
        }
    }
}

/// 201 with the key and its secret: the one place where the secret leaves its custody.
pub(crate) fn made(made: MadeApiKey, place: &str) -> HttpResponse {
    HttpResponse::Created()
        .insert_header((header::LOCATION, format!("{place}/{}", made.key.id)))
        .json(MadeBody {
            secret: made.token.expose().clone(),
            api_key: made.key.into(),
        })
}
