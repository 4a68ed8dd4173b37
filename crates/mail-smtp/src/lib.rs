#![doc = include_str!("../README.md")]

mod mailer;

pub use mailer::{Security, SmtpError, SmtpMailer, SmtpOptions, is_address};
