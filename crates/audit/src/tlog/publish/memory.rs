//! In-memory twins: a log that is published, and the cosignatures that it got.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ed25519_compact::{KeyPair, Seed};
use vutf_kernel::{PortError, Secret};

use super::{Cosignatures, KeptCosignature, PublishedLog};
use crate::{
    merkle::{Frontier, Hash, Tiles, prove_consistency},
    tlog::{Checkpoint, KeyKind, KeyName, NoteSignature, SkeyError, VerifierKey},
};

type Sign = dyn Fn(&str) -> String + Send + Sync;

/// A tree in memory with its signed checkpoints. Clones share it.
#[derive(Clone)]
pub struct MemoryPublished {
    origin: KeyName,
    state: Arc<Mutex<Tree>>,
    sign: Arc<Sign>,
}

#[derive(Clone, Default)]
struct Tree {
    frontier: Frontier,
    tiles: Tiles,
    notes: Vec<String>,
}

impl MemoryPublished {
    /// An empty log whose checkpoints `sign` makes signed notes of.
    pub fn new(origin: KeyName, sign: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self {
            origin,
            state: Arc::default(),
            sign: Arc::new(sign),
        }
    }

    /// An empty log with a key of its own, and the key by which its checkpoints are verified. The seed is the private key of
    /// RFC 8032, not all zero.
    pub fn keyed(origin: KeyName, seed: &Secret<[u8; 32]>) -> Result<(Self, VerifierKey), SkeyError> {
        let pair = KeyPair::try_from_seed(Seed::new(*seed.expose())).map_err(|_| SkeyError)?;
        let key = VerifierKey::new(origin.clone(), KeyKind::Note, *pair.pk);
        let signer = key.clone();
        let sign = move |text: &str| {
            let signature = pair.sk.sign(text.as_bytes(), None).to_vec();
            let line = NoteSignature::by(&signer, signature).line();
            format!("{text}\n{line}")
        };
        Ok((Self::new(origin, sign), key))
    }

    /// Appends entries by their leaf hashes, and signs a checkpoint.
    pub fn append(&self, leaves: impl IntoIterator<Item = Hash>) -> String {
        let mut state = self.lock();
        let Tree {
            frontier,
            tiles,
            notes,
        } = &mut *state;
        for leaf in leaves {
            frontier.append(leaf, |level, index, hash| tiles.note(level, index, hash));
        }
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: frontier.size(),
            root: frontier.root(),
        };
        let note = (self.sign)(&checkpoint.text());
        notes.push(note.clone());
        note
    }

    /// Another log that begins like this one and has the same key: what no log may do.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            state: Arc::new(Mutex::new(self.lock().clone())),
            ..self.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tree> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryPublished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "MemoryPublished({}, {} entries)",
            self.origin,
            self.lock().frontier.size()
        )
    }
}

#[async_trait]
impl PublishedLog for MemoryPublished {
    async fn newest_checkpoint(&self) -> Result<Option<String>, PortError> {
        Ok(self.lock().notes.last().cloned())
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, PortError> {
        let state = self.lock();
        prove_consistency(&state.tiles, old, new).map_err(|error| PortError::other("log.consistency", error))
    }
}

/// Cosignatures in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryCosignatures(Arc<Mutex<Vec<KeptCosignature>>>);

impl MemoryCosignatures {
    fn lock(&self) -> MutexGuard<'_, Vec<KeptCosignature>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(kept: &KeptCosignature) -> (u64, &KeyName, u32) {
    (kept.size, &kept.witness, kept.key_id)
}

#[async_trait]
impl Cosignatures for MemoryCosignatures {
    async fn keep(&self, cosignature: &KeptCosignature) -> Result<(), PortError> {
        let mut all = self.lock();
        if !all.iter().any(|kept| place(kept) == place(cosignature)) {
            all.push(cosignature.clone());
            all.sort_by(|a, b| place(a).cmp(&place(b)));
        }
        Ok(())
    }

    async fn of_size(&self, size: u64) -> Result<Vec<KeptCosignature>, PortError> {
        Ok(self
            .lock()
            .iter()
            .filter(|kept| kept.size == size)
            .cloned()
            .collect())
    }

    async fn last_of(&self, witness: &VerifierKey) -> Result<Option<KeptCosignature>, PortError> {
        let all = self.lock();
        let of = |kept: &&KeptCosignature| kept.witness == *witness.name() && kept.key_id == witness.id();
        Ok(all.iter().rev().find(of).cloned())
    }

    async fn newest(&self, limit: u32) -> Result<Vec<KeptCosignature>, PortError> {
        let mut all = self.lock().clone();
        // By size downward, then as within one size.
        all.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| place(a).cmp(&place(b))));
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }
}
