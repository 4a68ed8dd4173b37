//! A head of the log that is kept where whoever can write to the database cannot reach it.

use std::{fmt, str::FromStr};

use crate::{
    Finding, FindingKind, Leaf, LogReader,
    hex::{hex, unhex32},
    verify::{check_body, check_cursor, check_hashes, check_link, is_pruned},
};
use vutf_kernel::PortError;

/// Entries read at once.
const BATCH: u32 = 512;

/// A head of the log that was noted elsewhere.
///
/// The chain alone shows every change that leaves the later hashes as they were. Somebody who rewrites all of them, or cuts
/// the end off, is shown by an anchor only. As text it is `SEQ:CHAIN`, the chain hash in lower-case hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The sequence number of the head.
    pub seq: i64,
    /// The chain hash there.
    pub chain: [u8; 32],
}

impl Anchor {
    /// The anchor that this leaf is.
    pub fn of(leaf: &Leaf) -> Self {
        Self {
            seq: leaf.seq,
            chain: leaf.chain,
        }
    }

    /// Holds a present head against this one: `Ok(true)` when it is the same, `Ok(false)` when it is a later one, whose way
    /// from here [`advance`] must show.
    ///
    /// # Errors
    /// The log ends before this anchor, or is another one.
    pub fn hold_against(&self, head: Option<&Leaf>) -> Result<bool, Finding> {
        let next = head.map_or(0, |leaf| leaf.seq.saturating_add(1));
        match head {
            Some(leaf) if leaf.seq > self.seq => Ok(false),
            Some(leaf) if leaf.seq == self.seq && leaf.chain == self.chain => Ok(true),
            Some(leaf) if leaf.seq == self.seq => Err(self.mismatch()),
            _ => Err(self.cut_off(next)),
        }
    }

    pub(crate) fn mismatch(&self) -> Finding {
        let detail = "the chain hash is not the one that was noted outside the database";
        Finding::new(self.seq, FindingKind::AnchorMismatch, detail)
    }

    pub(crate) fn cut_off(&self, next: i64) -> Finding {
        let detail = format!(
            "the log ends here, though seq {} was noted outside the database",
            self.seq
        );
        Finding::new(next, FindingKind::LeafMissing, detail)
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex(&self.chain))
    }
}

/// A head as it is noted outside of the store, with the checkpoint that was signed for it.
///
/// As text: the anchor on a line, and the signed note below it. Whoever can write where it is kept cannot make a checkpoint up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedHead {
    /// The last entry.
    pub anchor: Anchor,
    /// The signed note over the tree that ends with it; `None` where no checkpoints are made.
    pub note: Option<String>,
}

impl NotedHead {
    /// Of the last leaf.
    pub fn of(leaf: &Leaf, note: Option<String>) -> Self {
        Self {
            anchor: Anchor::of(leaf),
            note,
        }
    }
}

impl fmt::Display for NotedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.anchor)?;
        self.note.iter().try_for_each(|note| f.write_str(note))
    }
}

impl FromStr for NotedHead {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, AnchorError> {
        let (anchor, note) = text.split_once('\n').unwrap_or((text, ""));
        Ok(Self {
            anchor: anchor.trim_end().parse()?,
            note: (!note.is_empty()).then(|| note.to_owned()),
        })
    }
}

/// The text is no anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected SEQ:CHAIN, a number and 64 hexadecimal digits in lower case")]
pub struct AnchorError;

impl FromStr for Anchor {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, AnchorError> {
        let (seq, chain) = text.split_once(':').ok_or(AnchorError)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(seq) {
            return Err(AnchorError);
        }
        let seq = seq.parse().map_err(|_| AnchorError)?;
        let chain = unhex32(chain).ok_or(AnchorError)?;
        Ok(Self { seq, chain })
    }
}

/// How a noted head was moved on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Everything from the noted head to this one follows from it.
    To(Anchor),
    /// Something does not.
    Found(Finding),
}

/// Moves a noted head to the present one, when its own event is as it was, and bodies, leaf hashes and chain in between follow
/// from it.
///
/// # Errors
/// The reader's.
pub async fn advance(reader: &dyn LogReader, noted: Anchor) -> Result<Advance, PortError> {
    let mut last = noted;
    let mut from = noted.seq;
    loop {
        let entries = reader.entries(from, BATCH).await?;
        if entries.is_empty() {
            // The noted entry itself is always read.
            let gone = from == noted.seq;
            return Ok(if gone {
                lost(reader, noted).await?
            } else {
                Advance::To(last)
            });
        }
        for entry in entries {
            let leaf = &entry.leaf;
            if leaf.seq != from {
                let detail = format!("the next leaf has the number {}", leaf.seq);
                return Ok(Advance::Found(Finding::new(
                    from,
                    FindingKind::LeafMissing,
                    detail,
                )));
            }
            let fits = if from == noted.seq {
                if leaf.chain != noted.chain {
                    return Ok(Advance::Found(noted.mismatch()));
                }
                check_body(&entry).map(|_| ())
            } else {
                check_hashes(&last.chain, &entry).map(|_| ())
            };
            // Of what was pruned while nobody looked the hashes are left; whether it was rightly pruned, verification tells.
            let fits = match (is_pruned(&entry), from == noted.seq) {
                (false, _) => fits.and_then(|()| check_cursor(&entry)),
                (true, true) => Ok(()),
                (true, false) => check_link(&last.chain, &entry),
            };
            if let Err(misfit) = fits {
                return Ok(Advance::Found(Finding::new(leaf.seq, misfit.kind, misfit.detail)));
            }
            last = Anchor::of(leaf);
            from = from.saturating_add(1);
        }
    }
}

async fn lost(reader: &dyn LogReader, noted: Anchor) -> Result<Advance, PortError> {
    let next = reader.head().await?.map_or(0, |leaf| leaf.seq.saturating_add(1));
    Ok(Advance::Found(noted.cut_off(next)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(seq in 0..i64::MAX, chain in any::<[u8; 32]>()) {
            let anchor = Anchor { seq, chain };
            prop_assert_eq!(anchor.to_string().parse(), Ok(anchor));
        }

        #[test]
        fn any_text_is_an_anchor_or_an_error(text in ".{0,80}") {
            if let Ok(anchor) = text.parse::<Anchor>() {
                prop_assert_eq!(anchor.to_string().parse(), Ok(anchor));
            }
        }
    }

    #[test]
    fn half_an_anchor_is_none() {
        let chain = "0".repeat(64);
        for text in [
            "",
            ":",
            "7",
            "7:",
            "7:00",
            &format!("-1:{chain}"),
            &format!("+1:{chain}"),
            &format!("7:{chain}0"),
            &format!("7:{}", "A".repeat(64)),
        ] {
            assert_eq!(text.parse::<Anchor>(), Err(AnchorError), "{text}");
        }
        assert!(format!("7:{chain}").parse::<Anchor>().is_ok());
    }
}
