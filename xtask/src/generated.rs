//! `cargo xtask generate`: files that the binary writes and the tree keeps.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::output::{Findings, say};
use crate::workspace::{build, root};

/// The arguments of `violentutf-api`, and the file that holds what it prints.
const GENERATED: &[(&[&str], &str)] = &[
    (&["openapi"], "docs/api/openapi.json"),
    (&["config", "schema", "--markdown"], "docs/configuration.md"),
];

/// The exit code for a wrong command line.
const USAGE: i32 = 2;

/// Writes every generated file.
pub(crate) fn write() -> Result<()> {
    let binary = build()?.service;
    for (arguments, file) in GENERATED {
        let text = generate(&binary, arguments)?
            .with_context(|| format!("the binary has no command `{}`", arguments.join(" ")))?;
        let path = root().join(file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {file}"))?;
        say(&format!("wrote {file}"));
    }
    Ok(())
}

/// Compares every generated file with what the binary prints now.
pub(crate) fn check() -> Result<Findings> {
    let binary = build()?.service;
    let mut findings = Findings::default();
    for (arguments, file) in GENERATED {
        let fresh = generate(&binary, arguments)?;
        let kept = std::fs::read_to_string(root().join(file)).ok();
        compare(file, kept.as_deref(), fresh.as_deref(), &mut findings);
    }
    Ok(findings)
}

fn compare(file: &str, kept: Option<&str>, fresh: Option<&str>, findings: &mut Findings) {
    match (kept, fresh) {
        (Some(kept), Some(fresh)) if kept == fresh => findings.note(format!("generate: {file} is fresh")),
        (Some(_), Some(_)) => findings.fault(format!("{file} is stale: run `cargo xtask generate`")),
        (None, Some(_)) => findings.fault(format!("{file} is missing: run `cargo xtask generate`")),
        (Some(_), None) => findings.fault(format!("{file}: the binary has no command that writes it")),
        (None, None) => findings.note(format!(
            "generate: {file}: neither the file nor its command exists"
        )),
    }
}

/// What the binary prints, `None` when it does not know the command.
fn generate(binary: &Path, arguments: &[&str]) -> Result<Option<String>> {
    // An empty directory: the developer's own settings must not reach the documents.
    let directory = tempfile::tempdir()?;
    let output = Command::new(binary)
        .args(arguments)
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if output.status.code() == Some(USAGE) {
        return Ok(None);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        arguments.join(" "),
        errors.trim_end()
    );
    let text = String::from_utf8(output.stdout)?;
    // A file ends with one line feed, whatever the command prints.
    Ok((!text.trim().is_empty()).then(|| format!("{}\n", text.trim_end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_missing_and_orphaned_files_are_faults() {
        for (kept, fresh, faults) in [
            (Some("a"), Some("a"), 0),
            (Some("a"), Some("b"), 1),
            (None, Some("b"), 1),
            (Some("a"), None, 1),
            (None, None, 0),
        ] {
            let mut findings = Findings::default();
            compare("file", kept, fresh, &mut findings);
            assert_eq!(findings.faults.len(), faults, "{kept:?} {fresh:?}");
        }
    }
}
