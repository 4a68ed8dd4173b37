//! What may stand after `audit retention` and `audit holds` on the command line.

use clap::{Args, Subcommand};
use vutf_audit::retention::{CLASSES, EventClass, HoldReason};
use vutf_kernel::{HoldId, OrganizationId, Timestamp, UserId};

use super::answer;

#[derive(Debug, Subcommand)]
pub(super) enum Retention {
    /// Each class of events: how long it is kept, how many there are, and what may go.
    #[command(after_help = "Examples:\n  violentutf-api audit retention status --json")]
    Status,
    /// Prune what is old enough and held by nobody; or only count it.
    #[command(after_help = "Examples:
  violentutf-api audit retention run --dry-run
  violentutf-api audit retention run --json | jq .count")]
    Run {
        /// Count, and remove nothing. Works while audit.retention.enabled is false, too.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Holds {
    /// List the holds, released ones too, oldest first.
    #[command(after_help = "Examples:\n  violentutf-api audit holds list --json")]
    List,
    /// Keep events, whatever their age. Without a part of a scope: all of them.
    #[command(after_help = "Examples:
  violentutf-api audit holds place --reason 'case 2026-17' --subject 01937b6e-5b5c-7d3e-8f00-000000000001
  violentutf-api audit holds place --reason 'case 2026-18' --class accounts --from 2026-01-01T00:00:00Z")]
    Place(Box<Place>),
    /// Let what a hold covers go its way. The hold stays in the list.
    #[command(
        after_help = "Examples:\n  violentutf-api audit holds release 01937b6e-5b5c-7d3e-8f00-000000000001"
    )]
    Release {
        /// The hold's id.
        #[arg(value_parser = hold_id)]
        id: HoldId,
    },
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// Why, 1 to 200 bytes. It stays in the audit log for good, so it must not name a person.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: HoldReason,
    /// Events that touched this person's data.
    #[arg(long, value_name = "USER", value_parser = user_id)]
    pub(super) subject: Option<UserId>,
    /// Events by this person.
    #[arg(long, value_name = "USER", value_parser = user_id)]
    pub(super) actor: Option<UserId>,
    /// Events of this tenant; of all tenants by default.
    #[arg(long, value_name = "TENANT", value_parser = organization)]
    pub(super) organization: Option<OrganizationId>,
    /// Events of this class, see `audit retention status`.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    pub(super) class: Option<&'static EventClass>,
    /// Events at this time or later, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) from: Option<Timestamp>,
    /// Events before this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) until: Option<Timestamp>,
}

fn reason(text: &str) -> Result<HoldReason, String> {
    HoldReason::parse(text).ok_or_else(|| "expected 1 to 200 bytes without control characters".to_owned())
}

fn user_id(text: &str) -> Result<UserId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of an account, see `user list`".to_owned())
}

fn organization(text: &str) -> Result<OrganizationId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of a tenant".to_owned())
}

fn hold_id(text: &str) -> Result<HoldId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of a hold, see `audit holds list`".to_owned())
}

fn class(text: &str) -> Result<&'static EventClass, String> {
    let names: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
    EventClass::named(text).ok_or_else(|| answer::one_of(&names))
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "expected a time such as 2026-01-31T00:00:00Z".to_owned())
}
