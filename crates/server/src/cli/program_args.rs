//! What may stand after `service-account` and `api-key` on the command line.

use std::time::Duration;

use clap::Subcommand;
use vutf_identity::api_key::{ApiKeyName, Network};
use vutf_kernel::{ApiKeyId, UserId};

use crate::config::duration;

#[derive(Debug, Subcommand)]
pub(super) enum ServiceAccounts {
    /// Make an account for a program. Nobody signs in as it: it acts with API keys.
    #[command(after_help = "Examples:
  violentutf-api service-account create --name backup --role auditor
  violentutf-api service-account create --name ledger --role crypto_user --description 'signs invoices' --json")]
    Create {
        /// 3 to 64 of letters, digits, `.`, `_`, `-`.
        #[arg(long)]
        name: String,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A role beside `user`, which everybody has; as often as needed.
        #[arg(long = "role", value_name = "NAME")]
        roles: Vec<String>,
    },
    /// List the accounts of programs, oldest first; with `--json` one object a line.
    #[command(after_help = "Examples:\n  violentutf-api service-account list --json")]
    List,
    /// Switch an account off: its API keys count no more.
    #[command(after_help = "Examples:\n  violentutf-api service-account disable backup")]
    Disable {
        /// Name or id.
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ApiKeys {
    /// Make a key of a service account. Its secret is printed once, and kept nowhere.
    #[command(after_help = "Examples:
  violentutf-api api-key create --account backup --name nightly --scope audit:read --scope audit:export
  violentutf-api api-key create --account backup --name ci --scope users:read --network 192.0.2.0/24 --life 30d --json")]
    Create {
        /// Name or id of the service account.
        #[arg(long)]
        account: String,
        /// What the key is called; 1 to 64 characters.
        #[arg(long, value_parser = key_name)]
        name: ApiKeyName,
        /// A permission that it may use, of those that the account holds; as often as needed.
        #[arg(long = "scope", value_name = "PERMISSION", required = true)]
        scopes: Vec<String>,
        /// From where it may be used; from anywhere by default.
        #[arg(long = "network", value_name = "CIDR", value_parser = network)]
        networks: Vec<Network>,
        /// How long it lives, such as `30d`; as the settings say by default.
        #[arg(long, value_name = "SPAN", value_parser = span)]
        life: Option<Duration>,
    },
    /// List keys of all accounts, ended ones included, oldest first; with `--json` one object a line.
    #[command(after_help = "Examples:
  violentutf-api api-key list
  violentutf-api api-key list --account backup --json")]
    List {
        /// Only those of this account: its id, or the name of a service account.
        #[arg(long)]
        account: Option<String>,
    },
    /// End a key before its time.
    #[command(after_help = "Examples:\n  violentutf-api api-key revoke 01937b6e-5b5c-7d3e-8f00-000000000001")]
    Revoke {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: ApiKeyId,
    },
    /// Give a service account's key a successor; the secret of that is printed once.
    #[command(after_help = "Examples:
  violentutf-api api-key rotate 01937b6e-5b5c-7d3e-8f00-000000000001
  violentutf-api api-key rotate 01937b6e-5b5c-7d3e-8f00-000000000001 --overlap 1h --json")]
    Rotate {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: ApiKeyId,
        /// How long the old key lives on, such as `1h`; as the settings say by default, `0s` for not at all.
        #[arg(long, value_name = "SPAN", value_parser = span)]
        overlap: Option<Duration>,
    },
}

fn key_name(text: &str) -> Result<ApiKeyName, String> {
    ApiKeyName::parse(text).map_err(|error| error.detail.clone())
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).map_err(|error| error.to_string())
}

fn key_id(text: &str) -> Result<ApiKeyId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of an API key, see `api-key list`".to_owned())
}

fn span(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|_no_span| "expected a span such as 90s, 15m, 1h or 30d".to_owned())
}

/// An id, where a name may stand as well.
pub(super) fn id_of(text: &str) -> Option<UserId> {
    text.parse().ok()
}
