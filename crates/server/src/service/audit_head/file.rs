//! The head in the data directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use vutf_audit::NotedHead;

use crate::service::replace_private;

/// The file `audit-head`: a line `SEQ:CHAIN`, and the signed checkpoint.
#[derive(Clone, Debug)]
pub(super) struct HeadFile {
    path: PathBuf,
}

impl HeadFile {
    pub(super) fn within(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("audit-head"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `None` without a file. One that says nothing is an error: it must not count as none.
    pub(super) fn read(&self) -> io::Result<Option<NotedHead>> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        text.parse().map(Some).map_err(invalid)
    }

    /// Complete or not at all, and on the disk when this returns.
    pub(super) fn write(&self, head: &NotedHead) -> io::Result<()> {
        replace_private(&self.path, head.to_string().as_bytes())
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use vutf_audit::Anchor;

    use super::*;

    #[test]
    fn what_was_written_last_is_read_and_nothing_else_is_left() {
        let home = tempfile::tempdir().unwrap();
        let file = HeadFile::within(home.path());
        assert_eq!(file.read().unwrap(), None);
        for seq in [3, 70_000, 5] {
            let anchor = Anchor { seq, chain: [7; 32] };
            let note = (seq > 4).then(|| "example\n6\nAAAA\n\n— example AAAA\n".to_owned());
            let head = NotedHead { anchor, note };
            file.write(&head).unwrap();
            assert_eq!(file.read().unwrap(), Some(head));
        }
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.read().unwrap(), None);
    }

    #[test]
    fn a_file_that_says_nothing_is_not_no_file() {
        let home = tempfile::tempdir().unwrap();
        let file = HeadFile::within(home.path());
        for text in ["", "7", "7:00\n"] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(file.read().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
