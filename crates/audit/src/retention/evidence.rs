//! What a prune event says, so that a stranger can check what was removed.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use vutf_kernel::{Action, Actor, Detail, Event, Outcome, PruneRunId, Timestamp};

use super::Seqs;
use crate::{Body, Leaf, merkle::Hash};

/// Entries are removed. No route and no caller can raise it: it is the job's and the operator's alone.
pub const PRUNE: Action = Action::new("audit.prune", "audit");

/// What one batch of a run removes. It is the content of one event [`PRUNE`], written in the transaction of the removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The run that the batch belongs to.
    pub run: PruneRunId,
    /// The class of all entries.
    pub class: String,
    /// The version of the policy, [`super::Policy::version`].
    pub policy: String,
    /// All of them happened before this instant.
    pub cutoff: Timestamp,
    /// Their numbers.
    pub seqs: Seqs,
    /// [`Removed::digest`].
    pub digest: [u8; 32],
    /// [`Removed::places`].
    pub places: [u8; 32],
    /// Size and root of the newest checkpoint at that time; `None` where none was made.
    pub checkpoint: Option<(u64, Hash)>,
}

/// Hashes over removed entries, taken one after another in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    seqs: Seqs,
    digest: Sha256,
    places: Sha256,
}

impl Removed {
    /// Takes an entry; `false` when its number does not ascend.
    pub fn push(&mut self, seq: i64, leaf_hash: &[u8; 32]) -> bool {
        let fits = u64::try_from(seq).is_ok_and(|_| self.seqs.push(seq));
        if fits {
            self.digest.update(seq.to_be_bytes());
            self.digest.update(leaf_hash);
        }
        fits
    }

    /// The same with the columns of the place that nothing else vouches for once the body is gone.
    pub fn push_leaf(&mut self, leaf: &Leaf) -> bool {
        let fits = self.push(leaf.seq, &leaf.leaf_hash);
        if fits {
            self.places.update(leaf.event_id.as_bytes());
            self.places.update(leaf.cursor.xid.to_be_bytes());
            self.places.update(leaf.cursor.ord.to_be_bytes());
        }
        fits
    }

    /// Their numbers.
    pub fn seqs(&self) -> &Seqs {
        &self.seqs
    }

    /// SHA-256 over `seq ‖ leaf_hash` of each entry, `seq` as 8 bytes, big endian.
    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// SHA-256 over `event_id ‖ xid ‖ ord` of each entry: 16 bytes, and two numbers of 8 bytes, big endian.
    pub fn places(&self) -> [u8; 32] {
        self.places.clone().finalize().into()
    }
}

impl Removal {
    /// Writes it into an event.
    #[must_use]
    pub fn describe(&self, event: Event) -> Event {
        let number = |number: u64| Detail::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let seq = |seq: Option<i64>| Detail::Number(seq.unwrap_or_default());
        let event = event
            .detail("run", Detail::Text(self.run.to_string()))
            .detail("class", Detail::Text(self.class.clone()))
            .detail("policy", Detail::Text(self.policy.clone()))
            .detail("cutoff", Detail::Text(self.cutoff.rfc3339()))
            .detail("first_seq", seq(self.seqs.first()))
            .detail("last_seq", seq(self.seqs.last()))
            .detail("count", number(self.seqs.count()))
            .detail("seqs", Detail::Text(self.seqs.to_string()))
            .detail("digest", Detail::Text(hex(&self.digest)))
            .detail("places", Detail::Text(hex(&self.places)));
        match &self.checkpoint {
            None => event,
            Some((size, root)) => event
                .detail("checkpoint_size", number(*size))
                .detail("checkpoint_root", Detail::Text(hex(root))),
        }
    }

    /// Reads it from an entry; `None` when the entry tells of no removal, or not by the service itself, or says two things.
    pub fn read(body: &Body) -> Option<Self> {
        let by_the_service = matches!(body.actor, Actor::System { .. } | Actor::Operator);
        if body.action != PRUNE.name || body.outcome != Outcome::Success || !by_the_service {
            return None;
        }
        let text = |name: &str| match body.details.get(name) {
            Some(Detail::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let number = |name: &str| match body.details.get(name) {
            Some(Detail::Number(number)) => Some(*number),
            _ => None,
        };
        let seqs: Seqs = text("seqs")?.parse().ok()?;
        let told = (number("first_seq"), number("last_seq"));
        let count = u64::try_from(number("count")?).ok()?;
        if told != (seqs.first(), seqs.last()) || count != seqs.count() {
            return None;
        }
        let checkpoint = match (number("checkpoint_size"), text("checkpoint_root")) {
            (None, None) => None,
            (size, root) => Some((u64::try_from(size?).ok()?, unhex(root?)?)),
        };
        Some(Self {
            run: text("run")?.parse().ok()?,
            class: text("class")?.to_owned(),
            policy: text("policy")?.to_owned(),
            cutoff: Timestamp::parse_rfc3339(text("cutoff")?)?,
            seqs,
            digest: unhex(text("digest")?)?,
            places: unhex(text("places")?)?,
            checkpoint,
        })
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_pinned() {
        let mut removed = Removed::default();
        assert!(removed.push(1, &[7; 32]) && removed.push(258, &[9; 32]));
        assert!(!removed.push(258, &[9; 32]) && !removed.push(-1, &[9; 32]));
        // python3: sha256((1).to_bytes(8,'big') + b'\x07'*32 + (258).to_bytes(8,'big') + b'\x09'*32)
        assert_eq!(
            hex(&removed.digest()),
            "66ce774480a8ac1a3b62998fa84e1b64ae46eaaa77984e4325bd234625e405cc"
        );
        assert_eq!(removed.seqs().to_string(), "1,258");
    }

    #[test]
    fn hexadecimal_has_one_form() {
        let bytes = [0xAB; 32];
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex(&hex(&bytes).to_uppercase()), None);
        assert_eq!(unhex("ab"), None);
    }
}
