//! `cargo xtask layers`: who may import whom, held against `cargo metadata` and the sources.

mod graph;
mod source;
mod table;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::output::Findings;
use crate::workspace::{cargo, output_of, sources};

pub(crate) use graph::Metadata;

/// Checks the workspace of `manifest`, or this one.
pub(crate) fn check(manifest: Option<&Path>) -> Result<Findings> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    if let Some(manifest) = manifest {
        command
            .arg("--manifest-path")
            .arg(manifest.canonicalize().context("no such manifest")?);
    }
    let metadata: Metadata = serde_json::from_str(&output_of(&mut command)?)?;
    let mut findings = Findings::default();
    findings.faults.extend(graph::check(&metadata));
    findings.faults.extend(graph::unused(&metadata));
    let sources = sources(&metadata.workspace_root)?;
    findings.faults.extend(source::check(&sources)?);
    findings.note(format!(
        "layers: {} crates, {} source files",
        metadata.packages.len(),
        sources.len()
    ));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_keeps_its_layers() {
        let findings = check(None).unwrap();
        assert!(findings.faults.is_empty(), "{}", findings.faults.join("\n"));
    }

    fn metadata() -> serde_json::Value {
        let text = output_of(cargo().args(["metadata", "--format-version", "1", "--no-deps"])).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_allowance_that_nobody_uses_any_more_is_found() {
        let mut metadata = metadata();
        for package in metadata["packages"].as_array_mut().unwrap() {
            let gone = ["vutf-kms", "argon2", "clap", "clap_complete"];
            let keep = |dependency: &serde_json::Value| !gone.iter().any(|name| dependency["name"] == *name);
            if package["name"] != "xtask" {
                package["dependencies"].as_array_mut().unwrap().retain(keep);
            }
        }
        let faults = graph::unused(&serde_json::from_value(metadata).unwrap());
        for part in [
            "vutf-server may import vutf-kms",
            "domain crates may import argon2",
            "vutf-server is a home of clap*",
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(part)),
                "{part}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_forbidden_import_planted_in_this_workspace_is_found() {
        let mut metadata = metadata();
        let packages = metadata["packages"].as_array_mut().unwrap();
        let identity = packages
            .iter_mut()
            .find(|package| package["name"] == "vutf-identity")
            .unwrap();
        let planted = serde_json::json!({ "name": "vutf-audit", "kind": null, "path": "crates/audit" });
        identity["dependencies"].as_array_mut().unwrap().push(planted);
        let faults = graph::check(&serde_json::from_value(metadata).unwrap());
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("vutf-identity must not import vutf-audit")),
            "{faults:?}"
        );
    }
}
