//! A bundle on the disk: a directory, or a tar file of one.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use vutf_audit::bundle::{BundleSink, BundleSource};

/// Where a bundle is written to.
pub(super) enum Target {
    /// A directory that was not there.
    Directory(PathBuf),
    /// A file that was not there.
    Tar(Box<tar::Builder<io::BufWriter<File>>>),
}

impl Target {
    /// Makes it. What is there already is never written over.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if path.extension().is_some_and(|ending| ending == "tar") {
            let file = File::create_new(path)?;
            return Ok(Self::Tar(Box::new(tar::Builder::new(io::BufWriter::new(file)))));
        }
        fs::create_dir(path)?;
        Ok(Self::Directory(path.to_owned()))
    }

    /// On the disk as a whole.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Directory(path) => File::open(path)?.sync_all(),
            Self::Tar(builder) => {
                let mut file = builder.into_inner()?;
                file.flush()?;
                file.get_ref().sync_all()
            }
        }
    }
}

impl BundleSink for Target {
    fn put(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        match self {
            Self::Directory(root) => {
                let path = root.join(path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let mut file = File::create_new(path)?;
                file.write_all(content)?;
                file.sync_all()
            }
            Self::Tar(builder) => {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                header.set_mtime(0);
                builder.append_data(&mut header, path, content)
            }
        }
    }
}

/// Where a bundle is read from.
pub(super) enum Source {
    /// A directory.
    Directory(PathBuf),
    /// A tar file, with the place and length of each of its files.
    Tar(File, HashMap<String, (u64, u64)>),
}

impl Source {
    /// Opens it. A name that a tar file holds twice is an error: which of the two counts would be a matter of taste.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        let mut file = File::open(path)?;
        let mut places = HashMap::new();
        for entry in tar::Archive::new(&mut file).entries_with_seek()? {
            let entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let place = (entry.raw_file_position(), entry.size());
            if places.insert(name, place).is_some() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a file is in it twice",
                ));
            }
        }
        Ok(Self::Tar(file, places))
    }
}

impl BundleSource for Source {
    fn get(&mut self, path: &str, limit: usize) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Directory(root) => match File::open(root.join(path)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
                Ok(file) => read(file, limit).map(Some),
            },
            Self::Tar(file, places) => {
                let Some((at, length)) = places.get(path) else {
                    return Ok(None);
                };
                file.seek(SeekFrom::Start(*at))?;
                read(file.take(*length), limit).map(Some)
            }
        }
    }
}

fn read(from: impl io::Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is longer than it may be",
        ));
    }
    Ok(content)
}
