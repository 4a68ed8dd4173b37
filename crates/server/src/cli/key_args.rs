//! What may stand after `keys` on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use vutf_audit::Anchor;
use vutf_crypto_keys::{KeysetPolicy, Purpose, ReasonCode};
use vutf_kernel::{ApprovalId, JobId, KeyId, Timestamp};

use super::answer;
use crate::config::duration;

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
    /// One key, with its use and its history.
    #[command(after_help = "Examples:\n  violentutf-api keys show 01937b6e-5b5c-7d3e-8f00-000000000001")]
    Show {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: KeyId,
    },
    /// Make the first key of a purpose, or a version that is not in use yet.
    #[command(after_help = "Examples:
  violentutf-api keys create encrypt:orders
  violentutf-api keys create index:users.email --inactive")]
    Create {
        /// `encrypt:NAME`, `hmac:NAME` or `sign:NAME` for other programs, or a purpose that `keys list` shows.
        purpose: Purpose,
        /// Let it wait until `keys activate`: every replica knows it before one uses it.
        #[arg(long)]
        inactive: bool,
        /// When it should be rotated at the latest, RFC 3339; the cryptoperiod of its purpose by default.
        #[arg(long, value_name = "TIME", value_parser = time)]
        not_after: Option<Timestamp>,
    },
    /// Let a key protect, for the first time or again.
    #[command(after_help = "Examples:\n  violentutf-api keys activate 01937b6e-5b5c-7d3e-8f00-000000000001")]
    Activate {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        why: Why,
    },
    /// Put a key aside; it may come back.
    #[command(after_help = "Examples:
  violentutf-api keys suspend 01937b6e-5b5c-7d3e-8f00-000000000001 --reason investigation --note INC-1234")]
    Suspend {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        why: Why,
    },
    /// End a key's protection; what it protected can still be read.
    #[command(
        after_help = "Examples:\n  violentutf-api keys deactivate 01937b6e-5b5c-7d3e-8f00-000000000001"
    )]
    Deactivate {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        why: Why,
    },
    /// Mark a key as known or feared to be in other hands: it is rotated at once, and what it protects is written anew.
    #[command(after_help = "Examples:
  violentutf-api keys compromise 01937b6e-5b5c-7d3e-8f00-000000000001 --note INC-1234")]
    Compromise {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        why: Why,
    },
    /// Destroy a key that never protected anything, or ask for a second person to approve the destruction.
    #[command(after_help = "Examples:
  violentutf-api keys destroy 01937b6e-5b5c-7d3e-8f00-000000000001 --reason superseded")]
    Destroy {
        /// The key's id.
        #[arg(value_parser = key_id)]
        id: KeyId,
        #[command(flatten)]
        why: Why,
    },
    /// Requests that wait for a second person, and the latest decisions.
    #[command(after_help = "Examples:\n  violentutf-api keys requests --json")]
    Requests,
    /// Approve what somebody asked for over the API. What was asked for here must be approved by somebody else, over the API:
    /// whoever has a shell is one person.
    #[command(after_help = "Examples:\n  violentutf-api keys approve 01937b6e-5b5c-7d3e-8f00-000000000002")]
    Approve {
        /// The request's id.
        #[arg(value_parser = request_id)]
        id: ApprovalId,
    },
    /// Reject a request, or take one's own back.
    #[command(after_help = "Examples:\n  violentutf-api keys reject 01937b6e-5b5c-7d3e-8f00-000000000002")]
    Reject {
        /// The request's id.
        #[arg(value_parser = request_id)]
        id: ApprovalId,
    },
    /// Write anew what older versions of a key protect: fields, or for `tenant` the keys below it.
    #[command(after_help = "Examples:
  violentutf-api keys reencrypt field:passwords --wait
  violentutf-api keys reencrypt field:passwords --rows-per-second 500
  violentutf-api keys reencrypt tenant --wait")]
    Reencrypt {
        /// `field:TABLE`, `subject:ID` or `tenant`.
        purpose: Purpose,
        #[command(flatten)]
        how: Work,
    },
    /// Make blind indexes again under the newest version of their key.
    #[command(after_help = "Examples:\n  violentutf-api keys reindex index:users.email --wait")]
    Reindex {
        /// `index:TABLE.COLUMN`.
        purpose: Purpose,
        #[command(flatten)]
        how: Work,
    },
    /// Work that was asked for, and how far it has come.
    #[command(after_help = "Examples:
  violentutf-api keys jobs list
  violentutf-api keys jobs show 01937b6e-5b5c-7d3e-8f00-000000000003 --wait
  violentutf-api keys jobs pause 01937b6e-5b5c-7d3e-8f00-000000000003")]
    Jobs {
        #[command(subcommand)]
        action: KeyJobs,
    },
    /// What holds for all versions of a purpose's key: how long and how much one protects, and which may still be used.
    #[command(after_help = "Examples:
  violentutf-api keys policies list
  violentutf-api keys policies show field:users --json
  violentutf-api keys policies set field:users --cryptoperiod 30d --messages 1000000 --bytes 1000000000")]
    Policies {
        #[command(subcommand)]
        action: KeyPolicies,
    },
    /// Keys and algorithms as a CycloneDX 1.6 cryptography bill of materials (JSON).
    #[command(after_help = "Examples:\n  violentutf-api keys inventory > cbom.json")]
    Inventory,
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
    /// List who was erased, by the file outside the database; with `--json` one object a line. Reads the file to its end: exit
    /// code 1 when a line is not authentic.
    #[command(after_help = "Examples:
  violentutf-api keys tombstones
  violentutf-api keys tombstones --json | jq -r .subject_id")]
    Tombstones,
    /// Erase again whoever is in the database and has a tombstone, as each start does. With a file: another replica's, a copy,
    /// or an export of the audit log.
    #[command(after_help = "Examples:
  violentutf-api keys replay-tombstones
  violentutf-api keys replay-tombstones /mnt/other/erasure-tombstones.jsonl
  violentutf-api keys replay-tombstones audit.jsonl --anchor 4711:9c0f…")]
    ReplayTombstones {
        /// Instead of this installation's own.
        file: Option<PathBuf>,
        /// For an export of the audit log, which proves nothing by itself: a head that was noted elsewhere. It is read up to there.
        #[arg(long, value_name = "SEQ:CHAIN", requires = "file")]
        anchor: Option<Anchor>,
    },
}

/// Why a state changes.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// `unspecified`, `superseded`, `cryptoperiod`, `key_compromise`, `investigation` or `cessation`.
    #[arg(long, value_name = "WORD", default_value = "unspecified", value_parser = reason)]
    pub(super) reason: ReasonCode,
    /// E.g. the number of a ticket, up to 200 bytes; in clear in the audit log, so no personal data.
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
}

/// How a job is done.
#[derive(Debug, Args)]
pub(super) struct Work {
    /// Write so many rows a second at most.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rows_per_second: Option<u32>,
    /// Work on it here as well, with a bar, until it is over.
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyJobs {
    /// List the newest jobs.
    #[command(after_help = "Examples:\n  violentutf-api keys jobs list --json")]
    List,
    /// Show how far a job has come.
    #[command(
        after_help = "Examples:\n  violentutf-api keys jobs show 01937b6e-5b5c-7d3e-8f00-000000000003 --wait"
    )]
    Show {
        /// The job's id.
        #[arg(value_parser = job_id)]
        id: JobId,
        /// Work on it here as well, with a bar, until it is over.
        #[arg(long)]
        wait: bool,
    },
    /// Let a job stand still after its present batch.
    #[command(
        after_help = "Examples:\n  violentutf-api keys jobs pause 01937b6e-5b5c-7d3e-8f00-000000000003"
    )]
    Pause {
        /// The job's id.
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// Let a job go on where it stood.
    #[command(
        after_help = "Examples:\n  violentutf-api keys jobs resume 01937b6e-5b5c-7d3e-8f00-000000000003"
    )]
    Resume {
        /// The job's id.
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// End a job after its present batch; what it did stays done.
    #[command(
        after_help = "Examples:\n  violentutf-api keys jobs cancel 01937b6e-5b5c-7d3e-8f00-000000000003"
    )]
    Cancel {
        /// The job's id.
        #[arg(value_parser = job_id)]
        id: JobId,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyPolicies {
    /// List what holds for every purpose that has a key.
    #[command(after_help = "Examples:\n  violentutf-api keys policies list --json")]
    List,
    /// Show what holds for one purpose.
    #[command(after_help = "Examples:\n  violentutf-api keys policies show field:users")]
    Show {
        /// A purpose that `keys list` shows.
        purpose: Purpose,
    },
    /// Decide what holds for one purpose; what is left out stays as it is.
    #[command(after_help = "Examples:
  violentutf-api keys policies set field:users --cryptoperiod 30d --revision 2
  violentutf-api keys policies set field:users --minimum-version 3
  violentutf-api keys policies set field:users --default-cryptoperiod --default-limit")]
    Set {
        /// A purpose that `keys list` shows.
        purpose: Purpose,
        /// Only if the policy still is in this revision, which `keys policies show` told.
        #[arg(long, value_name = "REVISION")]
        revision: Option<u64>,
        #[command(flatten)]
        change: PolicyChange,
    },
}

/// What is to be different.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct PolicyChange {
    /// Refuse versions below it from now on; not above what rows still need.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) minimum_version: Option<u32>,
    /// Whether a suspended version may read what it protected.
    #[arg(long, value_name = "BOOL")]
    pub(super) suspended_may_process: Option<bool>,
    /// How long a version protects, 1h to 3660d.
    #[arg(long, value_name = "DURATION", value_parser = cryptoperiod)]
    pub(super) cryptoperiod: Option<Duration>,
    /// As long as the purpose says.
    #[arg(long, conflicts_with = "cryptoperiod")]
    pub(super) default_cryptoperiod: bool,
    /// How many messages a version protects before it is rotated.
    #[arg(long, value_name = "NUMBER", requires = "bytes", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) messages: Option<u64>,
    /// How many bytes of plaintext a version protects before it is rotated.
    #[arg(long, value_name = "NUMBER", requires = "messages", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) bytes: Option<u64>,
    /// As much as the purpose says.
    #[arg(long, conflicts_with_all = ["messages", "bytes"])]
    pub(super) default_limit: bool,
}

fn cryptoperiod(text: &str) -> Result<Duration, String> {
    let period = duration(text)?;
    if KeysetPolicy::admits_cryptoperiod(period) {
        Ok(period)
    } else {
        Err("expected an hour to ten years, e.g. 90d".to_owned())
    }
}

fn key_id(text: &str) -> Result<KeyId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of a key, see `keys list`".to_owned())
}

fn request_id(text: &str) -> Result<ApprovalId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of a request, see `keys requests`".to_owned())
}

fn job_id(text: &str) -> Result<JobId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of a job, see `keys jobs list`".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "expected an RFC 3339 timestamp, e.g. 2027-01-01T00:00:00Z".to_owned())
}

fn reason(text: &str) -> Result<ReasonCode, String> {
    let given = ReasonCode::ALL.into_iter().filter(|code| code.is_given());
    let words: Vec<&str> = given.map(ReasonCode::as_str).collect();
    let code = text.parse().ok().filter(|_| words.contains(&text));
    code.ok_or_else(|| answer::one_of(&words))
}
