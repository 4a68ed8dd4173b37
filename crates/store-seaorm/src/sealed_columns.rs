//! Every column that holds ciphertexts under keys of the registry. What is not here is not re-encrypted, and its keys could be
//! destroyed under it: a test holds this list against the schema.
//!
//! `refresh_tokens.successor_ct` is not here: it is sealed under the bearer's own token and lives for seconds.

use vutf_crypto_keys::job::{Protection, SealedColumn, SealedTable};

const fn column(name: &'static str) -> SealedColumn {
    SealedColumn {
        name,
        protection: Protection::Table,
        indexed_as: None,
    }
}

/// Under the key of the person whose row it is.
const fn personal(name: &'static str) -> SealedColumn {
    SealedColumn {
        protection: Protection::Subject,
        ..column(name)
    }
}

const fn indexed(name: &'static str, indexed_as: &'static str) -> SealedColumn {
    SealedColumn {
        indexed_as: Some(indexed_as),
        ..personal(name)
    }
}

const fn table(name: &'static str, columns: &'static [SealedColumn]) -> SealedTable {
    SealedTable {
        name,
        columns,
        append_only: false,
    }
}

/// The tables, with their columns of ciphertexts.
pub(crate) static SEALED_TABLES: [SealedTable; 11] = [
    table(
        "users",
        &[
            indexed("username_ct", "username"),
            indexed("email_ct", "email"),
            personal("display_name_ct"),
            personal("phone_ct"),
        ],
    ),
    table("passwords", &[column("phc_ct")]),
    table("password_history", &[column("phc_ct")]),
    table("totp_factors", &[column("secret_ct")]),
    table("sessions", &[personal("ip_ct"), personal("user_agent_ct")]),
    table(
        "api_keys",
        &[
            personal("name_ct"),
            personal("networks_ct"),
            personal("last_used_ip_ct"),
        ],
    ),
    table("passkeys", &[personal("name_ct")]),
    table("account_links", &[personal("address_ct")]),
    table("invitations", &[column("email_ct")]),
    // Of a letter under its person's key, of a request under the table's: that is the one that rotates.
    table("mail_outbox", &[column("content_ct")]),
    SealedTable {
        append_only: true,
        // Several ciphertexts in each, encoded as one.
        ..table("audit_intake", &[column("parts")])
    },
];

/// Where a table keeps what is bound as row and as person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    /// The primary key.
    pub(crate) key: &'static str,
    /// Whose row it is.
    pub(crate) subject: &'static str,
}

/// Of the tables above.
pub(crate) fn columns_of(table: &str) -> Option<Columns> {
    let (key, subject) = match table {
        // Of whom an invitation is, nobody knows.
        "users" | "invitations" => ("id", "id"),
        "passwords" => ("user_id", "user_id"),
        "sessions" | "totp_factors" | "passkeys" | "api_keys" | "account_links" | "mail_outbox"
        | "password_history" => ("id", "user_id"),
        "audit_intake" => ("id", "actor_id"),
        _ => return None,
    };
    Some(Columns { key, subject })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_says_where_row_and_person_stand() {
        for table in &SEALED_TABLES {
            assert!(columns_of(table.name).is_some(), "{}", table.name);
        }
    }
}
