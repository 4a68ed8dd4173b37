//! Where things are, and how cargo is called.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use vutf_testkit::servers::settings::variable;

/// The directory of the workspace.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The cargo that started this task, run at the root and without standard input.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The standard output of `command`.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} failed: {}",
        command.get_program().display(),
        errors.trim_end()
    );
    String::from_utf8(output.stdout).context("the output is not UTF-8")
}

/// The files of the tree at `root`, relative to it: tracked ones, and new ones that git does not ignore.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = output_of(&mut git)?;
    let mut files: Vec<_> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect();
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// The Rust sources among the files at `root`, with their text.
pub(crate) fn sources(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let rust = files(root)?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|file| {
        let text = std::fs::read_to_string(root.join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        Ok((file, text))
    })
    .collect()
}

/// Programs of the workspace, built as the tests need them.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The service.
    pub(crate) service: PathBuf,
    /// Makes and keeps the template database of the tests.
    pub(crate) template: PathBuf,
}

/// What tests and packages have beyond the default build: every provider of key-encryption keys.
pub(crate) const FEATURES: [&str; 2] = ["--features", "vutf-server/pkcs11,vutf-server/aws-kms"];

/// Builds everything.
///
/// Always the whole workspace: another package set would unify other features and compile the stack twice.
pub(crate) fn build() -> Result<Programs> {
    let status = cargo()
        .args(["build", "--workspace", "--all-targets"])
        .args(FEATURES)
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the build failed");
    let debug = target()?.join("debug");
    let program = |name: &str| {
        let path = debug.join(name);
        ensure!(path.is_file(), "the build made no {}", path.display());
        Ok(path)
    };
    Ok(Programs {
        service: program("violentutf-api")?,
        template: program("vutf-test-template")?,
    })
}

/// The target directory.
pub(crate) fn target() -> Result<PathBuf> {
    let text = output_of(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .context("cargo metadata names no target directory")
}
