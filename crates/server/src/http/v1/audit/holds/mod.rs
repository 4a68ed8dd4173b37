//! Legal holds.

pub(crate) mod list;
pub(crate) mod place;
pub(crate) mod release;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::retention::{EventClass, Hold, HoldScope};
use vutf_kernel::{Class, Timestamp, UserId};

use super::retention::shown;
use crate::http::problem::{FieldError, Problem};

/// A legal hold: what it covers is not removed, whatever its age.
#[derive(Serialize, ToSchema)]
#[schema(as = LegalHold)]
pub(crate) struct HoldBody {
    /// Its id.
    id: Uuid,
    /// Why.
    reason: String,
    /// Which events it covers.
    scope: ScopeBody,
    /// When it was placed.
    #[schema(value_type = String, format = DateTime)]
    placed_at: String,
    /// By whom: `user:…` or `operator`.
    placed_by: String,
    /// When it was released; `null` while it holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    released_at: Option<String>,
    /// By whom.
    released_by: Option<String>,
}

/// Which events a hold covers: those that every part fits. Absent parts fit every event of the tenant.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LegalHoldScope)]
pub(crate) struct ScopeBody {
    /// That touched this person's data.
    #[serde(default)]
    subject: Option<Uuid>,
    /// By this person.
    #[serde(default)]
    actor: Option<Uuid>,
    /// Of this class, see `GET /api/v1/audit/retention`.
    #[serde(default)]
    #[schema(example = "accounts")]
    class: Option<String>,
    /// At this instant or later.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this instant.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl ScopeBody {
    fn parse(self) -> Result<HoldScope, Problem> {
        let class = match self.class.as_deref().map(EventClass::named) {
            Some(None) => return Err(invalid("/scope/class", "class", "the name of a class of events")),
            found => found.flatten(),
        };
        Ok(HoldScope {
            organization_id: None,
            subject: self.subject.map(UserId::from_uuid),
            actor: self.actor.map(UserId::from_uuid),
            class,
            from: self.from,
            until: self.until,
        })
    }
}

fn invalid(pointer: &str, code: &str, detail: &str) -> Problem {
    Problem::new(Class::Invalid, "invalid_value").errors(vec![FieldError::new(pointer, code, detail)])
}

impl From<Hold> for HoldBody {
    fn from(hold: Hold) -> Self {
        let scope = hold.scope;
        let (released_at, released_by) = hold.released.unzip();
        Self {
            id: hold.id.as_uuid(),
            reason: hold.reason.as_str().to_owned(),
            scope: ScopeBody {
                subject: scope.subject.map(|subject| subject.as_uuid()),
                actor: scope.actor.map(|actor| actor.as_uuid()),
                class: scope.class.map(|class| class.name.to_owned()),
                from: scope.from,
                until: scope.until,
            },
            placed_at: hold.placed_at.rfc3339(),
            placed_by: shown(&hold.placed_by),
            released_at: released_at.map(Timestamp::rfc3339),
            released_by: released_by.map(|doer| shown(&doer)),
        }
    }
}
