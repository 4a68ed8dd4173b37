//! What the log says of itself, in the formats that foreign programs verify: [signed notes](https://c2sp.org/signed-note),
//! [checkpoints](https://c2sp.org/tlog-checkpoint), [cosignatures](https://c2sp.org/tlog-cosignature) of witnesses,
//! [policies](https://c2sp.org/tlog-policy) of those who verify, [proofs of one entry](https://c2sp.org/tlog-proof) and [bundles of entries](https://c2sp.org/tlog-tiles).

mod checkpoint;
mod cosignature;
mod entries;
mod key;
mod note;
mod policy;
mod policy_file;
mod proof;
pub mod publish;
mod signer;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{Cosignature, cosigned_message};
pub use entries::{BundleError, MAX_ENTRY, bundle_path, entries_of, entry_bundle, parse_bundle_path};
pub use key::{KeyKind, KeyName, VerifierKey, VkeyError};
pub use note::{MAX_NOTE, MAX_SIGNATURES, Note, NoteError, NoteSignature};
pub use policy::{Trust, TrustError, TrustPolicy, Trusted};
pub use policy_file::{PolicyFile, PolicyFileError, PolicyProblem};
pub use proof::{MAX_EXTRA, TlogProof, TlogProofError};
pub use signer::{Cosigner, SkeyError};
