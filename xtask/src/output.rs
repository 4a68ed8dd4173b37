//! What tasks print, and what checks return.

use std::io::Write as _;

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Facts worth a line even when all is well.
    pub(crate) notes: Vec<String>,
    /// What has to be mended.
    pub(crate) faults: Vec<String>,
}

impl Findings {
    pub(crate) fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// A line on standard output; a closed pipe is not an error of the task.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

/// A line on standard error.
pub(crate) fn complain(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}
