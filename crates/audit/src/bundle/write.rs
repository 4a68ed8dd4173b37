//! A bundle is written while the log grows: what is in it ends with one checkpoint.

use std::{fmt::Write as _, io};

use vutf_kernel::PortError;

use super::{BundleSink, CHECKPOINT, CHECKPOINTS, KEYS, PRUNED, README};
use crate::{
    LogEntry, LogReader,
    hex::hex,
    leaf_hash,
    merkle::{TILE_WIDTH, TileId, tiles_of},
    tlog::{BundleError as EntriesError, Checkpoint, Note, VerifierKey, bundle_path, entry_bundle},
};

/// Checkpoints read at once.
const BATCH: u32 = 512;

/// Why no bundle was written, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Nothing is signed yet.
    #[error("there is no checkpoint yet: a running service signs one within a second of the first event")]
    Unsigned,
    /// The newest checkpoint cannot be read.
    #[error("the newest checkpoint cannot be read: run `audit verify`")]
    Checkpoint,
    /// An entry is not there, or not as it was hashed.
    #[error("seq {seq}: {problem}; run `audit verify`")]
    Entry {
        /// Its number.
        seq: i64,
        /// What does not fit.
        problem: &'static str,
    },
    /// An entry that a bundle cannot hold.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// The medium refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Writes the log up to its newest checkpoint; `note` is that checkpoint with the signatures to show, or `None` for the one that
/// is stored. Calls `progress` with the number of entries written. Answers the checkpoint.
///
/// # Errors
/// What is written must be what was hashed; and what the ports and the sink say.
pub async fn write_bundle(
    reader: &dyn LogReader,
    note: Option<String>,
    keys: &[VerifierKey],
    sink: &mut dyn BundleSink,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Checkpoint, BundleError> {
    let note = match note {
        Some(note) => note,
        None => reader.latest().await?.ok_or(BundleError::Unsigned)?.note,
    };
    let head = Note::parse(&note)
        .ok()
        .and_then(|note| Checkpoint::parse(note.text()).ok());
    let head = head.ok_or(BundleError::Checkpoint)?;
    let mut pruned = String::new();
    for index in 0..head.size.div_ceil(TILE_WIDTH) {
        put_entries(reader, index, head.size, sink, &mut pruned).await?;
        progress((index + 1).saturating_mul(TILE_WIDTH).min(head.size));
    }
    put_tiles(reader, head.size, sink).await?;
    put_checkpoints(reader, head.size, sink).await?;
    if !pruned.is_empty() {
        sink.put(PRUNED, pruned.as_bytes())?;
    }
    let keys = keys
        .iter()
        .fold(String::new(), |text, key| text + &format!("{key}\n"));
    sink.put(KEYS, keys.as_bytes())?;
    sink.put(README, readme(&head).as_bytes())?;
    // Last: a bundle without it is none.
    sink.put(CHECKPOINT, note.as_bytes())?;
    Ok(head)
}

async fn put_entries(
    reader: &dyn LogReader,
    index: u64,
    size: u64,
    sink: &mut dyn BundleSink,
    pruned: &mut String,
) -> Result<(), BundleError> {
    let first = index * TILE_WIDTH;
    let width = (size - first).min(TILE_WIDTH);
    let from = i64::try_from(first).unwrap_or(i64::MAX);
    let entries = reader
        .entries(from, u32::try_from(width).unwrap_or(u32::MAX))
        .await?;
    let mut bodies = Vec::with_capacity(entries.len());
    for (seq, entry) in (from..).zip(&entries) {
        bodies.push(body(seq, entry, pruned)?);
    }
    if u64::try_from(bodies.len()) != Ok(width) {
        let seq = from.saturating_add(i64::try_from(bodies.len()).unwrap_or(i64::MAX));
        let problem = "the entry is missing";
        return Err(BundleError::Entry { seq, problem });
    }
    let path = format!("tile/entries/{}", bundle_path(index, width));
    Ok(sink.put(&path, &entry_bundle(bodies)?)?)
}

/// The entry's bytes; none of one that was pruned, whose hash and evidence go into `pruned`.
fn body<'a>(seq: i64, entry: &'a LogEntry, pruned: &mut String) -> Result<&'a [u8], BundleError> {
    let wrong = |problem| BundleError::Entry { seq, problem };
    if entry.leaf.seq != seq {
        return Err(wrong("the entry is missing"));
    }
    if let (None, Some(event)) = (&entry.intake, entry.pruned) {
        let hash = hex(&entry.leaf.leaf_hash);
        let _written = writeln!(pruned, "{seq} {hash} {event}");
        return Ok(&[]);
    }
    let intake = entry.intake.as_ref().ok_or(wrong("the event is gone"))?;
    if leaf_hash(&intake.body) != entry.leaf.leaf_hash {
        return Err(wrong("the body is not the one that was hashed"));
    }
    Ok(&intake.body)
}

async fn put_tiles(reader: &dyn LogReader, size: u64, sink: &mut dyn BundleSink) -> Result<(), BundleError> {
    for id in tiles_of(0, size) {
        let width = id.width(size);
        let hashes = reader.tile(id).await?;
        let Some(hashes) = usize::try_from(width).ok().and_then(|width| hashes.get(..width)) else {
            let seq = last_below(id);
            let problem = "a node of the tree is missing";
            return Err(BundleError::Entry { seq, problem });
        };
        sink.put(&format!("tile/{}", id.path(width)), &hashes.concat())?;
    }
    Ok(())
}

fn last_below(id: TileId) -> i64 {
    let entries = u32::from(id.level + 1) * 8;
    let beyond = id
        .index
        .saturating_add(1)
        .checked_shl(entries)
        .unwrap_or(u64::MAX);
    i64::try_from(beyond.saturating_sub(1)).unwrap_or(i64::MAX)
}

async fn put_checkpoints(
    reader: &dyn LogReader,
    size: u64,
    sink: &mut dyn BundleSink,
) -> Result<(), BundleError> {
    let (mut from, mut all) = (0, Vec::new());
    loop {
        let more = reader.checkpoints(from, BATCH).await?;
        let Some(last) = more.last() else { break };
        from = last.size.saturating_add(1);
        for kept in more.iter().filter(|kept| kept.size <= size) {
            all.extend_from_slice(&u32::try_from(kept.note.len()).unwrap_or(u32::MAX).to_be_bytes());
            all.extend_from_slice(kept.note.as_bytes());
        }
        if from > size {
            break;
        }
    }
    Ok(sink.put(CHECKPOINTS, &all)?)
}

fn readme(head: &Checkpoint) -> String {
    let mut text = String::new();
    let _written = write!(
        text,
        "The audit log {} with its first {} entries.\n\n\
         Verify it with a public key of the log that you were given by another way than this bundle:\n\n\
         \x20   violentutf-api audit verify --bundle THIS --vkey NAME+ID+KEY\n\n\
         It follows C2SP tlog-tiles (https://c2sp.org/tlog-tiles), so that other programs verify it as well: `checkpoint` is the\n\
         signed head, `tile/` holds the hashes, `tile/entries/` the entries. An entry is one event in canonical JSON (RFC 8785);\n\
         its leaf hash is SHA-256(0x00 || entry). Personal data is in it only as salted commitments to ciphertexts.\n",
        head.origin, head.size
    );
    text
}
