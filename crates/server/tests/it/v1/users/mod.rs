//! Administration of users, against the real binary.

mod erase;
