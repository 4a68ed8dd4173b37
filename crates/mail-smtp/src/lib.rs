#![doc = include_str!("../README.md")]

mod file;
mod mailer;
mod message;

pub use file::{FileError, FileMailer};
pub use mailer::{Security, SmtpError, SmtpMailer, SmtpOptions, is_address};
