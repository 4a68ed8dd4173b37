#![doc = include_str!("../README.md")]

mod cache;
mod error;
mod line;
mod options;
mod spend;

pub use cache::RedisCache;
pub use options::{RedisOptions, Start};
