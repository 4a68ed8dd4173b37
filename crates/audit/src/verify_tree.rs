//! The tree beside the entries: every node and every checkpoint is recomputed from the leaf hashes.

use std::collections::VecDeque;

use vutf_kernel::PortError;

use crate::{
    Finding, FindingKind, SignedCheckpoint, TreeNode, TreeReader,
    merkle::{EMPTY_ROOT, Frontier, Hash, TILE_HEIGHT},
    tlog::{Checkpoint, Note, VerifierKey},
    tree::open_checkpoint,
};

/// Checkpoints and nodes read at once.
const BATCH: u32 = 512;

/// Levels of tiles above the leaf hashes.
const LEVELS: usize = 7;

/// Takes leaf hashes in order, and holds what the store keeps of the tree against them.
#[derive(Debug, Default)]
pub(crate) struct TreeCheck {
    /// Whose signatures count; none: only roots are checked.
    keys: Vec<VerifierKey>,
    /// Heads that are known from elsewhere, ordered by size.
    known: VecDeque<Checkpoint>,
    tree: Frontier,
    /// Made since the store's nodes were last held against them.
    made: Vec<TreeNode>,
    counts: [u64; LEVELS],
    kept: VecDeque<SignedCheckpoint>,
    /// How many of them were judged.
    numbered: u64,
    /// Checkpoints below this size have been read.
    read_to: u64,
    /// The size of the last kept checkpoint that was judged, or of the largest tree that was noted elsewhere.
    signed_to: u64,
    pub(crate) checked: u64,
}

impl TreeCheck {
    pub(crate) fn new(keys: &[VerifierKey], known: &[Checkpoint]) -> Self {
        let mut known = known.to_vec();
        known.sort_by_key(|known| known.size);
        Self {
            signed_to: known.last().map_or(0, |known| known.size),
            keys: keys.to_vec(),
            known: known.into(),
            ..Self::default()
        }
    }

    /// Reads the checkpoints that the next `entries` entries need. Called after those entries were read, so that a checkpoint
    /// which was made with one of them is there, however busy the log is.
    pub(crate) async fn prepare(&mut self, reader: &dyn TreeReader, entries: u64) -> Result<(), PortError> {
        let until = self.tree.size().saturating_add(entries);
        while self.read_to <= until {
            let more = reader.checkpoints(self.read_to, BATCH).await?;
            let Some(last) = more.last() else { break };
            self.read_to = last.size.saturating_add(1);
            self.kept.extend(more);
        }
        Ok(())
    }

    /// Takes the next leaf hash, and holds the checkpoints of the tree that ends with it against it.
    pub(crate) fn push(&mut self, leaf: Hash) -> Result<(), Finding> {
        let (made, counts) = (&mut self.made, &mut self.counts);
        self.tree.append(leaf, |level, index, hash| {
            if level > 0 && level.is_multiple_of(TILE_HEIGHT) {
                let level = level / TILE_HEIGHT;
                if let Some(count) = counts.get_mut(usize::from(level) - 1) {
                    *count += 1;
                }
                let hash = *hash;
                made.push(TreeNode { level, index, hash });
            }
        });
        let size = self.tree.size();
        while let Some(kept) = self.kept.pop_front_if(|kept| kept.size <= size) {
            self.numbered += 1;
            if kept.kept != self.numbered {
                let detail = "a checkpoint before it is gone, or it was added";
                return Err(finding(kept.size, FindingKind::CheckpointChanged, detail));
            }
            self.judge(&kept)?;
            self.signed_to = self.signed_to.max(kept.size);
        }
        while let Some(known) = self.known.pop_front_if(|known| known.size <= size) {
            let same = known.size < size || known.root == self.tree.root();
            if !same {
                let detail = "the tree is not the one that was noted outside the database";
                return Err(finding(size, FindingKind::AnchorMismatch, detail));
            }
        }
        Ok(())
    }

    /// A checkpoint of the tree as it is now.
    fn judge(&mut self, kept: &SignedCheckpoint) -> Result<(), Finding> {
        let wrong = |detail: &str| finding(kept.size, FindingKind::CheckpointChanged, detail);
        let said = self.open(kept).map_err(|error| wrong(&error))?;
        let size = self.tree.size();
        let root = if size == 0 { EMPTY_ROOT } else { self.tree.root() };
        if said.size != kept.size || said.size != size || said.root != root {
            return Err(wrong("the checkpoint is not that of the log at its size"));
        }
        self.checked += 1;
        Ok(())
    }

    /// Holds the store's nodes against those that were made since the last call.
    pub(crate) async fn settle(&mut self, reader: &dyn TreeReader) -> Result<Option<Finding>, PortError> {
        let made = std::mem::take(&mut self.made);
        let mut levels: Vec<u8> = made.iter().map(|node| node.level).collect();
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            let of_level: Vec<&TreeNode> = made.iter().filter(|node| node.level == level).collect();
            for part in of_level.chunks(BATCH as usize) {
                let Some(first) = part.first() else { continue };
                let limit = u32::try_from(part.len()).unwrap_or(BATCH);
                let stored = reader.nodes(level, first.index, limit).await?;
                let mut stored = stored.iter();
                if let Some(node) = part.iter().find(|node| stored.next() != Some(**node)) {
                    return Ok(Some(changed(node)));
                }
            }
        }
        Ok(None)
    }

    /// After the last entry: nothing is left over, and the newest checkpoint is that of this tree or of an earlier one.
    pub(crate) async fn finish(&mut self, reader: &dyn TreeReader) -> Result<Option<Finding>, PortError> {
        self.prepare(reader, 1).await?;
        let size = self.tree.size();
        if let Some(known) = self.known.front() {
            let detail = format!(
                "the log ends here, though a tree of {} entries was noted",
                known.size
            );
            return Ok(Some(finding(
                size.saturating_add(1),
                FindingKind::LeafMissing,
                &detail,
            )));
        }
        if let Some(kept) = self.kept.front() {
            return Ok(Some(self.beyond(kept)));
        }
        for (level, count) in (1_u8..).zip(self.counts) {
            if let Some(node) = reader.nodes(level, count, 1).await?.first() {
                return Ok(Some(changed(node)));
            }
        }
        match reader.latest().await? {
            Some(latest) if latest.kept != self.numbered && latest.size <= size => {
                let detail = format!("{} checkpoints are kept, not {}", self.numbered, latest.kept);
                Ok(Some(finding(
                    latest.size,
                    FindingKind::CheckpointChanged,
                    &detail,
                )))
            }
            Some(latest) => self.finish_latest(reader, &latest).await,
            None if self.signed_to > 0 => {
                let detail = "the newest checkpoint is gone";
                Ok(Some(finding(size, FindingKind::CheckpointChanged, detail)))
            }
            None => Ok(None),
        }
    }

    async fn finish_latest(
        &mut self,
        reader: &dyn TreeReader,
        latest: &SignedCheckpoint,
    ) -> Result<Option<Finding>, PortError> {
        let size = self.tree.size();
        if latest.size == size {
            return Ok(self.judge(latest).err());
        }
        if latest.size > size {
            return Ok(Some(self.beyond(latest)));
        }
        // What was placed without a checkpoint, or placed since the walk began: its root comes from nodes that were checked.
        let wrong = |size: u64, detail: &str| Ok(Some(finding(size, FindingKind::CheckpointChanged, detail)));
        let said = match self.open(latest) {
            Ok(said) => said,
            Err(error) => return wrong(latest.size, &error),
        };
        if said.size < self.signed_to {
            let detail = format!(
                "the newest checkpoint is older than one of {} entries",
                self.signed_to
            );
            return wrong(said.size, &detail);
        }
        match crate::tree::root(reader, said.size).await {
            Err(crate::tree::TreeError::Port(error)) => Err(error),
            Ok(root) if said.size == latest.size && said.root == root => Ok(None),
            _ => wrong(
                said.size,
                "the newest checkpoint is not that of the log at its size",
            ),
        }
    }

    /// A checkpoint of more entries than there are: the log was cut off, unless the note says another size than its row.
    fn beyond(&self, signed: &SignedCheckpoint) -> Finding {
        let size = self.tree.size();
        match self.open(signed) {
            Ok(said) if said.size == signed.size => {
                let detail = format!(
                    "the log ends here, though a checkpoint of {} entries was signed",
                    said.size
                );
                finding(size.saturating_add(1), FindingKind::LeafMissing, &detail)
            }
            Ok(said) => {
                let detail = "a checkpoint stands under another size than its own";
                finding(said.size, FindingKind::CheckpointChanged, detail)
            }
            Err(error) => finding(size, FindingKind::CheckpointChanged, &error),
        }
    }

    /// What a checkpoint says, if one of the keys signed it, or why it is not believed.
    fn open(&self, signed: &SignedCheckpoint) -> Result<Checkpoint, String> {
        if self.keys.is_empty() {
            let note = Note::parse(&signed.note).map_err(|error| error.to_string())?;
            return Checkpoint::parse(note.text()).map_err(|error| error.to_string());
        }
        open_checkpoint(&signed.note, &self.keys).map_err(|error| error.to_string())
    }
}

/// At the last entry below a node, or that a checkpoint covers.
fn finding(size: u64, kind: FindingKind, detail: &str) -> Finding {
    let seq = i64::try_from(size.saturating_sub(1)).unwrap_or(i64::MAX);
    Finding::new(seq, kind, detail)
}

fn changed(node: &TreeNode) -> Finding {
    let below = node
        .index
        .saturating_add(1)
        .checked_shl(u32::from(node.level * TILE_HEIGHT));
    let detail = format!(
        "node {} of level {} of the tree is not what is below it",
        node.index, node.level
    );
    finding(below.unwrap_or(u64::MAX), FindingKind::NodeChanged, &detail)
}
