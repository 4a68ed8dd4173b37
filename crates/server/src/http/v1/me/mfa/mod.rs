//! One's own second factors.

pub(crate) mod backup_codes;
pub(crate) mod passkeys;
pub(crate) mod totp;
pub(crate) mod view;

use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::mfa::BackupCode;

use super::sessions::revoke_others;

/// Sessions of the account beside this one. Whoever changed a factor because of a suspicion ends them.
#[derive(Serialize, ToSchema)]
#[schema(as = OtherSessions)]
pub(crate) struct OtherSessionsBody {
    /// How many.
    #[schema(example = 2)]
    count: usize,
    /// A POST to it ends them.
    #[schema(example = "/api/v1/me/sessions/revoke-others")]
    end_by: &'static str,
}

impl From<usize> for OtherSessionsBody {
    fn from(count: usize) -> Self {
        Self {
            count,
            end_by: revoke_others::ENDPOINT.path,
        }
    }
}

/// New backup codes. They are shown here and nowhere else; those from before count no more.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupCodesBody {
    /// Each is good once.
    #[schema(example = json!(["0123-4567-89ab-cdef"]))]
    backup_codes: Vec<String>,
}

impl BackupCodesBody {
    fn new(codes: &[BackupCode]) -> Self {
        Self {
            backup_codes: texts(codes),
        }
    }
}

/// The one place where codes leave their custody: they belong to the caller.
fn texts(codes: &[BackupCode]) -> Vec<String> {
    let texts = codes.iter().map(|code| code.to_text().expose().clone());
    texts.collect()
}
