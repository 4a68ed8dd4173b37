#![doc = include_str!("../README.md")]

pub mod breaking;
pub mod file;

pub use breaking::Breaking;
pub use file::{FileError, FileKek, FileWrapper};
