//! Tables of policies, of roles that organizations made, and of accounts behind glass.

use crate::classification::{
    ColumnClass::{Count, Hash, Id, Mac, Pseudonym, Time, Tolerated, Word},
    ColumnClasses,
};

/// Each table and its columns.
pub(super) const TABLES: &[(&str, ColumnClasses)] = &[
    (
        "policies",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("name", Tolerated("a policy's name, shown to whoever it bars")),
            ("permissions", Word),
            ("roles", Word),
            (
                "conditions",
                Tolerated("networks, hours and ids of an organization's rules")
            ),
            ("row_mac", Mac),
        ],
    ),
    (
        "custom_roles",
        stamped![
            ("id", Id),
            ("organization_id", Id),
            ("name", Tolerated("a role's name, shown to whoever sees roles")),
            (
                "description",
                Tolerated("what a role is for, shown to whoever sees roles")
            ),
            ("permissions", Word),
            ("row_mac", Mac),
        ],
    ),
    (
        "break_glass",
        &[
            ("user_id", Pseudonym),
            ("organization_id", Id),
            ("secret_hash", Hash),
            ("sealed_at", Time),
            ("opened_at", Time),
            ("session_id", Id),
            ("row_mac", Mac),
        ],
    ),
];
