//! Budgets for files and functions. A budget is a smell detector: split where the idea splits.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::output::Findings;

const FILE_CAP: usize = 700;
const FILE_P95: usize = 500;
const FILE_MEDIAN: usize = 200;
const FUNCTION_CAP: usize = 100;
const FUNCTION_P95: usize = 50;
const LIB_CAP: usize = 80;

/// Something with a size, and the place to name it by.
type Sized = (usize, String);

/// Measures all Rust sources.
pub(super) fn check(sources: &[(PathBuf, String)], findings: &mut Findings) -> Result<()> {
    let mut files: Vec<Sized> = Vec::new();
    let mut functions: Vec<Sized> = Vec::new();
    for (path, text) in sources {
        files.push((text.lines().count(), path.display().to_string()));
        functions.extend(functions_of(path, text)?);
    }
    files.sort();
    functions.sort();
    for (lines, place) in &files {
        if *lines > FILE_CAP {
            findings.fault(format!("{place}: {lines} lines, at most {FILE_CAP} are allowed"));
        }
        if place.ends_with("src/lib.rs") && *lines > LIB_CAP {
            findings.fault(format!(
                "{place}: {lines} lines, at most {LIB_CAP} are allowed in lib.rs"
            ));
        }
    }
    for (lines, place) in functions.iter().filter(|(lines, _)| *lines > FUNCTION_CAP) {
        findings.fault(format!(
            "{place}: {lines} lines, at most {FUNCTION_CAP} are allowed in a function"
        ));
    }
    percentile_at_most("files", &files, 50, FILE_MEDIAN, findings);
    percentile_at_most("files", &files, 95, FILE_P95, findings);
    percentile_at_most("functions", &functions, 95, FUNCTION_P95, findings);
    findings.note(summary("files", &files));
    findings.note(summary("functions", &functions));
    Ok(())
}

/// The nearest-rank percentile of a sorted list.
fn percentile(sorted: &[Sized], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0, |(lines, _)| *lines)
}

fn percentile_at_most(what: &str, sorted: &[Sized], percent: usize, budget: usize, findings: &mut Findings) {
    let measured = percentile(sorted, percent);
    if measured > budget {
        findings.fault(format!(
            "{what}: percentile {percent} is {measured} lines, the budget is {budget}"
        ));
    }
}

fn summary(what: &str, sorted: &[Sized]) -> String {
    let (median, p95) = (percentile(sorted, 50), percentile(sorted, 95));
    let longest = sorted.last().map_or_else(String::new, |(lines, place)| {
        format!(", longest {lines} ({place})")
    });
    format!(
        "tidy: {} {what}, median {median} lines, p95 {p95}{longest}",
        sorted.len()
    )
}

fn functions_of(path: &Path, text: &str) -> Result<Vec<Sized>> {
    let file = syn::parse_file(text).with_context(|| format!("cannot parse {}", path.display()))?;
    let mut functions = Functions {
        path,
        found: Vec::new(),
    };
    functions.visit_file(&file);
    Ok(functions.found)
}

/// Collects functions and methods with a body, from `fn` to the closing brace.
struct Functions<'a> {
    path: &'a Path,
    found: Vec<Sized>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let start = signature.span().start().line;
        let lines = block.span().end().line + 1 - start;
        self.found.push((
            lines,
            format!("{}:{start} {}", self.path.display(), signature.ident),
        ));
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: String) -> Vec<String> {
        let mut findings = Findings::default();
        check(&[(PathBuf::from(path), text)], &mut findings).unwrap();
        findings.faults
    }

    fn function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "g();\n".repeat(lines - 2))
    }

    #[test]
    fn each_budget_can_be_broken() {
        assert!(faults("a.rs", function(50)).is_empty());
        assert_eq!(faults("a.rs", function(51)).len(), 1, "the percentile");
        assert_eq!(
            faults("a.rs", function(101)).len(),
            2,
            "the percentile and the cap"
        );
        assert_eq!(faults("a.rs", "// a\n".repeat(201)).len(), 1, "the median");
        assert_eq!(
            faults("a.rs", "// a\n".repeat(701)).len(),
            3,
            "median, percentile and cap"
        );
        assert!(faults("x/src/lib.rs", "// a\n".repeat(80)).is_empty());
        assert_eq!(faults("x/src/lib.rs", "// a\n".repeat(81)).len(), 1);
    }

    #[test]
    fn methods_trait_defaults_and_nested_functions_count() {
        let text = "impl A { fn a() {} }\ntrait B { fn b() {\n}\nfn c(); }\nfn d() { fn e() {} }\n";
        let functions = functions_of(Path::new("a.rs"), text).unwrap();
        assert_eq!(functions.len(), 4);
        assert!(functions.contains(&(2, "a.rs:2 b".to_owned())), "{functions:?}");
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let sorted: Vec<Sized> = (1..=100).map(|lines| (lines, String::new())).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 95)), (50, 95));
        assert_eq!(percentile(&[], 95), 0);
    }
}
