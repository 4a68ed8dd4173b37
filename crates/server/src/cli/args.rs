//! What may stand on the command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use vutf_app::erasure::{Reason, Reference};
use vutf_audit::{
    Anchor,
    analysis::{Severity, Status},
    export::Format,
    tlog::VerifierKey,
};
use vutf_identity::UserStatus;
use vutf_kernel::{EventId, Timestamp, UserId};

use super::answer;
pub(super) use super::approval_args::Approvals;
pub(super) use super::audit_args::{Holds, Retention};
pub(super) use super::key_args::{KeyJobs, KeyPolicies, Keys, PolicyChange, Why, Work};
pub(super) use super::program_args::{ApiKeys, ServiceAccounts};
pub(super) use super::witness_args::WitnessAction;

#[derive(Debug, Parser)]
#[command(
    name = "violentutf-api",
    bin_name = "violentutf-api",
    version,
    about = "Identity, audit and key management. Without a command it serves.",
    after_help = "Examples:
  violentutf-api                                    serve on 127.0.0.1:8080, files in ./data
  violentutf-api --set server.port=8081             the same on another port
  violentutf-api --config prod.toml config check    look for mistakes without starting
  violentutf-api audit verify --json                recompute the audit log, for a script

Settings come from the file, then from the environment (VUTF__SECTION__KEY), then from --set.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Args)]
pub(super) struct Global {
    /// Configuration file (TOML); `./violentutf.toml` when it exists and none is named.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Override a setting, e.g. `server.port=8081`; as often as needed. Not for secrets: others can see arguments.
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
    /// Answer in JSON, for programs; what failed stands as JSON on standard error.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve requests until SIGTERM or SIGINT; what is done when no command is given.
    #[command(after_help = "Examples:
  violentutf-api serve
  VUTF__SERVER__PORT=8081 violentutf-api serve --json")]
    Serve,
    /// Bring the database's schema up or down.
    #[command(after_help = "Examples:
  violentutf-api migrate status
  violentutf-api migrate up
  violentutf-api migrate down --steps 1")]
    Migrate {
        #[command(subcommand)]
        action: Migrate,
    },
    /// Look at the configuration without starting anything.
    #[command(after_help = "Examples:
  violentutf-api --config prod.toml config check
  violentutf-api config show
  violentutf-api config schema --markdown > docs/configuration.md")]
    Config {
        #[command(subcommand)]
        action: Config,
    },
    /// Examine the settings and everything that the service depends on. Changes nothing.
    #[command(after_help = "Examples:
  violentutf-api doctor
  violentutf-api doctor --json | jq '.checks[] | select(.level != \"ok\")'")]
    Doctor,
    /// Manage accounts from the machine, without signing in.
    #[command(after_help = "Examples:
  violentutf-api user create-admin --username ada --email ada@example.org
  violentutf-api user unlock ada
  violentutf-api user list --status locked
  violentutf-api user erase 01937b6e-5b5c-7d3e-8f00-000000000001 --reason request --yes")]
    User {
        #[command(subcommand)]
        action: User,
    },
    /// Accounts of programs, from the machine.
    #[command(after_help = "Examples:
  violentutf-api service-account create --name backup --role auditor
  violentutf-api service-account list --json")]
    ServiceAccount {
        #[command(subcommand)]
        action: ServiceAccounts,
    },
    /// Keys with which programs act, from the machine.
    #[command(after_help = "Examples:
  violentutf-api api-key create --account backup --name nightly --scope audit:read
  violentutf-api api-key list --json")]
    ApiKey {
        #[command(subcommand)]
        action: ApiKeys,
    },
    /// What takes two persons: the operator as the second one.
    #[command(after_help = "Examples:
  violentutf-api approvals list
  violentutf-api approvals approve 01937b6e-5b5c-7d3e-8f00-000000000001")]
    Approvals {
        #[command(subcommand)]
        action: Approvals,
    },
    /// What passwords cost on this machine.
    #[command(after_help = "Examples:
  violentutf-api passwords calibrate
  violentutf-api passwords calibrate --target-ms 300 --json")]
    Passwords {
        #[command(subcommand)]
        action: Passwords,
    },
    /// The key registry. No command shows a key.
    #[command(after_help = "Examples:
  violentutf-api keys status
  violentutf-api keys rotate token-signing
  violentutf-api keys list --json")]
    Keys {
        #[command(subcommand)]
        action: Keys,
    },
    /// Verify, follow, search and export the audit log; needs no keys, and works while the service runs.
    #[command(after_help = "Examples:
  violentutf-api audit verify
  violentutf-api audit tail --follow
  violentutf-api audit timeline subject 01937b6e-5b5c-7d3e-8f00-000000000001
  violentutf-api audit export --from 1000 > audit.jsonl")]
    Audit {
        #[command(subcommand)]
        action: Audit,
    },
    /// Cosign the checkpoints of audit logs, for those who verify them. Needs no database; run it where the log's operators
    /// have no say.
    #[command(after_help = "Examples:
  violentutf-api witness init --name witness.example.org/w1
  violentutf-api witness serve --log 'log.example.org/audit+8a7d…+AfLk…'
  violentutf-api witness status --json")]
    Witness {
        #[command(subcommand)]
        action: WitnessAction,
    },
    /// Print the API document (OpenAPI 3.1).
    #[command(after_help = "Examples:
  violentutf-api openapi > openapi.json")]
    Openapi,
    /// Ask the service that runs under this configuration whether it is ready.
    #[command(after_help = "Examples:
  violentutf-api healthcheck
  violentutf-api --set server.port=8081 healthcheck && echo ready")]
    Healthcheck,
    /// Print the version and how this program was built.
    #[command(after_help = "Examples:
  violentutf-api version --json")]
    Version,
    /// Print completions for a shell.
    #[command(after_help = "Examples:
  violentutf-api completions bash > /etc/bash_completion.d/violentutf-api
  violentutf-api completions zsh > ~/.zfunc/_violentutf-api")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply what is missing, all or nothing.
    #[command(after_help = "Examples:\n  violentutf-api migrate up")]
    Up,
    /// Take the newest migrations back. One whose tables hold rows is refused unless it is named; in production it is refused
    /// whatever is named.
    #[command(after_help = "Examples:
  violentutf-api migrate down --steps 2
  violentutf-api migrate down --destroy-data m0005_audit")]
    Down {
        /// How many.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        /// Destroy what the tables of this migration hold, for good; as often as needed.
        #[arg(long, value_name = "MIGRATION")]
        destroy_data: Vec<String>,
    },
    /// List every migration and whether the database has it.
    #[command(after_help = "Examples:\n  violentutf-api migrate status --json")]
    Status,
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// List every mistake, each with the way to mend it; exit code 2 when there is one.
    #[command(after_help = "Examples:\n  violentutf-api --config prod.toml config check")]
    Check,
    /// List every setting with its value and where that came from; secrets are masked.
    #[command(after_help = "Examples:\n  violentutf-api config show --json")]
    Show,
    /// List every setting there is, with type, default, limits and meaning.
    #[command(after_help = "Examples:\n  violentutf-api config schema --markdown > docs/configuration.md")]
    Schema {
        /// As the reference in Markdown.
        #[arg(long, conflicts_with = "json")]
        markdown: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Passwords {
    /// Measure what a hash costs here, and print the settings with which it takes as long as it should. Changes nothing; run it
    /// on an idle machine like the one that serves.
    #[command(after_help = "Examples:
  violentutf-api passwords calibrate
  violentutf-api passwords calibrate --max-memory-mib 256 --json")]
    Calibrate {
        /// How long one hash should take, in milliseconds.
        #[arg(long, value_name = "MS", default_value_t = 375, value_parser = clap::value_parser!(u32).range(250..=500))]
        target_ms: u32,
        /// The most memory that one hash may take; as much is needed for each password that is hashed at once.
        #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(12..=1024))]
        max_memory_mib: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an administrator; the password is asked for, or read from standard input or a file.
    #[command(after_help = "Examples:
  violentutf-api user create-admin --username ada --email ada@example.org
  pass show vutf | violentutf-api user create-admin --username ada --email ada@example.org
  violentutf-api user create-admin --username ada --email ada@example.org --password-file /run/secrets/ada")]
    CreateAdmin {
        /// 3 to 64 of letters, digits, `.`, `_`, `-`.
        #[arg(long)]
        username: String,
        /// The address; it counts as proved.
        #[arg(long)]
        email: String,
        /// Read the password from the first line of this file.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Take in accounts of another system with the hashes of their passwords. Every line is checked before the first one is taken
    /// in; what is there already stays as it is, so that an import which broke off can be run again.
    #[command(after_help = "Examples:
  violentutf-api user import users.csv --dry-run
  violentutf-api user import users.jsonl --require-password-change
  violentutf-api user import users.csv --json | jq .existing_lines

Columns, or members of each line's object: username, email; and, if they are known, display_name, phone, password_hash,
email_verified (true unless it says false). Hashes: Argon2id, Argon2i, bcrypt, PBKDF2, scrypt, as PHC strings or as Django
writes them.")]
    Import {
        /// A file whose name ends in .csv or .jsonl.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Check every line and look who is there already; change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Have everybody who is taken in choose another password at the first sign-in.
        #[arg(long)]
        require_password_change: bool,
    },
    /// Lift an administrator's lock, or the delays after wrong passwords.
    #[command(
        after_help = "Examples:\n  violentutf-api user unlock ada\n  violentutf-api user unlock ada@example.org"
    )]
    Unlock {
        /// Username, e-mail address or id.
        user: String,
    },
    /// Remove the second factor of somebody who lost it, and end their sessions.
    #[command(
        after_help = "Examples:\n  violentutf-api user reset-mfa ada\n  violentutf-api user reset-mfa ada@example.org"
    )]
    ResetMfa {
        /// Username, e-mail address or id.
        user: String,
    },
    /// List the accounts that are not deleted, oldest first; with `--json` one object a line.
    #[command(
        after_help = "Examples:\n  violentutf-api user list\n  violentutf-api user list --status locked --json"
    )]
    List {
        /// Only those that are unverified, active, locked or disabled.
        #[arg(long, value_parser = status)]
        status: Option<UserStatus>,
    },
    /// Seal the account for emergencies, and make it first if there is none of the name. Prints a secret that opens it once; one
    /// that was made before is good no more, and a session that it opened ends.
    #[command(after_help = "Examples:\n  violentutf-api user break-glass break-glass")]
    BreakGlass {
        /// 3 to 64 of letters, digits, `.`, `_`, `-`; a name that no person has.
        #[arg(value_name = "USERNAME")]
        username: String,
    },
    /// Erase a person for good: destroys their keys, empties their rows, and answers the certificate. It cannot be undone.
    #[command(after_help = "Examples:
  violentutf-api user erase 01937b6e-5b5c-7d3e-8f00-000000000001 --reason request --reference DSR-2026-17
  violentutf-api user erase 01937b6e-5b5c-7d3e-8f00-000000000001 --reason unlawful --yes --json")]
    Erase {
        /// The account's id: a name would stay in the shell's history.
        #[arg(value_parser = user_id)]
        id: UserId,
        /// `request`, `retention`, `unlawful` or `obligation`.
        #[arg(long, value_name = "WORD", value_parser = erasure)]
        reason: Reason,
        /// Where the case is kept: 1 to 64 letters, digits, `.`, `_`, `-`. It stays in the audit log for good.
        #[arg(long, value_name = "CASE", value_parser = case)]
        reference: Option<Reference>,
        /// Do not ask. Needed where nobody sits at a terminal.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Recompute the whole log, or a bundle of it, or check one proof; name the first sequence number that does not fit, with
    /// exit code 1.
    #[command(
        after_help = "Examples:\n  violentutf-api audit verify\n  violentutf-api audit verify --json | jq .head\n  \
                      violentutf-api audit verify --anchor 4711:9c0f…\n  \
                      violentutf-api audit verify --bundle log.tar --vkey api.example.org/audit+1a2b3c4d+AT…\n  \
                      violentutf-api audit verify --proof 0193….tlog-proof --entry 0193….json --vkey …"
    )]
    Verify(Verify),
    /// Write the whole log up to its newest checkpoint as files that a stranger can verify: a directory, or a file whose name
    /// ends in .tar. It must not be there yet. It is an event.
    #[command(after_help = "Examples:\n  violentutf-api audit bundle log.tar")]
    Bundle {
        /// Where to.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Show that an event is in the log: writes ID.tlog-proof and ID.json, which verify without this service. It is an event.
    #[command(after_help = "Examples:\n  violentutf-api audit prove 01937b6e-5b5c-7d3e-8f00-000000000001")]
    Prove {
        /// The event.
        #[arg(value_name = "EVENT", value_parser = event_id)]
        event: EventId,
        /// Where to write the two files.
        #[arg(long, short, value_name = "DIRECTORY", default_value = ".")]
        directory: PathBuf,
        /// Under the newest checkpoint that `audit.witness_quorum` witnesses cosigned, with their cosignatures.
        #[arg(long)]
        witnessed: bool,
    },
    /// Note the head that the database has now in the place of the one in the data directory, after an older database was
    /// restored on purpose. It is an event.
    #[command(after_help = "Examples:\n  violentutf-api audit verify && violentutf-api audit accept-head")]
    AcceptHead,
    /// Show the last events.
    #[command(after_help = "Examples:\n  violentutf-api audit tail --follow")]
    Tail {
        /// Go on showing new ones until interrupted.
        #[arg(long, short)]
        follow: bool,
    },
    /// List what detection rules found, oldest first; with `--json` one object a line, which holds the OCSF Detection Finding.
    #[command(
        after_help = "Examples:\n  violentutf-api audit findings --status new\n  violentutf-api audit findings --severity high --json | jq .ocsf"
    )]
    Findings {
        /// Only those that are new, acknowledged, resolved or false_positive.
        #[arg(long, value_parser = finding_status)]
        status: Option<Status>,
        /// Only those so grave: informational, low, medium, high or critical.
        #[arg(long, value_parser = severity)]
        severity: Option<Severity>,
        /// Only those of this rule.
        #[arg(long, value_name = "RULE")]
        rule: Option<String>,
    },
    /// List the detection rules, and what was decided about them.
    #[command(
        after_help = "Examples:\n  violentutf-api audit rules\n  violentutf-api audit rules --json | jq '.rules[] | select(.enabled == false)'"
    )]
    Rules,
    /// How long events are kept, and pruning.
    #[command(
        after_help = "Examples:\n  violentutf-api audit retention status\n  violentutf-api audit retention run --dry-run"
    )]
    Retention {
        #[command(subcommand)]
        action: Retention,
    },
    /// Legal holds: what must not go, whatever its age.
    #[command(
        after_help = "Examples:\n  violentutf-api audit holds list\n  violentutf-api audit holds place --reason 'case 7'"
    )]
    Holds {
        #[command(subcommand)]
        action: Holds,
    },
    /// Write the log, a record a line, each with its sequence number and the chain. Stops with exit code 1 at an entry that does
    /// not fit. Says on standard error by which token the next export goes on.
    #[command(after_help = "Examples:
  violentutf-api audit export > audit.jsonl
  violentutf-api audit export --format ocsf --from 1000 --until 2000 > part.ocsf.jsonl
  violentutf-api audit export --format cef --resume 1999:9c0f… >> siem.log

Formats: jsonl (the entry itself, from which the leaf hash can be recomputed), ocsf (1.5), cef, ecs (8), syslog (RFC 5424).")]
    Export {
        /// `jsonl`, `ocsf`, `cef`, `ecs` or `syslog`.
        #[arg(long, value_name = "FORMAT", default_value_t = Format::Jsonl)]
        format: Format,
        /// The first sequence number.
        #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        from: i64,
        /// Before this sequence number.
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        until: Option<i64>,
        /// Go on behind what was exported before, if the log still follows from it.
        #[arg(long, value_name = "SEQ:CHAIN", conflicts_with = "from")]
        resume: Option<Anchor>,
    },
    /// The receivers that a running service exports the log to.
    #[command(
        after_help = "Examples:\n  violentutf-api audit sinks list\n  violentutf-api audit sinks reset file --after 4711"
    )]
    Sinks {
        #[command(subcommand)]
        action: Sinks,
    },
    /// Show what is known about one person, newest first: what was done to their data, or what they did.
    #[command(after_help = "Examples:
  violentutf-api audit timeline subject 01937b6e-5b5c-7d3e-8f00-000000000001
  violentutf-api audit timeline actor 01937b6e-5b5c-7d3e-8f00-000000000001 --since 2026-11-01T00:00:00Z --json")]
    Timeline {
        /// Whether as the one whose data it is, or as the one who acts.
        #[arg(value_enum)]
        whose: Role,
        /// The account's id.
        #[arg(value_parser = user_id)]
        id: UserId,
        #[command(flatten)]
        span: Span,
        /// So many lines at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Count who reached whose data in a period: an edge for each pair of actor and subject.
    #[command(after_help = "Examples:
  violentutf-api audit access-graph
  violentutf-api audit access-graph --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z --json
  violentutf-api audit access-graph --dot | dot -Tsvg > access.svg")]
    AccessGraph {
        #[command(flatten)]
        span: Span,
        /// In the language of Graphviz.
        #[arg(long, conflicts_with = "json")]
        dot: bool,
    },
    /// Count what was added between two heads, by action, outcome and actor. Stops with exit code 1 at an entry that does not
    /// follow from the one before.
    #[command(after_help = "Examples:
  violentutf-api audit diff 4711 5000                 the entries 4712 to 5000
  violentutf-api audit diff --sizes 4712 5001         the same, by the sizes in two checkpoints")]
    Diff {
        /// The sequence number of the older head.
        #[arg(value_parser = clap::value_parser!(i64).range(0..))]
        from: i64,
        /// The sequence number of the newer head.
        #[arg(value_parser = clap::value_parser!(i64).range(0..))]
        to: i64,
        /// The numbers are sizes of the log, as checkpoints name them.
        #[arg(long)]
        sizes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Sinks {
    /// Show how far each has come, and what keeps it.
    #[command(
        after_help = "Examples:\n  violentutf-api audit sinks list --json | jq '.sinks[] | {sink, behind}'"
    )]
    List,
    /// Let one go on from the beginning, or behind an entry. What lies between is exported again, or never. It is an event.
    #[command(
        after_help = "Examples:\n  violentutf-api audit sinks reset syslog\n  violentutf-api audit sinks reset file --after 4711"
    )]
    Reset {
        /// `file`, `syslog`, `http` or `otlp`.
        sink: String,
        /// The last entry that counts as exported.
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
    },
}

/// As whom a person is looked for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Role {
    /// Whose data it is.
    Subject,
    /// Who acts.
    Actor,
}

/// A period.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Span {
    /// At this instant or later, RFC 3339; 30 days ago unless told otherwise.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(super) since: Option<Timestamp>,
    /// Before this instant, RFC 3339; now unless told otherwise.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(super) until: Option<Timestamp>,
}

/// What to verify, and what is known of it.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// A head that was noted elsewhere, beside the one in the data directory. May be given several times.
    #[arg(long, value_name = "SEQ:CHAIN", conflicts_with_all = ["bundle", "proof"])]
    pub(super) anchor: Vec<Anchor>,
    /// A public key of the log, NAME+ID+KEY, instead of those noted in the data directory. May be given several times, the newest
    /// last.
    #[arg(long, value_name = "VKEY", value_parser = VerifierKey::parse)]
    pub(super) vkey: Vec<VerifierKey>,
    /// Verify a bundle: a directory, or a tar file. Needs --vkey and nothing else: no configuration, no database.
    #[arg(long, value_name = "PATH", requires = "vkey", conflicts_with = "proof")]
    pub(super) bundle: Option<PathBuf>,
    /// Verify a C2SP tlog-proof of one entry. Needs --entry and --vkey and nothing else.
    #[arg(long, value_name = "FILE", requires = "entry", requires = "vkey")]
    pub(super) proof: Option<PathBuf>,
    /// The entry that the proof is of.
    #[arg(long, value_name = "FILE", requires = "proof")]
    pub(super) entry: Option<PathBuf>,
}

impl Cli {
    /// An argument that stands at several levels keeps only the values of the last one: to lose a setting silently would be
    /// worse than to refuse.
    pub(super) fn complete(self, arguments: &[OsString]) -> Result<Self, clap::Error> {
        let given = arguments.iter().filter(|argument| {
            let argument = argument.to_string_lossy();
            argument == "--set" || argument.starts_with("--set=")
        });
        if given.count() == self.global.set.len() {
            return Ok(self);
        }
        let text = "give every --set at the same place: all before the command, or all after it";
        Err(Self::command().error(ErrorKind::ArgumentConflict, text))
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => Ok((path.trim().to_owned(), value.to_owned())),
        // Not the text itself: it may be a misplaced secret.
        _ => Err("expected SECTION.KEY=VALUE, e.g. server.port=8081".to_owned()),
    }
}

fn event_id(text: &str) -> Result<EventId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of an event, see `audit tail --json`".to_owned())
}

fn user_id(text: &str) -> Result<UserId, String> {
    text.parse()
        .map_err(|_no_uuid| "expected the id of an account, see `user list`".to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "expected an instant such as 2026-11-21T10:00:00Z".to_owned())
}

fn erasure(text: &str) -> Result<Reason, String> {
    Reason::parse(text).ok_or_else(|| answer::one_of(&Reason::ALL.map(Reason::as_str)))
}

fn case(text: &str) -> Result<Reference, String> {
    Reference::parse(text).ok_or_else(|| "expected 1 to 64 letters, digits, `.`, `_`, `-`".to_owned())
}

fn finding_status(text: &str) -> Result<Status, String> {
    Status::parse(text).ok_or_else(|| answer::one_of(&Status::ALL.map(Status::as_str)))
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| answer::one_of(&Severity::ALL.map(Severity::as_str)))
}

fn status(text: &str) -> Result<UserStatus, String> {
    UserStatus::parse(text).ok_or_else(|| answer::one_of(&["unverified", "active", "locked", "disabled"]))
}
