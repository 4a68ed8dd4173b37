//! What every crate has.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::output::Findings;

/// Checks each crate's manifest for the workspace's lints, and each crate under `crates/` for a README.
pub(super) fn check(root: &Path, files: &[PathBuf], findings: &mut Findings) -> Result<()> {
    for manifest in files.iter().filter(|file| file.ends_with("Cargo.toml")) {
        let text = std::fs::read_to_string(root.join(manifest))?;
        let table: toml::Table = text
            .parse()
            .with_context(|| format!("cannot parse {}", manifest.display()))?;
        // A package that is a workspace by itself is no crate of this one: its fuzz targets are built by cargo-fuzz alone.
        if !table.contains_key("package") || table.contains_key("workspace") {
            continue;
        }
        if !inherits_lints(&table) {
            findings.fault(format!(
                "{}: `[lints] workspace = true` is missing",
                manifest.display()
            ));
        }
        let folder = manifest.parent().unwrap_or(Path::new(""));
        if folder.starts_with("crates") && !root.join(folder).join("README.md").is_file() {
            findings.fault(format!("{}: README.md is missing", folder.display()));
        }
    }
    Ok(())
}

fn inherits_lints(manifest: &toml::Table) -> bool {
    manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_lints_or_readme_is_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("crates/new");
        std::fs::create_dir_all(&folder).unwrap();
        let faults = |manifest: &str| {
            std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
            let mut findings = Findings::default();
            check(
                root.path(),
                &[PathBuf::from("crates/new/Cargo.toml")],
                &mut findings,
            )
            .unwrap();
            findings.faults.len()
        };
        assert_eq!(faults("[package]\nname = \"new\""), 2);
        assert_eq!(faults("[package]\nname = \"new\"\n[lints]\nworkspace = true"), 1);
        std::fs::write(folder.join("README.md"), "# New\n").unwrap();
        assert_eq!(faults("[package]\nname = \"new\"\n[lints]\nworkspace = true"), 0);
        assert_eq!(faults("[workspace]"), 0);
        std::fs::remove_file(folder.join("README.md")).unwrap();
        assert_eq!(faults("[workspace]\n[package]\nname = \"fuzz\""), 0);
    }
}
