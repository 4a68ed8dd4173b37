//! `cargo xtask secrets`: private keys and credentials that were committed by mistake.

use std::path::Path;

use anyhow::Result;

use crate::output::Findings;
use crate::workspace::{files, root};

/// Published test vectors hold keys that everyone knows.
const VECTORS: &str = "vectors";

/// A prefix that only credentials have, and how many letters and digits follow it at least.
const PREFIXES: &[(&str, usize)] = &[
    (concat!("AK", "IA"), 16),
    (concat!("gh", "p_"), 30),
    (concat!("github", "_pat_"), 30),
    (concat!("xox", "b-"), 10),
    (concat!("k4.", "secret."), 40),
    (concat!("k4.", "local."), 40),
    (concat!("sk_", "live_"), 16),
];

const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "pepper",
    "passphrase",
];

/// Looks through the tree.
pub(crate) fn check() -> Result<Findings> {
    let mut findings = Findings::default();
    let files = files(root())?;
    for file in files
        .iter()
        .filter(|file| file.iter().all(|part| part != VECTORS))
    {
        if let Ok(text) = std::fs::read_to_string(root().join(file)) {
            scan(file, &text, &mut findings);
        }
    }
    findings.note(format!("secrets: {} files", files.len()));
    Ok(findings)
}

fn scan(file: &Path, text: &str, findings: &mut Findings) {
    let mut in_tests = file.iter().any(|part| part == "tests");
    for (index, line) in text.lines().enumerate() {
        in_tests |= line.trim() == "#[cfg(test)]";
        let what = if is_private_key(line) {
            "a private key"
        } else if PREFIXES
            .iter()
            .any(|(prefix, length)| is_credential(line, prefix, *length))
        {
            "a credential"
        } else if !in_tests && is_assigned_secret(line) {
            "a secret in plain text"
        } else {
            continue;
        };
        findings.fault(format!(
            "{}:{}: this looks like {what}",
            file.display(),
            index + 1
        ));
    }
}

fn is_private_key(line: &str) -> bool {
    line.contains(concat!("-----BEG", "IN ")) && line.contains(concat!("PRIVATE K", "EY-----"))
}

fn is_credential(line: &str, prefix: &str, length: usize) -> bool {
    line.match_indices(prefix).any(|(start, _)| {
        let rest = line.get(start + prefix.len()..).unwrap_or_default();
        rest.chars()
            .take_while(|character| character.is_ascii_alphanumeric() || "_-".contains(*character))
            .count()
            >= length
    })
}

/// `name = "literal"` or `name: "literal"` with a telling name and a literal that looks random.
fn is_assigned_secret(line: &str) -> bool {
    let Some((left, right)) = line.split_once('"') else {
        return false;
    };
    let Some(name) = left.trim_end().strip_suffix(['=', ':']) else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    let literal = right.split('"').next().unwrap_or_default();
    NAMES.iter().any(|telling| name.contains(telling)) && looks_random(literal)
}

fn looks_random(literal: &str) -> bool {
    let has = |test: fn(&char) -> bool| literal.chars().any(|character| test(&character));
    let placeholder = literal.contains(['{', '$', '<', ' ', '\\']);
    !placeholder
        && literal.len() >= 12
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, text: &str) -> usize {
        let mut findings = Findings::default();
        scan(Path::new(file), text, &mut findings);
        findings.faults.len()
    }

    #[test]
    fn planted_secrets_are_found() {
        let key = concat!("-----BEG", "IN EC PRIVATE K", "EY-----");
        assert_eq!(faults("deploy/tls.pem", key), 1);
        assert_eq!(faults("a.md", concat!("id AK", "IAABCDEFGHIJKLMNOP")), 1);
        assert_eq!(
            faults(
                "a.rs",
                concat!(
                    "let k = \"k4.",
                    "local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8\";"
                )
            ),
            1
        );
        assert_eq!(
            faults(
                "src/a.rs",
                concat!("const API_TOKEN: &str = ", "\"q8ZrT0vXw2LmN5\";")
            ),
            1
        );
        assert_eq!(
            faults(
                "deploy/compose.yaml",
                concat!("POSTGRES_PASSWORD: ", "\"q8ZrT0vXw2LmN5\"")
            ),
            1
        );
    }

    #[test]
    fn placeholders_names_and_tests_pass() {
        assert_eq!(
            faults(
                "deploy/compose.yaml",
                "POSTGRES_PASSWORD: \"${POSTGRES_PASSWORD:?}\""
            ),
            0
        );
        assert_eq!(
            faults("src/a.rs", "const TOKEN_KIND: &str = \"urn:ietf:params:oauth\";"),
            0
        );
        assert_eq!(
            faults("src/a.rs", "Some(\"a plain sentence about 1 Password\")"),
            0
        );
        assert_eq!(
            faults(
                "tests/it/login.rs",
                concat!("let password = ", "\"Correct1Horse2\";")
            ),
            0
        );
        assert_eq!(
            faults(
                "src/a.rs",
                concat!("#[cfg(test)]\nlet password = ", "\"Correct1Horse2\";")
            ),
            0
        );
        assert_eq!(faults("src/a.rs", concat!("the prefix AK", "IA alone")), 0);
    }
}
