//! One's own passkeys.

pub(crate) mod list;
pub(crate) mod register;
pub(crate) mod remove;
pub(crate) mod rename;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_identity::passkey::{Passkey, PasskeyName};
use vutf_kernel::Timestamp;

use crate::http::problem::{Fields, Problem};

/// A passkey.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkey)]
pub(crate) struct PasskeyBody {
    /// Its id here.
    id: Uuid,
    /// What its owner calls it.
    #[schema(example = "phone")]
    name: String,
    /// How its authenticator is reached.
    #[schema(example = json!(["internal", "hybrid"]))]
    transports: Vec<&'static str>,
    /// Whether it may be copied to other devices of its owner, through an account somewhere else.
    synced: bool,
    /// Whether it was.
    backed_up: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// When it was last used.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<String>,
}

impl From<&Passkey> for PasskeyBody {
    /// The name goes to the one who gave it.
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id.as_uuid(),
            name: passkey.name.expose().to_owned(),
            transports: passkey.transports.iter().map(|one| one.as_str()).collect(),
            synced: passkey.backup.eligible,
            backed_up: passkey.backup.present,
            created_at: passkey.stamps.created_at.rfc3339(),
            last_used_at: passkey.last_used_at.map(Timestamp::rfc3339),
        }
    }
}

/// What somebody calls theirs.
fn name(text: &str) -> Result<PasskeyName, Problem> {
    let mut fields = Fields::default();
    match fields.take("/name", PasskeyName::parse(text)) {
        Some(name) => Ok(name),
        None => Err(fields.into_problem()),
    }
}
