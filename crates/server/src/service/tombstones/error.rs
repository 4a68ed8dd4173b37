//! What can be wrong with a file of tombstones, and how it is mended.

use std::{io, path::PathBuf};

use vutf_kernel::PortError;

/// Why a file of tombstones cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TombstoneError {
    /// It cannot be read or written.
    #[error("{} cannot be used: {problem}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        problem: io::Error,
    },
    /// It is no such file.
    #[error("{} is no file of tombstones: put the right one back, or move this one away", .0.display())]
    Foreign(PathBuf),
    /// A line was not written by this installation, or one before it is gone.
    #[error(
        "{}, line {line}, is not authentic: put the file back from a copy, or take another replica's; if no older database was \
         restored, move it away, and it is made anew from the certificates in the database",
        path.display()
    )]
    Forged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// It is larger than allowed.
    #[error("{} is larger than {limit} bytes: raise erasure.tombstones_limit", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes.
        limit: u64,
    },
    /// Its key cannot be opened.
    #[error(
        "the key of {} cannot be opened: {}; is this the key-encryption key that it was made with?",
        path.display(), problem.chain()
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// The provider's words.
        problem: PortError,
    },
    /// A line of an export does not follow from the one before it.
    #[error("{}, line {line}: not what `violentutf-api audit export` wrote, or a line before it is gone", path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// An erasure in an export that is told in words which this program does not know.
    #[error(
        "{}, line {line}: this erasure cannot be read, and nobody was erased again: use the version of violentutf-api that wrote \
         it, or a newer one",
        path.display()
    )]
    Erasure {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// An export that does not reach the head that was noted elsewhere.
    #[error("{} is not borne out by that head: it does not reach it, or reaches another", .0.display())]
    Unproved(PathBuf),
    /// Another process holds it.
    #[error("{} is held by another process", .0.display())]
    Busy(PathBuf),
    /// A thread of this process ended.
    #[error("the thread that works on files ended")]
    Ended,
}

impl TombstoneError {
    /// About `path`.
    pub(super) fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |problem| Self::Io { path, problem }
    }
}
