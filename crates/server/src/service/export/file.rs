//! The sink `file`. Its acknowledgement is an fsync.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use vutf_audit::export::{Exported, Format, Source};

use super::sink::{SendError, Sink};
use crate::config;

pub(super) struct FileSink {
    path: PathBuf,
    format: Format,
    rotate_size: u64,
}

impl FileSink {
    pub(super) fn new(path: PathBuf, settings: &config::FileSink) -> Self {
        Self {
            path,
            format: settings.format,
            rotate_size: settings.rotate_size.0,
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    fn format(&self) -> &'static str {
        self.format.as_str()
    }

    /// Without a bound on its time: a write that was given up would go on beside the next.
    async fn send(&mut self, records: &[Exported], source: &Source) -> Result<(), SendError> {
        let mut lines = String::new();
        for record in records {
            lines.push_str(&self.format.line(record, source));
            lines.push('\n');
        }
        let before = records.first().map_or(0, |record| record.seq.saturating_sub(1));
        let (path, rotate_size) = (self.path.clone(), self.rotate_size);
        let written = tokio::task::spawn_blocking(move || append(&path, rotate_size, before, &lines)).await;
        let written = written.unwrap_or_else(|ended| Err(io::Error::other(ended.to_string())));
        written.map_err(|problem| SendError::File {
            path: self.path.clone(),
            problem,
        })
    }
}

/// Appends whole lines, on the disk when it returns. Opened each time: somebody else may have set the file aside.
fn append(path: &Path, rotate_size: u64, last_in_it: i64, lines: &str) -> io::Result<()> {
    let mut file = open(path)?;
    let mut length = mend(&mut file)?;
    if length > 0 && length.saturating_add(lines.len() as u64) > rotate_size {
        let aside = set_aside(path, last_in_it);
        // One that is there already was set aside at the same place: this one is as long as a batch that was sent again.
        if !aside.exists() {
            fs::rename(path, &aside)?;
            file = open(path)?;
            length = 0;
        }
    }
    file.write_all(lines.as_bytes())?;
    file.sync_data()?;
    if length == 0 {
        sync_folder(path)?;
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes the beginning of a line that a killed process left: its record is sent again. How long the file is then.
fn mend(file: &mut File) -> io::Result<u64> {
    const CHUNK: u64 = 64 * 1024;
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        io::Read::by_ref(file).take(end - start).read_to_end(&mut bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}

/// `audit.jsonl.00000000000000000499`: sorted by name they are in order, and each says what it ends with.
fn set_aside(path: &Path, last_in_it: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{last_in_it:020}"));
    PathBuf::from(name)
}

/// A new name is on the disk only once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_torn_is_removed_and_whole_ones_stay() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.jsonl");
        append(&path, 1_000_000, -1, "one\ntwo\n").unwrap();
        for torn in ["thr", &"x".repeat(200_000)] {
            let whole = fs::read_to_string(&path).unwrap();
            OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap()
                .write_all(torn.as_bytes())
                .unwrap();
            append(&path, 1_000_000, 1, "three\n").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{whole}three\n"));
        }
        fs::write(&path, "torn at once").unwrap();
        append(&path, 1_000_000, -1, "one\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
    }

    #[test]
    fn a_file_that_is_long_enough_is_set_aside_under_its_last_number() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.jsonl");
        append(&path, 10, -1, "aaaa\nbbbb\n").unwrap();
        append(&path, 10, 1, "cccc\n").unwrap();
        append(&path, 10, 2, "dddd\neeee\n").unwrap();
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        assert_eq!(read("audit.jsonl.00000000000000000001"), "aaaa\nbbbb\n");
        assert_eq!(read("audit.jsonl.00000000000000000002"), "cccc\n");
        assert_eq!(read("audit.jsonl"), "dddd\neeee\n");
        // Sent again after a crash: nothing that was set aside is written over.
        append(&path, 10, 2, "dddd\neeee\n").unwrap();
        assert_eq!(read("audit.jsonl.00000000000000000002"), "cccc\n");
        assert_eq!(read("audit.jsonl"), "dddd\neeee\ndddd\neeee\n");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.jsonl");
        append(&path, 10, -1, "a\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
