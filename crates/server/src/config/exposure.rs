//! Files with secrets that others can read.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _};

use super::{Entry, Origin};

/// Read permission of everybody.
const OTHERS_READ: u32 = 0o004;

/// One warning for each file that holds a secret and is readable by every account of the machine.
pub(super) fn of_files(entries: &[Entry]) -> Vec<String> {
    let secrets = entries.iter().filter(|entry| entry.secret);
    let files: BTreeSet<_> = secrets
        .filter_map(|entry| match &entry.origin {
            Origin::File(path) => Some(path),
            _ => None,
        })
        .collect();
    files
        .into_iter()
        .filter(|path| std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0))
        .map(|path| {
            let shown = path.display();
            format!(
                "{shown} holds secrets and every account of this machine can read it: run chmod 600 {shown}"
            )
        })
        .collect()
}
