//! What every column of every table holds, as far as protection goes. A test reads the schema of both databases and refuses a
//! column that is not here, a sealed one that does not hold bytes, and one whose name sounds personal and that says neither
//! that it is sealed nor why it need not be.

use self::ColumnClass::{
    Account, Count, Hash, Id, Index, IndexVersion, Mac, Pseudonym, Sealed, SealedElsewhere, Time, Tolerated,
    Word, Wrapped,
};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnClass {
    /// Personal or secret, encrypted under a key of the registry.
    Sealed,
    /// Secret, encrypted under a key that is not in the registry.
    SealedElsewhere,
    /// The blind index of a sealed column.
    Index,
    /// The version of an index key.
    IndexVersion,
    /// A key, wrapped.
    Wrapped,
    /// Authenticates other columns.
    Mac,
    /// A digest of something random or of a whole entry.
    Hash,
    /// An id of a person: all that is left of them after an erasure.
    Pseudonym,
    /// An id of something else.
    Id,
    /// An instant or a span.
    Time,
    /// A number: a version, a count, a limit, a position.
    Count,
    /// One of a fixed set of words, or an identifier that the program chose.
    Word,
    /// The canonical entry of an event or of a certificate: no personal data but pseudonyms.
    Account,
    /// In clear although its name sounds personal, or because it cannot be told what a person wrote there; with the reason.
    Tolerated(&'static str),
}

/// The columns of a table.
pub type ColumnClasses = &'static [(&'static str, ColumnClass)];

macro_rules! stamped {
    ($($column:expr),+ $(,)?) => {
        &[
            $($column,)+
            ("created_at", Time), ("created_by", Pseudonym), ("updated_at", Time), ("updated_by", Pseudonym),
            ("deleted_at", Time), ("deleted_by", Pseudonym), ("version", Count),
        ]
    };
}

/// Columns by their class.
macro_rules! columns {
    ($($class:ident $($name:literal)+;)+) => {
        &[$($(($name, $class),)+)+]
    };
}

/// Every table of the schema.
pub const TABLES: &[(&str, ColumnClasses)] = &[
    (
        "organizations",
        stamped![("id", Id), ("name", Tolerated("a tenant's name, not a person's"))],
    ),
    (
        "leases",
        &[
            ("name", Tolerated("the name of a kind of work")),
            ("holder", Id),
            ("epoch", Count),
            ("expires_at", Time),
        ],
    ),
    (
        "users",
        stamped![
            ("id", Pseudonym),
            ("organization_id", Id),
            ("kind", Word),
            ("username_ct", Sealed),
            ("username_bidx", Index),
            ("username_bidx_ver", IndexVersion),
            ("email_ct", Sealed),
            ("email_bidx", Index),
            ("email_bidx_ver", IndexVersion),
            ("display_name_ct", Sealed),
            ("phone_ct", Sealed),
            ("status", Word),
            ("email_verified_at", Time),
            ("epoch", Count),
            ("last_login_at", Time),
            ("erased_at", Time),
            ("pii_mac", Mac),
            ("row_mac", Mac),
        ],
    ),
    (
        "passwords",
        stamped![
            ("user_id", Pseudonym),
            ("organization_id", Id),
            ("phc_ct", Sealed),
            ("changed_at", Time),
            ("row_mac", Mac),
        ],
    ),
    (
        "totp_factors",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("secret_ct", Sealed),
            ("confirmed_at", Time),
            ("last_step", Count),
            ("row_mac", Mac),
        ],
    ),
    (
        "backup_codes",
        &[
            ("user_id", Pseudonym),
            ("code_mac", Mac),
            ("organization_id", Id),
            ("created_at", Time),
        ],
    ),
    (
        "mfa_challenges",
        &[
            ("challenge_hash", Hash),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("epoch", Count),
            ("password_changed_at", Time),
            ("expires_at", Time),
            ("created_at", Time),
        ],
    ),
    (
        "api_keys",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("lookup", Id),
            ("secret_hash", Hash),
            ("name_ct", Sealed),
            ("scopes", Word),
            ("networks_ct", Sealed),
            ("expires_at", Time),
            ("revoked_at", Time),
            ("successor_id", Id),
            ("last_used_at", Time),
            ("last_used_ip_ct", Sealed),
            ("row_mac", Mac),
        ],
    ),
    (
        "account_links",
        columns! {
            Id "id" "organization_id"; Pseudonym "user_id"; Word "purpose"; Hash "link_hash"; Sealed "address_ct";
            Time "expires_at" "created_at"; Mac "row_mac";
        },
    ),
    (
        "invitations",
        columns! {
            Id "id" "organization_id"; Hash "token_hash"; Sealed "email_ct"; Mac "email_tag" "row_mac"; Word "roles";
            Time "expires_at" "created_at"; Pseudonym "created_by";
        },
    ),
    (
        "mail_outbox",
        columns! {
            Id "id" "organization_id" "request_id"; Pseudonym "user_id"; Word "kind"; Sealed "content_ct"; Count "attempts";
            Time "due_at" "expires_at" "created_at";
        },
    ),
    (
        "user_roles",
        &[
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("role", Word),
            ("granted_at", Time),
            ("granted_by", Pseudonym),
        ],
    ),
    (
        "login_guards",
        &[
            ("organization_id", Id),
            ("account", Hash),
            ("authenticator", Word),
            ("user_id", Pseudonym),
            ("failures", Count),
            ("blocked_until", Time),
            ("updated_at", Time),
        ],
    ),
    (
        "bootstrap_tokens",
        &[
            ("organization_id", Id),
            ("token_hash", Hash),
            ("created_at", Time),
            ("used_at", Time),
        ],
    ),
    (
        "sessions",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("user_id", Pseudonym),
            ("epoch", Count),
            ("aal", Word),
            ("amr", Word),
            ("auth_time", Time),
            ("ip_ct", Sealed),
            ("user_agent_ct", Sealed),
            ("last_seen_at", Time),
            ("expires_at", Time),
            ("idle_expires_at", Time),
            ("cookie_hash", Hash),
            ("network_tag", Hash),
            ("browser_tag", Hash),
            ("moved_at", Time),
            ("previous_login_at", Time),
            ("revoked_at", Time),
            ("revoke_reason", Word),
        ],
    ),
    (
        "refresh_families",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("session_id", Id),
            ("user_id", Pseudonym),
            ("generation", Count),
            ("idle_expires_at", Time),
            ("expires_at", Time),
            ("revoked_at", Time),
        ],
    ),
    (
        "refresh_tokens",
        &[
            ("token_hash", Hash),
            ("organization_id", Id),
            ("family_id", Id),
            ("generation", Count),
            ("used_at", Time),
            ("successor_ct", SealedElsewhere),
            ("created_at", Time),
        ],
    ),
    (
        "crypto_keys",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("subject_id", Pseudonym),
            ("purpose", Word),
            ("key_version", Count),
            ("algorithm", Word),
            ("state", Word),
            ("wrapped", Wrapped),
            ("wrapped_by", Word),
            ("public_key", Hash),
            ("fingerprint", Hash),
            ("created_at", Time),
            ("activated_at", Time),
            ("state_changed_at", Time),
            ("not_after", Time),
            ("revision", Count),
            ("mac", Mac),
        ],
    ),
    (
        "audit_intake",
        &[
            ("ord", Count),
            ("xid", Count),
            ("id", Id),
            ("occurred_at", Time),
            ("organization_id", Id),
            ("request_id", Id),
            ("actor_kind", Word),
            ("actor_id", Pseudonym),
            ("action", Word),
            ("resource_kind", Word),
            ("resource_id", Pseudonym),
            ("outcome", Word),
            ("body", Account),
            ("parts", Sealed),
            ("mac", Mac),
            ("reason", Word),
        ],
    ),
    (
        "audit_node",
        &[("level", Count), ("node_index", Count), ("hash", Hash)],
    ),
    (
        "audit_checkpoint",
        &[
            ("number", Count),
            ("size", Count),
            ("note", Tolerated("a signed size and root; no person wrote it")),
            ("signed_at", Time),
        ],
    ),
    (
        "audit_latest",
        &[
            ("id", Id),
            ("kept", Count),
            ("size", Count),
            ("note", Tolerated("a signed size and root; no person wrote it")),
            ("signed_at", Time),
        ],
    ),
    (
        "audit_subject_ref",
        &[
            ("event_id", Id),
            ("organization_id", Id),
            ("subject_id", Pseudonym),
        ],
    ),
    (
        "audit_leaf",
        &[
            ("seq", Count),
            ("event_id", Id),
            ("leaf_hash", Hash),
            ("chain", Hash),
            ("xid", Count),
            ("ord", Count),
        ],
    ),
    (
        "audit_exports",
        &[
            ("sink", Word),
            ("seq", Count),
            ("chain", Hash),
            ("format", Word),
            ("updated_at", Time),
            ("problem", Word),
        ],
    ),
    (
        "audit_hold",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("reason", NOTE_OF_HOLD),
            ("of_organization", Id),
            ("of_subject", Pseudonym),
            ("of_actor", Pseudonym),
            ("of_class", Word),
            ("from_at", Time),
            ("until_at", Time),
            ("placed_at", Time),
            ("placed_by_kind", Word),
            ("placed_by", Pseudonym),
            ("event_id", Id),
        ],
    ),
    (
        "audit_hold_release",
        &[
            ("hold_id", Id),
            ("released_at", Time),
            ("released_by_kind", Word),
            ("released_by", Pseudonym),
            ("event_id", Id),
        ],
    ),
    (
        "audit_prune_run",
        &[
            ("id", Id),
            ("requested_at", Time),
            ("requested_by_kind", Word),
            ("requested_by", Pseudonym),
            ("policy", Word),
            ("event_id", Id),
        ],
    ),
    (
        "audit_prune_end",
        &[("run_id", Id), ("ended_at", Time), ("finding", Word)],
    ),
    (
        "audit_prune_batch",
        &[
            ("event_id", Id),
            ("run_id", Id),
            ("class", Word),
            ("cutoff", Time),
            ("removed", Count),
            ("pruned_at", Time),
            ("xid", Count),
        ],
    ),
    ("audit_pruned", &[("seq", Count), ("event_id", Id)]),
    (
        "key_transitions",
        &[
            ("key_id", Id),
            ("revision", Count),
            ("organization_id", Id),
            ("from_state", Word),
            ("to_state", Word),
            ("occurred_at", Time),
            ("actor_kind", Word),
            ("actor_id", Pseudonym),
            ("reason", Word),
            ("note", NOTE),
            ("event_id", Id),
        ],
    ),
    (
        "keysets",
        &[
            ("organization_id", Id),
            ("purpose", Word),
            ("minimum_version", Count),
            ("suspended_may_process", Word),
            ("cryptoperiod", Time),
            ("message_limit", Count),
            ("byte_limit", Count),
            ("revision", Count),
            ("updated_at", Time),
            ("authenticated_by", Id),
            ("mac", Mac),
        ],
    ),
    (
        "approvals",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("action", Word),
            ("subject_id", Id),
            ("subject_revision", Count),
            ("reason", Word),
            ("note", NOTE),
            ("requested_by", Pseudonym),
            ("requested_at", Time),
            ("expires_at", Time),
            ("state", Word),
            ("decided_by", Pseudonym),
            ("decided_at", Time),
            ("revision", Count),
            ("authenticated_by", Id),
            ("mac", Mac),
        ],
    ),
    (
        "key_usage",
        &[
            ("key_id", Id),
            ("organization_id", Id),
            ("messages", Count),
            ("bytes", Count),
            ("revision", Count),
            ("authenticated_by", Id),
            ("mac", Mac),
        ],
    ),
    (
        "audit_cosignature",
        &[
            ("size", Count),
            ("witness", Word),
            ("key_id", Id),
            ("note", Tolerated("a checkpoint, which is public")),
            ("line", Tolerated("a signature over a public checkpoint")),
            ("cosigned_at", Time),
        ],
    ),
    (
        "erasures",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("subject_id", Pseudonym),
            ("erased_at", Time),
            ("certificate", Account),
        ],
    ),
    (
        "key_jobs",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("kind", Word),
            ("purpose", Word),
            ("state", Word),
            ("rows_per_second", Count),
            ("cursor", Id),
            ("pass_number", Count),
            ("pass_started_at", Time),
            ("pass_found", Count),
            ("pass_stuck", Count),
            ("rows_done", Count),
            ("rows_skipped", Count),
            ("rows_total", Count),
            ("error", Word),
        ],
    ),
    (
        "audit_findings",
        &[
            ("id", Id),
            ("organization_id", Id),
            ("rule", Word),
            ("severity", Word),
            ("happened_at", Time),
            ("raised_at", Time),
            ("event_id", Id),
            ("detection", Account),
        ],
    ),
    (
        "audit_finding_changes",
        &[
            ("finding_id", Id),
            ("number", Count),
            ("organization_id", Id),
            ("to_status", Word),
            ("changed_at", Time),
            ("actor", Pseudonym),
            (
                "note",
                Tolerated("what was done about a finding, by whoever did it"),
            ),
            ("event_id", Id),
        ],
    ),
    (
        "audit_rules",
        stamped![
            ("organization_id", Id),
            ("rule", Word),
            ("enabled", Word),
            ("overrides", Count),
            ("silent_until", Time),
            (
                "silence_reason",
                Tolerated("why nobody is told of what a rule finds")
            ),
        ],
    ),
    (
        "audit_analysis",
        &[
            ("id", Count),
            ("evaluated", Count),
            ("snapshot", Account),
            ("saved_at", Time),
            ("mac", Mac),
        ],
    ),
    (
        "audit_alerts",
        &[
            ("finding_id", Id),
            ("sink", Word),
            ("organization_id", Id),
            ("attempts", Count),
            ("queued_at", Time),
            ("next_at", Time),
            ("tried_at", Time),
            ("problem", Word),
        ],
    ),
];

const NOTE_OF_HOLD: ColumnClass = Tolerated("why events are held, by an auditor, about a case");
const NOTE: ColumnClass = Tolerated("why a key's state was changed, by a custodian, about a key");

/// What a column holds; `None` for one that nobody has thought about.
pub fn class_of(table: &str, column: &str) -> Option<ColumnClass> {
    let (_, columns) = TABLES.iter().find(|(name, _)| *name == table)?;
    columns
        .iter()
        .find(|(name, _)| *name == column)
        .map(|(_, class)| *class)
}

/// Parts of names that sound personal.
const PERSONAL: [&str; 26] = [
    "address", "addr", "agent", "avatar", "birth", "birthday", "city", "dob", "email", "fax", "first",
    "gender", "ip", "lastname", "locale", "location", "mail", "mobile", "name", "note", "phone", "photo",
    "ssn", "surname", "tel", "username",
];

/// Whether a column's name sounds as if it held something about a person.
pub fn sounds_personal(column: &str) -> bool {
    column.split('_').any(|word| PERSONAL.contains(&word))
}

impl ColumnClass {
    /// Whether it may hold what a name that sounds personal promises.
    pub const fn is_answered_for(self) -> bool {
        matches!(
            self,
            Sealed | SealedElsewhere | Index | IndexVersion | Mac | Time | Tolerated(_)
        )
    }
    /// Whether it must hold bytes.
    pub const fn is_bytes(self) -> bool {
        matches!(self, Sealed | SealedElsewhere | Index | Wrapped | Mac | Hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encrypted::Encrypted, entity, sealed_columns::SEALED_TABLES};

    /// The lists agree: what is sealed under keys of the registry is what jobs seal anew.
    #[test]
    fn what_is_sealed_is_what_is_sealed_anew() {
        let listed: Vec<(&str, Vec<&str>)> = SEALED_TABLES
            .iter()
            .map(|table| {
                (
                    table.name,
                    table.columns.iter().map(|column| column.name).collect(),
                )
            })
            .collect();
        let classified: Vec<(&str, Vec<&str>)> = TABLES
            .iter()
            .map(|(table, columns)| {
                let sealed = columns.iter().filter(|(_, class)| *class == Sealed);
                (*table, sealed.map(|(column, _)| *column).collect::<Vec<_>>())
            })
            .filter(|(_, columns)| !columns.is_empty())
            .collect();
        assert_eq!(sorted(listed), sorted(classified));
    }

    fn sorted(mut all: Vec<(&str, Vec<&str>)>) -> Vec<(String, Vec<String>)> {
        all.sort_unstable();
        all.into_iter()
            .map(|(table, mut columns)| {
                columns.sort_unstable();
                (table.to_owned(), columns.into_iter().map(str::to_owned).collect())
            })
            .collect()
    }

    #[test]
    fn names_sound_personal_by_whole_words() {
        for column in [
            "email",
            "ip_ct",
            "home_address",
            "user_agent",
            "birth_date",
            "phone_ct",
        ] {
            assert!(sounds_personal(column), "{column}");
        }
        for column in ["id", "description", "shipped_at", "nameless", "actor_kind"] {
            assert!(!sounds_personal(column), "{column}");
        }
    }

    /// Compiles only while the entities hold sealed columns by their type.
    #[test]
    fn entities_hold_sealed_columns_sealed() {
        fn encrypted<M, T>(_: impl Fn(&M) -> &Option<Encrypted<T>>) {}
        fn always<M, T>(_: impl Fn(&M) -> &Encrypted<T>) {}
        encrypted(|row: &entity::users::Model| &row.username_ct);
        encrypted(|row: &entity::users::Model| &row.email_ct);
        encrypted(|row: &entity::users::Model| &row.display_name_ct);
        encrypted(|row: &entity::users::Model| &row.phone_ct);
        encrypted(|row: &entity::sessions::Model| &row.ip_ct);
        encrypted(|row: &entity::sessions::Model| &row.user_agent_ct);
        encrypted(|row: &entity::api_keys::Model| &row.networks_ct);
        encrypted(|row: &entity::api_keys::Model| &row.last_used_ip_ct);
        always(|row: &entity::api_keys::Model| &row.name_ct);
        always(|row: &entity::passwords::Model| &row.phc_ct);
        always(|row: &entity::totp_factors::Model| &row.secret_ct);
    }
}
