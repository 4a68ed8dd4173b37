//! What may stand after `keys` on the command line.

use clap::Subcommand;
use vutf_crypto_keys::Purpose;

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List every version of every key, and its state.
    #[command(after_help = "Examples:\n  violentutf-api keys list --json")]
    List,
    /// Make a new version of the key for a purpose; what the old ones protect can still be read.
    #[command(
        after_help = "Examples:\n  violentutf-api keys rotate token-signing\n  violentutf-api keys rotate field:users"
    )]
    Rotate {
        /// `token-signing`, or `field:` and a table.
        purpose: Purpose,
    },
    /// The key in use for each purpose, and when it is due for rotation.
    #[command(after_help = "Examples:\n  violentutf-api keys status")]
    Status,
}
