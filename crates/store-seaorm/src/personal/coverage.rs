//! What of each table that can refer to a person is theirs to take out. A test goes through the classification of all columns, and
//! refuses a table that is not here, and a sealed column that is neither handed out nor withheld for a reason.

use crate::classification::ColumnClass;

/// What becomes of a table in an export.
pub(super) enum Coverage {
    /// Its rows are about the person in this column.
    Part {
        /// Whose a row is.
        whose: &'static str,
        /// The newest row is the one with the greatest of this.
        order: &'static str,
        /// What is in it and not handed out, each with the reason.
        withheld: &'static [(&'static str, &'static str)],
    },
    /// It is not handed out.
    LeftOut {
        /// Why.
        reason: &'static str,
        /// The rows that name the person in one of these are counted.
        counted: &'static [&'static str],
    },
}

use Coverage::{LeftOut, Part};

const OF_A_SECRET: &str = "a secret that lets people in";
const OF_A_CASE: &str = "about a legal case, of which its subject need not be told (GDPR Art. 23)";
const OF_KEYS: &str = "about keys: what a custodian did is in their lines of the audit log";
const OF_THE_LOG: &str = "the audit log itself: GET /api/v1/me/audit shows each line that touches the person, and audit_subject_ref counts them";

const OF_RULES: &str =
    "about the rules by which the log is analysed: what an auditor did is in their lines of the audit log";

const fn whole(whose: &'static str, order: &'static str) -> Coverage {
    Part {
        whose,
        order,
        withheld: &[],
    }
}

const fn left_out(reason: &'static str, counted: &'static [&'static str]) -> Coverage {
    LeftOut { reason, counted }
}

/// Each table that can refer to a person.
pub(super) const COVERAGE: &[(&str, Coverage)] = &[
    ("users", whole("id", "id")),
    (
        "passwords",
        Part {
            whose: "user_id",
            order: "user_id",
            withheld: &[("phc_ct", OF_A_SECRET)],
        },
    ),
    (
        "password_history",
        Part {
            whose: "user_id",
            order: "id",
            withheld: &[("phc_ct", OF_A_SECRET)],
        },
    ),
    (
        "totp_factors",
        Part {
            whose: "user_id",
            order: "id",
            withheld: &[("secret_ct", OF_A_SECRET)],
        },
    ),
    ("backup_codes", whole("user_id", "created_at")),
    ("mfa_challenges", whole("user_id", "created_at")),
    ("passkeys", whole("user_id", "id")),
    ("passkey_challenges", whole("user_id", "created_at")),
    ("api_keys", whole("user_id", "id")),
    ("account_links", whole("user_id", "id")),
    (
        "invitations",
        Part {
            whose: "created_by",
            order: "id",
            withheld: &[("email_ct", "the address of somebody else, who is invited")],
        },
    ),
    (
        "mail_outbox",
        Part {
            whose: "user_id",
            order: "id",
            withheld: &[(
                "content_ct",
                "it may hold a link that is as good as a password; the mail reaches the address",
            )],
        },
    ),
    ("user_roles", whole("user_id", "role")),
    ("login_guards", whole("user_id", "updated_at")),
    ("sessions", whole("user_id", "id")),
    ("refresh_families", whole("user_id", "id")),
    ("consents", whole("user_id", "accepted_at")),
    ("erasure_requests", whole("user_id", "requested_at")),
    ("audit_subject_ref", whole("subject_id", "event_id")),
    (
        "policies",
        left_out(
            "an organization's rules; who wrote one is a line of the audit log",
            &[],
        ),
    ),
    (
        "custom_roles",
        left_out(
            "an organization's roles; who made one is a line of the audit log, and who holds one is in user_roles",
            &[],
        ),
    ),
    (
        "break_glass",
        left_out(
            "an account for emergencies, which is nobody's: who sealed and who opened it are lines of the audit log",
            &[],
        ),
    ),
    (
        "organizations",
        left_out(
            "about the tenant; who made or changed it is a line of the audit log",
            &[],
        ),
    ),
    ("audit_intake", left_out(OF_THE_LOG, &["actor_id"])),
    ("audit_hold", left_out(OF_A_CASE, &[])),
    ("audit_hold_release", left_out(OF_A_CASE, &[])),
    ("audit_prune_run", left_out(OF_THE_LOG, &[])),
    (
        "audit_findings",
        left_out(
            "what the analysis of the log found, which is under investigation (GDPR Art. 23)",
            &[],
        ),
    ),
    (
        "audit_finding_changes",
        left_out(
            "what an auditor did about a finding: it is in their lines of the audit log",
            &[],
        ),
    ),
    ("audit_rules", left_out(OF_RULES, &[])),
    ("audit_analysis", left_out(OF_RULES, &[])),
    (
        "crypto_keys",
        left_out(
            "the keys under which the person's data is sealed: secrets",
            &["subject_id"],
        ),
    ),
    ("key_transitions", left_out(OF_KEYS, &["actor_id"])),
    ("approvals", left_out(OF_KEYS, &[])),
    ("key_jobs", left_out(OF_KEYS, &["created_by", "updated_by"])),
    (
        "erasures",
        left_out(
            "the certificate of an erasure: nobody is left to export then",
            &["subject_id"],
        ),
    ),
];

/// Why a column of this class is never handed out; `None` if it is.
pub(super) const fn never(class: ColumnClass) -> Option<&'static str> {
    match class {
        ColumnClass::SealedElsewhere | ColumnClass::Wrapped => Some(OF_A_SECRET),
        ColumnClass::Index | ColumnClass::IndexVersion => {
            Some("a keyed digest of a value that is in the export, or its key's version")
        }
        ColumnClass::Mac => Some("a keyed digest that shows that nobody else wrote it"),
        ColumnClass::Hash => Some("a digest of something random, or a keyed digest of a place"),
        ColumnClass::Account => Some("the entry of the audit log itself"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classification::tables;

    fn refers(class: ColumnClass) -> bool {
        matches!(class, ColumnClass::Pseudonym | ColumnClass::Account)
    }

    #[test]
    fn every_table_that_can_refer_to_a_person_is_exported_or_left_out_for_a_reason() {
        for (table, columns) in tables() {
            let can_refer = columns.iter().any(|(_, class)| refers(*class));
            let covered = COVERAGE.iter().filter(|(name, _)| name == table).count();
            assert_eq!(covered, usize::from(can_refer), "{table}");
        }
        for (table, coverage) in COVERAGE {
            assert!(tables().any(|(name, _)| name == table), "{table} is no table");
            if let LeftOut { reason, .. } = coverage {
                assert!(!reason.is_empty(), "{table}");
            }
        }
    }

    #[test]
    fn what_a_table_says_of_its_columns_is_so() {
        for (table, coverage) in COVERAGE {
            let (_, columns) = tables().find(|(name, _)| name == table).unwrap();
            let class = |name: &str| {
                let found = columns.iter().find(|(column, _)| *column == name);
                found.unwrap_or_else(|| panic!("{table}.{name}")).1
            };
            match coverage {
                Part {
                    whose,
                    order,
                    withheld,
                } => {
                    assert_eq!(class(whose), ColumnClass::Pseudonym, "{table}.{whose}");
                    class(order);
                    class("organization_id");
                    for (column, reason) in *withheld {
                        assert_eq!(class(column), ColumnClass::Sealed, "{table}.{column}");
                        assert!(!reason.is_empty());
                    }
                }
                LeftOut { counted, .. } => {
                    for column in *counted {
                        assert_eq!(class(column), ColumnClass::Pseudonym, "{table}.{column}");
                        class("organization_id");
                    }
                }
            }
        }
    }

    /// A column that is sealed under a table's key cannot be erased: it is no place for what a person would be handed out.
    #[test]
    fn what_is_handed_out_of_sealed_columns_is_sealed_under_the_persons_key() {
        use crate::sealed_columns::SEALED_TABLES;
        use vutf_crypto_keys::job::Protection;
        for (table, coverage) in COVERAGE {
            let Part { withheld, .. } = coverage else { continue };
            let sealed = SEALED_TABLES.iter().filter(|sealed| sealed.name == *table);
            for column in sealed.flat_map(|sealed| sealed.columns) {
                let is_withheld = withheld.iter().any(|(name, _)| *name == column.name);
                let of_person = matches!(column.protection, Protection::Subject);
                assert_eq!(is_withheld, !of_person, "{table}.{}", column.name);
            }
        }
    }
}
