//! The codes for people: `docs/api/error-codes.md`.

use std::fmt::Write as _;

use super::{codes::CODES, render::wire_code};

/// The table as Markdown.
pub fn code_table() -> String {
    let mut text = String::from(
        "# Error codes\n\nEvery 4xx and 5xx answer is a problem document (RFC 9457) with one of these in `code`.\n\n\
         | code | status | meaning | what to do |\n|---|---|---|---|\n",
    );
    for code in CODES {
        let wire = wire_code(code.name);
        // Writing to a `String` cannot fail.
        let _written = writeln!(
            text,
            "| `{wire}` | {} | {} | {} |",
            code.status, code.title, code.mend
        );
    }
    text
}
