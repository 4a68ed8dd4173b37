//! Re-encryption of many rows by release processes, beside the bare UPDATEs of the same database.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::lines;
use crate::output::say;

pub(crate) fn run(rows: usize) -> Result<()> {
    let rows = rows.to_string();
    for line in lines("vutf-server", "reencrypt", &["--rows", &rows])? {
        let number = |name: &str| line[name].as_f64().with_context(|| format!("no {name}"));
        say(&format!(
            "{}: {} rows; re-encrypted {:.0} rows/s, bare UPDATE {:.0} rows/s, ratio {:.2}",
            line["database"].as_str().unwrap_or_default(),
            rows,
            number("reencrypt_rows_per_second")?,
            number("raw_update_rows_per_second")?,
            number("ratio")?,
        ));
        say(&format!("  {}", drill(&line)));
        say(&format!(
            "  verified: {}, audit verify: {}",
            line["verified"], line["audit_verify"]
        ));
    }
    Ok(())
}

fn drill(line: &Value) -> String {
    let drill = &line["drill"];
    format!(
        "drill: {} kills of {} processes over {} jobs in {} s, {} passwords changed meanwhile",
        drill["kills"],
        drill["processes"],
        drill["jobs"],
        drill["seconds"],
        drill["passwords_changed_meanwhile"],
    )
}
