//! A document that answers a threat with a test names one that exists.
//!
//! Two forms count: `path/to/file.rs::name` in code, anywhere in Markdown; and any name in code in the last column of a table
//! whose title is `test` or `tests`. A file in such a column is a path that ends with `.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::output::Findings;

/// The tests of the tree, by file.
pub(super) struct Tests(BTreeMap<PathBuf, BTreeSet<String>>);

impl Tests {
    /// Reads all Rust sources.
    pub(super) fn read(sources: &[(PathBuf, String)]) -> Result<Self> {
        let of = |(path, text): &(PathBuf, String)| {
            let file = syn::parse_file(text).with_context(|| format!("cannot parse {}", path.display()))?;
            let mut tests = Collect::default();
            tests.visit_file(&file);
            Ok((path.clone(), tests.0))
        };
        Ok(Self(sources.iter().map(of).collect::<Result<_>>()?))
    }

    /// Checks one Markdown file.
    pub(super) fn check(&self, file: &Path, text: &str, findings: &mut Findings) {
        if file.extension().is_none_or(|extension| extension != "md") {
            return;
        }
        for (line, named) in named(text) {
            if !self.knows(named) {
                findings.fault(format!("{}:{line}: there is no test {named}", file.display()));
            }
        }
    }

    fn knows(&self, named: &str) -> bool {
        match named.split_once("::") {
            Some((file, name)) => self
                .0
                .get(Path::new(file))
                .is_some_and(|tests| tests.contains(name)),
            None if is_file(named) => self.0.contains_key(Path::new(named)),
            None => self.0.values().any(|tests| tests.contains(named)),
        }
    }
}

/// Functions under an attribute that ends with `test`, and whatever stands in a macro beside them: some macros take the names
/// of tests, others their bodies.
#[derive(Default)]
struct Collect(BTreeSet<String>);

impl<'ast> Visit<'ast> for Collect {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == "test")
        };
        if item.attrs.iter().any(is_test) {
            self.0.insert(item.sig.ident.to_string());
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        // The definition of a macro has a name; its use has none.
        if item.ident.is_none() {
            self.words(item.mac.tokens.clone());
        }
    }
}

impl Collect {
    fn words(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    self.0.insert(ident.to_string());
                }
                TokenTree::Group(group) => self.words(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

/// What a Markdown text says is a test, with line numbers.
fn named(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_table_of_tests = false;
    for (index, line) in text.lines().enumerate() {
        let last_cell = line.strip_suffix('|').and_then(|row| row.rsplit_once('|'));
        match last_cell.map(|(_, cell)| cell.trim()) {
            Some("test" | "tests") => in_table_of_tests = true,
            Some(cell) if in_table_of_tests => found.extend(code(cell).map(|span| (index + 1, span))),
            Some(_) => {}
            None => in_table_of_tests = false,
        }
        if !in_table_of_tests {
            let full = code(line).filter(|span| span.split_once("::").is_some_and(|(file, _)| is_file(file)));
            found.extend(full.map(|span| (index + 1, span)));
        }
    }
    found
}

fn is_file(text: &str) -> bool {
    text.contains('/')
        && Path::new(text)
            .extension()
            .is_some_and(|extension| extension == "rs")
}

/// The code spans of a line: every second piece between backquotes.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
        #[test] fn plain() {}
        fn helper() {}
        #[cfg(test)] mod tests { #[tokio::test] async fn nested() {} }
        on_both!(listed, also_listed);
        proptest! { #[test] fn generated(x in 0..9) { body(x) } }
        macro_rules! defined { () => { unrelated } }
    ";

    fn faults(markdown: &str) -> Vec<String> {
        let sources = [(PathBuf::from("crates/a/tests/b.rs"), SOURCE.to_owned())];
        let mut findings = Findings::default();
        let tests = Tests::read(&sources).unwrap();
        tests.check(Path::new("docs/a.md"), markdown, &mut findings);
        findings.faults
    }

    #[test]
    fn a_test_that_is_there_may_be_named() {
        for name in ["plain", "nested", "listed", "also_listed", "generated"] {
            let text = format!(
                "see `crates/a/tests/b.rs::{name}`\n\n| threat | test |\n|---|---|\n| x | `{name}` |\n"
            );
            assert_eq!(faults(&text), Vec::<String>::new());
        }
        assert!(faults("| threat | tests |\n|---|---|\n| x | `crates/a/tests/b.rs` |\n").is_empty());
    }

    #[test]
    fn a_test_that_is_not_there_is_a_fault() {
        for name in ["helper", "unrelated", "gone"] {
            assert_eq!(
                faults(&format!("see `crates/a/tests/b.rs::{name}`")).len(),
                1,
                "{name}"
            );
            assert_eq!(
                faults(&format!("| x | test |\n|---|---|\n| y | `{name}` |")).len(),
                1,
                "{name}"
            );
        }
        assert_eq!(
            faults("see `crates/a/tests/c.rs::plain`"),
            ["docs/a.md:1: there is no test crates/a/tests/c.rs::plain"]
        );
    }

    #[test]
    fn other_columns_and_other_code_are_left_alone() {
        let text = "| test | what |\n|---|---|\n| `gone` | `gone` |\n\n`std::fs` and `gone`\n\n| x | test |\n|---|---|\n\n| a | b |\n|---|---|\n| y | `gone` |\n";
        assert!(faults(text).is_empty());
    }
}
