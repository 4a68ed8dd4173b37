//! The arguments of `witness`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};
use vutf_audit::tlog::KeyName;

use crate::config::LogKey;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WitnessAction {
    /// Make the witness's key and print the key by which others verify its cosignatures. Done again, it prints it again.
    #[command(after_help = "Examples:
  violentutf-api witness init --name witness.example.org/w1
  violentutf-api witness init --name witness.example.org/w1 --dir /var/lib/witness --json | jq -r .vkey")]
    Init {
        /// The key's name, by convention a URL without scheme.
        #[arg(long, value_parser = name)]
        name: Option<KeyName>,
        #[command(flatten)]
        place: Place,
    },
    /// Cosign the checkpoints of the logs that are named, until SIGTERM or SIGINT.
    #[command(after_help = "Examples:
  violentutf-api witness serve --log 'log.example.org/audit+8a7d…+AfLk…'
  violentutf-api --config witness.toml witness serve --listen 127.0.0.1:8090")]
    Serve {
        /// The key of a log to follow, beside those of `witness.logs`; as often as needed.
        #[arg(long, value_name = "VKEY", value_parser = LogKey::from_text)]
        log: Vec<LogKey>,
        /// Address and port to listen on, instead of `witness.host` and `witness.port`.
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
        #[command(flatten)]
        place: Place,
    },
    /// List what was cosigned of each log; exit code 1 when a log has forked, or a file is not the witness's own.
    #[command(after_help = "Examples:
  violentutf-api witness status
  violentutf-api witness status --dir /var/lib/witness --json | jq '.logs[] | {origin, size}'")]
    Status {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Place {
    /// Where the witness keeps its key and what it cosigned, instead of `witness.data_dir`.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}

pub(in crate::cli) fn name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).ok_or_else(|| {
        "expected a name of 1 to 255 bytes without blanks and `+`, e.g. witness.example.org/w1".to_owned()
    })
}
