//! What every column of every table holds, as far as protection goes. A test reads the schema of both databases and refuses a
//! column that is not here, a sealed one that does not hold bytes, and one whose name sounds personal and that says neither
//! that it is sealed nor why it need not be.

pub use self::tables::tables;

use self::ColumnClass::{Hash, Index, IndexVersion, Mac, Sealed, SealedElsewhere, Time, Tolerated, Wrapped};

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

mod tables;

/// What a column holds; `None` for one that nobody has thought about.
pub fn class_of(table: &str, column: &str) -> Option<ColumnClass> {
    let (_, columns) = tables().find(|(name, _)| *name == table)?;
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
        let classified: Vec<(&str, Vec<&str>)> = tables()
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
        always(|row: &entity::password_history::Model| &row.phc_ct);
        always(|row: &entity::totp_factors::Model| &row.secret_ct);
        always(|row: &entity::passkeys::Model| &row.name_ct);
    }
}
