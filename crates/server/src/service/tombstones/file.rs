//! The file's format: a line that holds the file's key, wrapped by the key-encryption key, and a line for each person.
//!
//! ```text
//! {"vutf":"tombstones","v":1,"key":"<base64url>"}
//! {"mac":"<64 hex digits>","tombstone":{…}}
//! ```
//!
//! Each MAC covers the one before it and the bytes of the tombstone as they stand there.

use std::{
    collections::HashSet,
    io::{self, BufRead, Read as _, Write},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use vutf_app::erasure::Tombstone;
use vutf_crypto_keys::{CryptoError, JournalKey, JournalTag, Wraps};
use vutf_kernel::{OrganizationId, UserId};

use super::error::TombstoneError;

/// The longest line: four wraps of the longest kind take 46 KiB; a tombstone less than one.
const LONGEST: u64 = 64 * 1024;
const BEFORE_MAC: &[u8] = b"{\"mac\":\"";
const BEFORE_TOMBSTONE: &[u8] = b"\",\"tombstone\":";

/// Somebody of a tenant.
pub(super) type Who = (OrganizationId, UserId);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    vutf: String,
    v: u32,
    key: String,
}

/// What follows the head.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) tombstones: Vec<Tombstone>,
    /// Where the next line goes.
    pub(super) end: u64,
    /// What the next line follows.
    pub(super) last: JournalTag,
    /// Bytes of a line that was not finished.
    pub(super) torn: usize,
}

impl Contents {
    pub(super) fn persons(&self) -> HashSet<Who> {
        self.tombstones.iter().map(who).collect()
    }
}

pub(super) fn who(tombstone: &Tombstone) -> Who {
    (tombstone.organization_id, tombstone.subject_id)
}

/// The first line of a file.
pub(super) fn head(wraps: &Wraps) -> io::Result<Vec<u8>> {
    let head = Head {
        vutf: "tombstones".to_owned(),
        v: 1,
        key: URL_SAFE_NO_PAD.encode(wraps.encode()),
    };
    let mut line = serde_json::to_vec(&head)?;
    line.push(b'\n');
    Ok(line)
}

/// The wraps in the first line, which is whole: a file is made with it, or not at all.
pub(super) fn read_head(file: &mut impl BufRead, path: &Path) -> Result<(Wraps, u64), TombstoneError> {
    let foreign = || TombstoneError::Foreign(path.to_owned());
    let line = next_line(file).map_err(TombstoneError::io(path))?;
    let text = line.strip_suffix(b"\n").ok_or_else(foreign)?;
    let head: Head = serde_json::from_slice(text).map_err(|_| foreign())?;
    if (head.vutf.as_str(), head.v) != ("tombstones", 1) {
        return Err(foreign());
    }
    let wraps = URL_SAFE_NO_PAD.decode(&head.key).map_err(|_| foreign())?;
    let wraps = Wraps::decode(&wraps).map_err(|_| foreign())?;
    Ok((wraps, length(&line)))
}

/// The lines after the head, which ended at `at`. Each is authentic, but for one at the end that was not finished.
pub(super) fn read_lines(
    file: &mut impl BufRead,
    at: u64,
    key: &JournalKey,
    path: &Path,
) -> Result<Contents, TombstoneError> {
    let mut contents = Contents {
        tombstones: Vec::new(),
        end: at,
        last: JournalKey::START,
        torn: 0,
    };
    for number in 2.. {
        let line = next_line(file).map_err(TombstoneError::io(path))?;
        let forged = || TombstoneError::Forged {
            path: path.to_owned(),
            line: number,
        };
        let Some(text) = line.strip_suffix(b"\n") else {
            if length(&line) == LONGEST {
                return Err(forged());
            }
            contents.torn = line.len();
            break;
        };
        let (mac, tombstone) = parts(text).ok_or_else(forged)?;
        if !key.verifies(&contents.last, tombstone, &mac).unwrap_or(false) {
            return Err(forged());
        }
        let tombstone = serde_json::from_slice(tombstone).map_err(|_| forged())?;
        contents.tombstones.push(tombstone);
        contents.last = mac;
        contents.end = contents.end.saturating_add(length(&line));
    }
    Ok(contents)
}

/// The lines of `tombstones`, the first of which follows `last`; and what the next one follows.
pub(super) fn lines(
    key: &JournalKey,
    mut last: JournalTag,
    tombstones: &[&Tombstone],
) -> Result<(Vec<u8>, JournalTag), LineError> {
    let mut text = Vec::new();
    for tombstone in tombstones {
        let json = serde_json::to_vec(tombstone)?;
        last = key.tag(&last, &json)?;
        text.write_all(BEFORE_MAC)?;
        text.write_all(hex::encode(last).as_bytes())?;
        text.write_all(BEFORE_TOMBSTONE)?;
        text.write_all(&json)?;
        text.write_all(b"}\n")?;
    }
    Ok((text, last))
}

/// Why a line cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Key(#[from] CryptoError),
}

fn parts(line: &[u8]) -> Option<(JournalTag, &[u8])> {
    let rest = line.strip_prefix(BEFORE_MAC)?;
    let (digits, rest) = rest.split_at_checked(2 * size_of::<JournalTag>())?;
    let mut mac = JournalKey::START;
    hex::decode_to_slice(digits, &mut mac).ok()?;
    let tombstone = rest.strip_prefix(BEFORE_TOMBSTONE)?.strip_suffix(b"}")?;
    Some((mac, tombstone))
}

/// Up to and with the line feed; less at the end of the file, and no more than may be.
fn next_line(file: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    file.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    Ok(line)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
