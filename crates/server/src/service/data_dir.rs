//! The data directory: made with mode 0700, checked to be writable.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt as _},
    path::Path,
};

use super::StartError;

pub(crate) fn prepare(path: &Path) -> Result<(), StartError> {
    let failed = |error: io::Error| StartError::DataDir {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    if !path.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
    }
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        tracing::warn!("data directory {shown} is open to others (mode {mode:04o}): run chmod 700 {shown}");
    }
    // The only honest test of "may write here" is to write.
    let probe = path.join(format!(".write-test-{}", std::process::id()));
    fs::write(&probe, b"")
        .and_then(|()| fs::remove_file(&probe))
        .map_err(failed)
}

/// Makes `path` with `text`, for this user's eyes only. The file is complete or not there, and one that is there already stays:
/// of two processes that start in one directory, `true` for exactly one.
pub(crate) fn create_private(path: &Path, text: &str) -> io::Result<bool> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A link, unlike a rename, never replaces what is there.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        other => other?,
    }
    sync_directory_of(path)?;
    Ok(true)
}

/// Puts `text` in the place of what `path` holds, for this user's eyes only: complete or not at all, and on the disk when this
/// returns. Of two processes that do it at once, the later one stands.
pub(crate) fn replace_private(path: &Path, text: &[u8]) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_directory_of(path)
}

/// Brings the name of `path` to the disk: a file that is synced is lost all the same when its name is.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    fs::File::open(directory_of(path))?.sync_all()
}

/// A bare name is in the working directory.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_and_its_files_are_private() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");
        prepare(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(create_private(&dir.join("token"), "x").unwrap());
        assert!(!create_private(&dir.join("token"), "y").unwrap());
        assert_eq!(fs::read_to_string(dir.join("token")).unwrap(), "x");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert_eq!(
            fs::metadata(dir.join("token")).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn what_is_replaced_is_replaced_whole_and_another_process_keeps_its_draft() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("note");
        let theirs = path.with_extension("draft");
        fs::write(&theirs, "half").unwrap();
        for text in ["one", "another"] {
            replace_private(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(theirs).unwrap(), "half");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_directory_of_a_bare_name_can_be_synced() {
        assert_eq!(directory_of(Path::new("a/b")), Path::new("a"));
        assert_eq!(directory_of(Path::new("/b")), Path::new("/"));
        sync_directory_of(Path::new("bare")).unwrap();
        let gone = tempfile::tempdir().unwrap().path().join("b");
        assert!(sync_directory_of(&gone).is_err());
    }

    #[test]
    fn a_file_in_the_way_is_an_error_that_names_the_setting() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(prepare(&path).unwrap_err().to_string().contains("VUTF__DATA_DIR"));
    }
}
