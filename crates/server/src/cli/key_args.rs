//! What may stand after `keys` on the command line.

use std::path::PathBuf;

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
        /// `token-signing`, `tenant`, or `field:` and a table.
        purpose: Purpose,
    },
    /// The key in use for each purpose, and when it is due for rotation.
    #[command(after_help = "Examples:\n  violentutf-api keys status")]
    Status,
    /// Wrap every tenant key under the key-encryption keys that are configured now: after a move to another provider, or a change
    /// of `keys.also_wrap`. Encrypts nothing anew; may be cut off and run again.
    #[command(after_help = "Examples:\n  violentutf-api keys rewrap")]
    Rewrap,
    /// Put a new key in the key file and wrap every tenant key under it; finishes a rotation that was cut off. The previous key
    /// stays beside the file.
    #[command(after_help = "Examples:
  violentutf-api keys rotate-kek
  violentutf-api keys rotate-kek --forget-previous")]
    RotateKek {
        /// Instead: remove the previous keys that no row names any more. Older backups of the database need them.
        #[arg(long)]
        forget_previous: bool,
    },
    /// Write shares of the key in the key file, one file for each custodian; so many of them as the threshold says join it again.
    #[command(after_help = "Examples:
  violentutf-api keys split-kek --shares 5 --threshold 3 --into /media/ceremony")]
    SplitKek {
        /// How many shares, 2 to 16.
        #[arg(long, value_parser = clap::value_parser!(u8).range(2..=16))]
        shares: u8,
        /// How many of them join the key, at least 2.
        #[arg(long, value_parser = clap::value_parser!(u8).range(2..=16))]
        threshold: u8,
        /// The directory for the files; made for this user alone when it is not there.
        #[arg(long, value_name = "DIRECTORY")]
        into: PathBuf,
    },
    /// Make the key file from the key that was `keys.kek_key` until now, so that it can be rotated and split. Refuses while there is
    /// a key file.
    #[command(after_help = "Examples:
  violentutf-api keys import-kek --key-from /run/secrets/kek
  pass show vutf/kek | violentutf-api keys import-kek")]
    ImportKek {
        /// Read the key from the first line of this file, and not from the terminal or standard input.
        #[arg(long, value_name = "FILE")]
        key_from: Option<PathBuf>,
    },
    /// Make the key file from shares: files, or typed without echo, or from standard input. Refuses while there is a key file.
    #[command(after_help = "Examples:
  violentutf-api keys join-kek share-1-of-5.txt share-4-of-5.txt share-5-of-5.txt
  violentutf-api keys join-kek")]
    JoinKek {
        /// Files that `keys split-kek` wrote.
        #[arg(value_name = "FILE")]
        shares: Vec<PathBuf>,
    },
}
