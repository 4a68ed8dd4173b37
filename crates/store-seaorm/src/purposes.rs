//! Which keys the tables of this store need.

use vutf_crypto_keys::Purpose;

/// Tables with sealed columns, and columns with a blind index.
const SEALED_TABLES: [&str; 4] = ["users", "passwords", "sessions", "audit_intake"];
const INDEXED: [(&str, &str); 2] = [("users", "username"), ("users", "email")];

/// Every organization needs a key for each of these before a row of it can be written.
pub fn key_purposes() -> Vec<Purpose> {
    let fields = SEALED_TABLES.iter().map(|table| Purpose::field(table));
    fields
        .chain(
            INDEXED
                .iter()
                .map(|(table, column)| Purpose::index(table, column)),
        )
        .collect()
}
