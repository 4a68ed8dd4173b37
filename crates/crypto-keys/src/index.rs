//! Blind indexes: equality search over encrypted columns.

/// `HMAC-SHA-256(K[tenant, table, column, version], canonical value)`: equal values have equal indexes under one version,
/// and without the key nothing can be told or guessed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlindIndex {
    /// The version of the index key; stored beside the value, so that two versions can be looked up during a rotation.
    pub version: u32,
    /// The index.
    pub value: [u8; 32],
}
