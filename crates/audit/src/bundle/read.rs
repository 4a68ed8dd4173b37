//! A bundle is verified from its entries up: entry, leaf hash, tile, root, signature. It is not believed in anything.

use std::{collections::BTreeMap, io};

use super::{BundleSource, CHECKPOINT, CHECKPOINTS, KEYS, PRUNED};
use vutf_kernel::EventId;

use crate::{
    Finding, FindingKind,
    hex::unhex32,
    leaf_hash,
    merkle::{Frontier, Hash, TILE_HEIGHT, TILE_WIDTH, TileId, tiles_of},
    retention::PruneLedger,
    tlog::{Checkpoint, MAX_NOTE, TrustError, TrustPolicy, Trusted, VerifierKey, bundle_path, entries_of},
    tree::open_checkpoint,
    verify::check_form,
};

/// A bundle of entries: 256 of 65,535 bytes, each behind its length.
const MAX_ENTRIES: usize = 256 * (65_535 + 2);
/// A tile of hashes.
const MAX_TILE: usize = 256 * 32;
/// All checkpoints: those of ten years, one every ten seconds.
const MAX_CHECKPOINTS: usize = 1 << 34;

/// Everything that was pruned of a hundred million entries.
const MAX_PRUNED: usize = 1 << 34;

/// Why a bundle is not believed.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    /// Its checkpoint is not signed as the policy demands, or is of another log.
    #[error("the checkpoint is not believed: {0}")]
    Trust(#[from] TrustError),
    /// A file is missing or has another form.
    #[error("{path}: {problem}")]
    File {
        /// Which.
        path: String,
        /// What does not fit.
        problem: String,
    },
    /// The medium failed.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The first thing that does not fit.
    #[error("{0}")]
    Found(Finding),
}

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleReport {
    /// The head, and who cosigned it.
    pub head: Trusted,
    /// Entries that lead to it.
    pub entries: u64,
    /// Checkpoints on the way that are signed and are those of the log at their sizes.
    pub checkpoints: u64,
}

/// Verifies a bundle with nothing but the keys of `policy`, and `older` keys of the log that may have signed checkpoints before;
/// calls `progress` with the number of entries verified.
///
/// # Errors
/// The first thing that does not fit, with its sequence number or its file.
pub fn verify_bundle(
    source: &mut dyn BundleSource,
    policy: &TrustPolicy,
    older: &[VerifierKey],
    progress: &mut dyn FnMut(u64),
) -> Result<BundleReport, BundleFault> {
    let note = text(CHECKPOINT, need(source, CHECKPOINT, MAX_NOTE)?)?;
    let head = policy.verify(&note)?;
    let size = head.checkpoint.size;
    check_keys(source)?;
    let mut walk = Walk {
        kept: kept(source, policy, older)?,
        pruned: pruned(source)?,
        ..Walk::default()
    };
    for index in 0..size.div_ceil(TILE_WIDTH) {
        let first = index * TILE_WIDTH;
        let width = (size - first).min(TILE_WIDTH);
        let path = format!("tile/entries/{}", bundle_path(index, width));
        let bundle = need(source, &path, MAX_ENTRIES)?;
        let entries = entries_of(&bundle).map_err(|error| fault(&path, error.to_string()))?;
        if u64::try_from(entries.len()) != Ok(width) {
            let problem = format!("{} entries instead of {width}", entries.len());
            return Err(fault(&path, problem));
        }
        for entry in entries {
            walk.push(entry)?;
        }
        let leaves = std::mem::take(&mut walk.leaves);
        hold_against_tile(source, TileId { level: 0, index }, width, &leaves)?;
        progress(walk.tree.size());
    }
    for id in tiles_of(0, size).filter(|id| id.level > 0) {
        let width = id.width(size);
        hold_against_tile(source, id, width, walk.hashes(id, width))?;
    }
    walk.finish(&head.checkpoint)?;
    Ok(BundleReport {
        head,
        entries: walk.tree.size(),
        checkpoints: walk.checkpoints,
    })
}

#[derive(Default)]
struct Walk {
    tree: Frontier,
    /// Leaf hashes of the present tile.
    leaves: Vec<Hash>,
    /// Hashes above the leaves, by level of their tiles.
    made: BTreeMap<u8, Vec<Hash>>,
    /// Checkpoints to come, by size.
    kept: BTreeMap<u64, Vec<Checkpoint>>,
    checkpoints: u64,
    /// Entries whose bodies are gone, with the events that are said to have removed them.
    pruned: BTreeMap<i64, (Hash, EventId)>,
    ledger: PruneLedger,
}

impl Walk {
    /// The leaf hash of an entry: of its bytes, or, when it was pruned, as it was noted. The tree shows whether it is right.
    fn leaf(&mut self, seq: i64, entry: &[u8]) -> Result<Hash, BundleFault> {
        if !entry.is_empty() {
            let body = check_form(entry).map_err(|misfit| found(seq, misfit.kind, misfit.detail))?;
            self.ledger.push_event(&body);
            return Ok(leaf_hash(entry));
        }
        let Some((hash, event)) = self.pruned.remove(&seq) else {
            let detail = "the entry is gone, and nothing says that it was pruned".to_owned();
            return Err(found(seq, FindingKind::EventMissing, detail));
        };
        self.ledger.push(seq, &hash, event);
        Ok(hash)
    }

    fn push(&mut self, entry: &[u8]) -> Result<(), BundleFault> {
        let seq = i64::try_from(self.tree.size()).unwrap_or(i64::MAX);
        let leaf = self.leaf(seq, entry)?;
        let (leaves, made) = (&mut self.leaves, &mut self.made);
        self.tree.append(leaf, |level, _, hash| {
            if level == 0 {
                leaves.push(*hash);
            } else if level.is_multiple_of(TILE_HEIGHT) {
                made.entry(level / TILE_HEIGHT).or_default().push(*hash);
            }
        });
        let size = self.tree.size();
        for kept in self.kept.remove(&size).unwrap_or_default() {
            if kept.root != self.tree.root() {
                let detail = "a checkpoint that was kept is not that of the log at its size".to_owned();
                return Err(found(seq, FindingKind::CheckpointChanged, detail));
            }
            self.checkpoints += 1;
        }
        Ok(())
    }

    /// The hashes of a tile above the leaves.
    fn hashes(&self, id: TileId, width: u64) -> &[Hash] {
        let first = usize::try_from(id.index * TILE_WIDTH).unwrap_or(usize::MAX);
        let made = self
            .made
            .get(&id.level)
            .and_then(|made| made.get(first..))
            .unwrap_or_default();
        &made[..made.len().min(usize::try_from(width).unwrap_or(usize::MAX))]
    }

    fn finish(&mut self, head: &Checkpoint) -> Result<(), BundleFault> {
        let root = self.tree.root();
        if root != head.root {
            let detail = "the entries do not lead to the root that was signed".to_owned();
            let seq = i64::try_from(head.size.saturating_sub(1)).unwrap_or(i64::MAX);
            return Err(found(seq, FindingKind::CheckpointChanged, detail));
        }
        if let Some(finding) = std::mem::take(&mut self.ledger).finish() {
            return Err(BundleFault::Found(finding));
        }
        if let Some(seq) = self.pruned.keys().next() {
            return Err(fault(
                PRUNED,
                format!("seq {seq} is not gone, or beyond the head"),
            ));
        }
        match self.kept.keys().next() {
            Some(size) => Err(fault(
                CHECKPOINTS,
                format!("a checkpoint of {size} entries is beyond the head"),
            )),
            None => Ok(()),
        }
    }
}

fn hold_against_tile(
    source: &mut dyn BundleSource,
    id: TileId,
    width: u64,
    hashes: &[Hash],
) -> Result<(), BundleFault> {
    let path = format!("tile/{}", id.path(width));
    let tile = need(source, &path, MAX_TILE)?;
    match differs(&tile, hashes) {
        Some(at) => {
            let detail = format!("{path} is not what is below it");
            Err(found(last_below(id, at), FindingKind::NodeChanged, detail))
        }
        None => Ok(()),
    }
}

/// Keys in a bundle are believed in nothing; what is no key was changed.
fn check_keys(source: &mut dyn BundleSource) -> Result<(), BundleFault> {
    let keys = text(KEYS, need(source, KEYS, MAX_NOTE)?)?;
    match keys
        .split_terminator('\n')
        .find(|line| VerifierKey::parse(line).is_err())
    {
        Some(line) => Err(fault(KEYS, format!("{line:?} is no verifier key"))),
        None => Ok(()),
    }
}

/// The number of the first hash that is not the one in the tile.
fn differs(tile: &[u8], hashes: &[Hash]) -> Option<usize> {
    let mut stored = tile.chunks(32);
    let at = hashes
        .iter()
        .position(|hash| stored.next() != Some(hash.as_slice()));
    at.or_else(|| (tile.len() != hashes.len() * 32).then_some(hashes.len()))
}

fn last_below(id: TileId, at: usize) -> i64 {
    let node = (id.index * TILE_WIDTH).saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
    let beyond = node
        .saturating_add(1)
        .checked_shl(u32::from(id.level * TILE_HEIGHT))
        .unwrap_or(u64::MAX);
    i64::try_from(beyond.saturating_sub(1)).unwrap_or(i64::MAX)
}

/// The checkpoints that were kept, their signatures verified.
fn kept(
    source: &mut dyn BundleSource,
    policy: &TrustPolicy,
    older: &[VerifierKey],
) -> Result<BTreeMap<u64, Vec<Checkpoint>>, BundleFault> {
    let keys = [std::slice::from_ref(&policy.log), older].concat();
    let mut kept: BTreeMap<u64, Vec<Checkpoint>> = BTreeMap::new();
    let all = need(source, CHECKPOINTS, MAX_CHECKPOINTS)?;
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        let truncated = || fault(CHECKPOINTS, "it ends within a checkpoint".to_owned());
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| truncated())?;
        let (note, after) = after.split_at_checked(length).ok_or_else(truncated)?;
        rest = after;
        let note = text(CHECKPOINTS, note.to_vec())?;
        let checkpoint =
            open_checkpoint(&note, &keys).map_err(|error| fault(CHECKPOINTS, error.to_string()))?;
        kept.entry(checkpoint.size).or_default().push(checkpoint);
    }
    Ok(kept)
}

/// What is said to have been pruned. Nothing of it is believed before tree and events bear it out.
fn pruned(source: &mut dyn BundleSource) -> Result<BTreeMap<i64, (Hash, EventId)>, BundleFault> {
    let read = source.get(PRUNED, MAX_PRUNED).map_err(|source| BundleFault::Io {
        path: PRUNED.to_owned(),
        source,
    })?;
    let all = text(PRUNED, read.unwrap_or_default())?;
    let mut pruned = BTreeMap::new();
    for line in all.split_terminator('\n') {
        let (seq, entry) =
            pruned_line(line).ok_or_else(|| fault(PRUNED, format!("{line:?} is no line of it")))?;
        if pruned.insert(seq, entry).is_some() {
            return Err(fault(PRUNED, format!("seq {seq} is in it twice")));
        }
    }
    Ok(pruned)
}

/// `SEQ LEAF-HASH EVENT`.
fn pruned_line(line: &str) -> Option<(i64, (Hash, EventId))> {
    let mut words = line.split(' ');
    let (seq, hash, event) = (words.next()?, words.next()?, words.next()?);
    let number: i64 = seq
        .parse()
        .ok()
        .filter(|number: &i64| *number >= 0 && number.to_string() == seq)?;
    if words.next().is_some() {
        return None;
    }
    let bytes = unhex32(hash)?;
    let id: EventId = event
        .parse()
        .ok()
        .filter(|id: &EventId| id.to_string() == event)?;
    Some((number, (bytes, id)))
}

fn need(source: &mut dyn BundleSource, path: &str, limit: usize) -> Result<Vec<u8>, BundleFault> {
    let read = source.get(path, limit).map_err(|source| BundleFault::Io {
        path: path.to_owned(),
        source,
    })?;
    read.ok_or_else(|| fault(path, "the file is missing".to_owned()))
}

fn text(path: &str, bytes: Vec<u8>) -> Result<String, BundleFault> {
    String::from_utf8(bytes).map_err(|_| fault(path, "it is not UTF-8".to_owned()))
}

fn fault(path: &str, problem: String) -> BundleFault {
    BundleFault::File {
        path: path.to_owned(),
        problem,
    }
}

fn found(seq: i64, kind: FindingKind, detail: String) -> BundleFault {
    BundleFault::Found(Finding::new(seq, kind, detail))
}
