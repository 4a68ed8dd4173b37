//! What is kept of cosignatures, and what it is worth.

use std::collections::{BTreeMap, BTreeSet};

use vutf_kernel::{PortError, Timestamp};

use super::{Cosignatures, SignedHead};
use crate::tlog::{Cosignature, KeyName, Note, NoteError, NoteSignature, VerifierKey};

/// One line below a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCosignature {
    /// Of which checkpoint: the size of its tree.
    pub size: u64,
    /// Whose, as they say.
    pub witness: KeyName,
    /// The id of their key: a name may have had several.
    pub key_id: u32,
    /// The signed note of that checkpoint, as it was submitted: not every checkpoint is kept elsewhere.
    pub note: String,
    /// The line, with its end.
    pub line: String,
    /// When, as the witness says.
    pub cosigned_at: Timestamp,
}

impl KeptCosignature {
    /// `None` unless it is a cosignature of this key, over this checkpoint.
    pub(super) fn of(head: &SignedHead, signature: &NoteSignature, key: &VerifierKey) -> Option<Self> {
        let time = verified(head.text(), signature, key)?;
        Some(Self {
            size: head.checkpoint.size,
            witness: key.name().clone(),
            key_id: key.id(),
            note: head.note.clone(),
            line: signature.line(),
            cosigned_at: Timestamp::from_secs(i64::try_from(time).unwrap_or(i64::MAX)),
        })
    }

    fn is_of(&self, key: &VerifierKey) -> bool {
        self.witness == *key.name() && self.key_id == key.id()
    }

    /// The checkpoint and the key, if it is what one of these witnesses cosigned. A row may say anything.
    fn cosigned_by<'a>(&self, witnesses: &'a [VerifierKey]) -> Option<(SignedHead, &'a VerifierKey)> {
        let key = witnesses.iter().find(|key| self.is_of(key))?;
        let head = SignedHead::read(&self.note).filter(|head| head.checkpoint.size == self.size)?;
        let signature = NoteSignature::parse(self.line.strip_suffix('\n')?)?;
        verified(head.text(), &signature, key)?;
        Some((head, key))
    }
}

/// A signed checkpoint with the cosignatures of these witnesses below it. What was kept and does not verify, or is another's, is
/// left out: one wrong line would spoil the note for whoever knows its key.
///
/// # Errors
/// `note` is no signed note.
pub fn cosigned_note(
    note: &str,
    kept: &[KeptCosignature],
    witnesses: &[VerifierKey],
) -> Result<String, NoteError> {
    let mut note = Note::parse(note)?;
    for witness in witnesses {
        let lines = kept.iter().filter(|kept| kept.is_of(witness));
        let signatures = lines.filter_map(|kept| NoteSignature::parse(kept.line.strip_suffix('\n')?));
        for signature in signatures {
            if verified(note.text(), &signature, witness).is_some() {
                note.sign(signature);
            }
        }
    }
    Ok(note.to_string())
}

/// The checkpoint of this size with all that these witnesses cosigned of it; `None` when none of them has.
///
/// # Errors
/// The store's; what it keeps is no signed note.
pub async fn cosigned_checkpoint(
    store: &dyn Cosignatures,
    size: u64,
    witnesses: &[VerifierKey],
) -> Result<Option<String>, PortError> {
    let kept = store.of_size(size).await?;
    let of_one = |kept: &&KeptCosignature| kept.cosigned_by(witnesses).is_some();
    let Some(first) = kept.iter().find(of_one) else {
        return Ok(None);
    };
    let note = cosigned_note(&first.note, &kept, witnesses);
    note.map(Some)
        .map_err(|error| PortError::other("cosignatures.note", error))
}

/// When it was made, if it is this key's, over this text. A cosignature of a checkpoint has a time (C2SP tlog-witness).
fn verified(text: &str, signature: &NoteSignature, key: &VerifierKey) -> Option<u64> {
    let cosignature = Cosignature::parse(&signature.bytes)?;
    let holds = signature.claims(key) && cosignature.time > 0 && cosignature.verifies(key, text);
    holds.then_some(cosignature.time)
}

/// The largest size of which `quorum` of these witnesses have cosigned one checkpoint; `None` when there is none, or none is
/// asked for. Only what verifies counts.
pub fn quorum_size(kept: &[KeptCosignature], witnesses: &[VerifierKey], quorum: usize) -> Option<u64> {
    let mut heads: BTreeMap<(u64, String), BTreeSet<&[u8; 32]>> = BTreeMap::new();
    for (head, key) in kept.iter().filter_map(|kept| kept.cosigned_by(witnesses)) {
        let of = (head.checkpoint.size, head.text().to_owned());
        heads.entry(of).or_default().insert(key.public());
    }
    let reached = heads.iter().rev().find(|(_, keys)| keys.len() >= quorum);
    reached.filter(|_| quorum > 0).map(|((size, _), _)| *size)
}
