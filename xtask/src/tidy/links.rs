//! Relative links in Markdown lead to files that exist.

use std::path::Path;

use crate::output::Findings;

/// Checks the links of one Markdown file.
pub(super) fn check(root: &Path, file: &Path, text: &str, findings: &mut Findings) {
    if file.extension().is_none_or(|extension| extension != "md") {
        return;
    }
    let folder = root
        .join(file)
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    for (line, target) in targets(text) {
        let path = target.split(['#', '?']).next().unwrap_or_default();
        let elsewhere = path.is_empty() || path.contains(':');
        if !elsewhere && !folder.join(path).exists() {
            findings.fault(format!(
                "{}:{line}: the link {target} leads nowhere",
                file.display()
            ));
        }
    }
}

/// The targets of inline links and reference definitions outside code, with their line numbers.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Code spans are the odd pieces; a link's text may be one, its target never is.
        for piece in line.split('`').step_by(2) {
            let after_text = piece.split("](").skip(1);
            found.extend(
                after_text
                    .filter_map(|rest| rest.split([')', ' ']).next())
                    .map(|target| (index + 1, target)),
            );
        }
        if let Some((label, target)) = line.split_once("]: ")
            && label.starts_with('[')
        {
            found.extend(target.split_whitespace().next().map(|target| (index + 1, target)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_and_code_is_left_alone() {
        let text = "[a](one.md) and [`b`](two.md#part \"title\")\n```\n[c](three.md)\n```\n`[d](four.md)`\n[e]: five.md\n";
        assert_eq!(targets(text), [(1, "one.md"), (1, "two.md#part"), (6, "five.md")]);
    }

    #[test]
    fn only_relative_links_have_to_exist() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("README.md"), "").unwrap();
        let mut findings = Findings::default();
        let text =
            "[a](../README.md) [b](https://example.org/x) [c](#part) [d](gone.md) [e](mailto:a@example.org)";
        check(root.path(), Path::new("docs/a.md"), text, &mut findings);
        assert_eq!(findings.faults, ["docs/a.md:1: the link gone.md leads nowhere"]);
    }
}
