//! The formats in which a record is one line of text.

use std::{fmt, str::FromStr};

use super::{Exported, Source, cef, ecs, hex, ocsf, syslog};

/// A format of one line a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The entry itself, byte for byte as it was hashed. The only one from which the leaf hash can be recomputed.
    Jsonl,
    /// Open Cybersecurity Schema Framework 1.5, JSON.
    Ocsf,
    /// Common Event Format, version 0.
    Cef,
    /// Elastic Common Schema 8, JSON.
    Ecs,
    /// A syslog message of RFC 5424 whose text is the OCSF record.
    Syslog,
}

/// The word names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected jsonl, ocsf, cef, ecs or syslog")]
pub struct FormatError;

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Jsonl, Self::Ocsf, Self::Cef, Self::Ecs, Self::Syslog];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Ocsf => "ocsf",
            Self::Cef => "cef",
            Self::Ecs => "ecs",
            Self::Syslog => "syslog",
        }
    }

    /// The media type of lines of it.
    pub const fn media(self) -> &'static str {
        match self {
            Self::Jsonl | Self::Ocsf | Self::Ecs => "application/x-ndjson",
            Self::Cef | Self::Syslog => "text/plain; charset=utf-8",
        }
    }

    /// The record as one line, without its line feed.
    pub fn line(self, record: &Exported, source: &Source) -> String {
        match self {
            Self::Jsonl => jsonl(
                record.seq,
                &record.leaf_hash,
                &record.previous,
                record.text.as_deref(),
            ),
            Self::Ocsf => ocsf::record(record, source).to_string(),
            Self::Cef => cef::record(record, source),
            Self::Ecs => ecs::record(record, source).to_string(),
            Self::Syslog => Self::Ocsf.syslog(record, source),
        }
    }

    /// A syslog message of RFC 5424 whose text is the record in this format.
    pub fn syslog(self, record: &Exported, source: &Source) -> String {
        match self {
            Self::Syslog => self.line(record, source),
            text => syslog::record(record, source, &text.line(record, source)),
        }
    }
}

/// An entry as a line of [`Format::Jsonl`]. Head and body are put together as text: another writer of JSON might order the
/// body's members otherwise, and the leaf hash is over these very bytes.
pub fn jsonl(seq: i64, leaf_hash: &[u8; 32], previous: &[u8; 32], body: Option<&str>) -> String {
    format!(
        "{{\"seq\":{seq},\"leaf_hash\":\"{}\",\"previous\":\"{}\",\"body\":{}}}",
        hex(leaf_hash),
        hex(previous),
        body.unwrap_or("null")
    )
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or(FormatError)
    }
}
