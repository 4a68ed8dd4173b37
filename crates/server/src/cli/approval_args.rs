//! Arguments of `approvals`.

use clap::Subcommand;
use vutf_kernel::ApprovalId;

/// What takes two persons, and was asked for over the API.
#[derive(Debug, Subcommand)]
pub(super) enum Approvals {
    /// List the newest requests, newest first.
    #[command(after_help = "Examples:\n  violentutf-api approvals list --json")]
    List,
    /// Approve what somebody asked for over the API. Whoever has the machine is one person: an organization with one
    /// super administrator has the operator for a second.
    #[command(
        after_help = "Examples:\n  violentutf-api approvals approve 01937b6e-5b5c-7d3e-8f00-000000000001"
    )]
    Approve {
        /// The request, see `approvals list`.
        #[arg(value_parser = request)]
        id: ApprovalId,
    },
    /// Reject a request.
    #[command(
        after_help = "Examples:\n  violentutf-api approvals reject 01937b6e-5b5c-7d3e-8f00-000000000001"
    )]
    Reject {
        /// The request, see `approvals list`.
        #[arg(value_parser = request)]
        id: ApprovalId,
    },
}

fn request(text: &str) -> Result<ApprovalId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of a request, see `approvals list`".to_owned())
}
