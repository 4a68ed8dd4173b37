//! `cargo xtask tidy`: sizes, forbidden words, manifests, links, and tests that documents name.

mod links;
mod manifests;
mod named_tests;
mod sizes;
mod text;

use anyhow::Result;

use crate::output::Findings;
use crate::workspace::{files, root, sources};

/// Checks this workspace.
pub(crate) fn check() -> Result<Findings> {
    let mut findings = Findings::default();
    let files = files(root())?;
    let sources = sources(root())?;
    sizes::check(&sources, &mut findings)?;
    manifests::check(root(), &files, &mut findings)?;
    let tests = named_tests::Tests::read(&sources)?;
    for file in &files {
        // What is not UTF-8 is not text.
        let Ok(content) = std::fs::read_to_string(root().join(file)) else {
            continue;
        };
        text::check(file, &content, &mut findings);
        links::check(root(), file, &content, &mut findings);
        tests.check(file, &content, &mut findings);
    }
    Ok(findings)
}
