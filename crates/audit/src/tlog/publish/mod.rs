//! The log's side of witnessing: the newest checkpoint goes to each witness, and what they answer is kept beside it
//! ([C2SP tlog-witness](https://c2sp.org/tlog-witness)).
//!
//! None of this is in the way of an event: the log goes on without witnesses, and what a witness says against it is told, not
//! obeyed.

mod kept;
#[cfg(feature = "memory")]
mod memory;
mod submit;

pub use kept::{KeptCosignature, cosigned_checkpoint, cosigned_note, quorum_size};
#[cfg(feature = "memory")]
pub use memory::{MemoryCosignatures, MemoryPublished};
pub use submit::{
    Conflict, MAX_ANSWER, SignedHead, SubmitError, Submitted, WitnessAnswer, WitnessCall, submit,
};

use async_trait::async_trait;
use vutf_kernel::PortError;

use super::VerifierKey;
use crate::{
    TreeReader,
    merkle::Hash,
    tree::{TreeError, consistency_proof},
};

/// The log as it is published.
#[async_trait]
pub trait PublishedLog: Send + Sync {
    /// The newest checkpoint, a signed note; `None` before the first.
    async fn newest_checkpoint(&self) -> Result<Option<String>, PortError>;

    /// That the tree of `new` entries begins with that of `old`, which is neither 0 nor larger
    /// ([`crate::merkle::prove_consistency`]).
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, PortError>;
}

/// The tree that a store keeps is published as it is.
#[async_trait]
impl<T: TreeReader> PublishedLog for T {
    async fn newest_checkpoint(&self) -> Result<Option<String>, PortError> {
        Ok(self.latest().await?.map(|checkpoint| checkpoint.note))
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, PortError> {
        consistency_proof(self, old, new)
            .await
            .map_err(|error| match error {
                TreeError::Port(error) => error,
                TreeError::Proof(error) => PortError::other("log.consistency", error),
            })
    }
}

/// Where cosignatures are kept. Nothing is ever changed or removed.
#[async_trait]
pub trait Cosignatures: Send + Sync {
    /// Keeps it, unless there is one of the same key for this size.
    async fn keep(&self, cosignature: &KeptCosignature) -> Result<(), PortError>;

    /// Those for the checkpoint of this size, by name and id of their keys.
    async fn of_size(&self, size: u64) -> Result<Vec<KeptCosignature>, PortError>;

    /// The one for the largest checkpoint that this key cosigned.
    async fn last_of(&self, witness: &VerifierKey) -> Result<Option<KeptCosignature>, PortError>;

    /// The last ones, largest size first.
    async fn newest(&self, limit: u32) -> Result<Vec<KeptCosignature>, PortError>;
}
