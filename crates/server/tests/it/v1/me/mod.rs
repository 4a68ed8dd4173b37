//! One's own data, against the real binary.

mod erasure;
mod export;
