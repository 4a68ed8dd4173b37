//! The key-encryption key and the tenant key exchanged above many keys of persons.

use anyhow::Result;

use super::lines;
use crate::output::say;

pub(crate) fn run(subjects: usize) -> Result<()> {
    let subjects = subjects.to_string();
    for line in lines("vutf-store-seaorm", "kek", &["--subjects", &subjects])? {
        say(&format!(
            "{}: {} keys of persons; key-encryption key exchanged in {} s, tenant key exchanged and {} keys rewrapped in {} s",
            line["database"].as_str().unwrap_or_default(),
            line["subject_keys"],
            line["kek_rotation_seconds"],
            line["rewrapped"],
            line["tenant_rotation_and_rewrap_seconds"],
        ));
        say(&format!(
            "  SHA-256 over all fields, before = after: {}",
            line["fields_digest"].as_str().unwrap_or_default()
        ));
    }
    Ok(())
}
