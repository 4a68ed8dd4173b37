//! Words that have no place in the tree.

use std::path::Path;

use crate::output::Findings;

/// Text that must not occur, and what to do instead. Written in two parts, or this file would break its own rule.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        concat!("#[", "ignore"),
        "a test that does not run proves nothing: mend it or remove it",
    ),
    (concat!("#[", "allow("), "write `#[expect(lint, reason = \"…\")]`"),
    (
        concat!("#![", "allow("),
        "write `#![expect(lint, reason = \"…\")]`",
    ),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
];

/// Whole words that must not occur: open ends belong in the issue tracker.
const OPEN_ENDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Checks one file line by line. Markdown may show what is forbidden in code, but not the open ends.
pub(super) fn check(file: &Path, text: &str, findings: &mut Findings) {
    // What others wrote and is kept as it came, with its source beside it, is not ours to word.
    let is_vendored = file.ancestors().any(|folder| folder.ends_with("tests/data"));
    if is_vendored || file.file_name().is_some_and(|name| name == "Cargo.lock") {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        let mut fault = |what: &str| findings.fault(format!("{}:{}: {what}", file.display(), index + 1));
        if line.ends_with([' ', '\t', '\r']) {
            fault("space at the end of the line");
        }
        for (forbidden, instead) in FORBIDDEN {
            let attribute_in_prose = forbidden.starts_with('#') && !is_rust(file);
            if line.contains(forbidden) && !attribute_in_prose {
                fault(&format!("`{forbidden}`: {instead}"));
            }
        }
        if let Some(word) = words(line).find(|word| OPEN_ENDS.contains(word)) {
            fault(&format!("{word}: file an issue instead"));
        }
    }
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, text: &str) -> usize {
        let mut findings = Findings::default();
        check(Path::new(file), text, &mut findings);
        findings.faults.len()
    }

    #[test]
    fn forbidden_text_is_found() {
        for (text, _) in FORBIDDEN {
            assert_eq!(faults("src/a.rs", &format!("fn a() {{}} {text}")), 1, "{text}");
        }
        for word in OPEN_ENDS {
            assert_eq!(faults("docs/a.md", &format!("x\n({word}: later)")), 1, "{word}");
        }
        assert_eq!(faults("a.toml", "a = 1 \n"), 1);
    }

    #[test]
    fn lookalikes_pass() {
        assert_eq!(faults("src/a.rs", concat!("let tmp = \"vutf-XX", "XXXX\";")), 0);
        assert_eq!(faults("a.toml", "todo = \"deny\""), 0);
        assert_eq!(faults("crates/a/tests/data/b.json", concat!("TO", "DO")), 0);
        assert_eq!(faults("docs/style.md", concat!("never `#[", "allow(..)]`")), 0);
        assert_eq!(faults("Cargo.lock", "a = 1 "), 0);
    }
}
