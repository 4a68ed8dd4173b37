//! The lines of the file, one at a time, whatever its size.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read as _},
    path::Path,
};

use serde::Deserialize;
use vutf_kernel::Secret;

use crate::cli::failure::Failure;

/// Far longer than any account.
const LONGEST_LINE: u64 = 64 * 1_024;
const COLUMNS: [&str; 6] = [
    "username",
    "email",
    "display_name",
    "phone",
    "password_hash",
    "email_verified",
];

/// What a line says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// Its number, from 1.
    #[serde(skip)]
    pub(super) line: u64,
    pub(super) username: String,
    pub(super) email: String,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    #[serde(default)]
    pub(super) phone: Option<String>,
    #[serde(default)]
    pub(super) password_hash: Option<Secret<String>>,
    #[serde(default)]
    pub(super) email_verified: Option<bool>,
}

/// A line that cannot be read at all. It tells nothing of what stands in it.
pub(super) struct Unreadable {
    pub(super) line: u64,
    pub(super) detail: String,
}

/// The lines of a file.
pub(super) enum Rows {
    Csv(Box<csv::DeserializeRecordsIntoIter<File, Row>>),
    Jsonl {
        source: BufReader<File>,
        line: u64,
        ended: bool,
    },
}

impl Rows {
    /// By the end of the file's name.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", path.display()));
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .map(str::to_ascii_lowercase);
        let file = || File::open(path).map_err(|error| failed(&error));
        match ending.as_deref() {
            Some("csv") => {
                let mut reader = csv::ReaderBuilder::new()
                    .trim(csv::Trim::Headers)
                    .from_reader(file()?);
                let headers = reader.headers().map_err(|error| failed(&error))?.clone();
                if let Some(unknown) = headers.iter().find(|name| !COLUMNS.contains(name)) {
                    let known = COLUMNS.join(", ");
                    return Err(failed(&format!(
                        "there is no column {unknown:?}; there are {known}"
                    )));
                }
                if let Some(missing) = COLUMNS[..2]
                    .iter()
                    .find(|name| !headers.iter().any(|known| known == **name))
                {
                    return Err(failed(&format!("the column {missing} is missing")));
                }
                Ok(Self::Csv(Box::new(reader.into_deserialize())))
            }
            Some("jsonl" | "ndjson") => Ok(Self::Jsonl {
                source: BufReader::new(file()?),
                line: 0,
                ended: false,
            }),
            _ => Err(Failure::Usage(format!(
                "{}: name a file that ends in .csv or .jsonl",
                path.display()
            ))),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv(rows) => {
                let line = rows.reader().position().line();
                let row = rows.next()?;
                Some(
                    row.map(|row| Row {
                        line,
                        ..row.emptied()
                    })
                    .map_err(|error| Unreadable {
                        line: error.position().map_or(line, csv::Position::line),
                        detail: of_csv(&error),
                    }),
                )
            }
            Self::Jsonl { ended: true, .. } => None,
            Self::Jsonl { source, line, ended } => {
                let found = next_line(source, line);
                *ended = found.as_ref().is_some_and(Result::is_err);
                let (line, text) = match found? {
                    Ok(text) => (*line, text),
                    Err(detail) => return Some(Err(Unreadable { line: *line, detail })),
                };
                let row = serde_json::from_str::<Row>(&text);
                Some(row.map(|row| Row { line, ..row }).map_err(|error| Unreadable {
                    line,
                    detail: of_json(&error),
                }))
            }
        }
    }
}

impl Row {
    /// In CSV what is not there is an empty text.
    fn emptied(self) -> Self {
        Self {
            display_name: self.display_name.filter(|text| !text.is_empty()),
            phone: self.phone.filter(|text| !text.is_empty()),
            password_hash: self.password_hash.filter(|text| !text.expose().is_empty()),
            ..self
        }
    }
}

/// The next line that is not blank.
fn next_line(source: &mut BufReader<File>, number: &mut u64) -> Option<Result<String, String>> {
    loop {
        *number += 1;
        let mut text = String::new();
        match source.by_ref().take(LONGEST_LINE).read_line(&mut text) {
            Ok(0) => return None,
            Ok(_) if text.len() as u64 == LONGEST_LINE && !text.ends_with('\n') => {
                return Some(Err(format!("it is longer than {LONGEST_LINE} bytes")));
            }
            Ok(_) if text.trim().is_empty() => {}
            Ok(_) => return Some(Ok(text)),
            Err(error) => return Some(Err(format!("it cannot be read: {error}"))),
        }
    }
}

fn of_csv(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("it has {len} fields instead of {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::Deserialize { err, .. } => {
            match err.field().and_then(|at| COLUMNS.get(usize::try_from(at).ok()?)) {
                Some(_) => "a field has the wrong form: email_verified is true or false".to_owned(),
                None => "a field has the wrong form".to_owned(),
            }
        }
        _ => "it cannot be read".to_owned(),
    }
}

/// The parser's own text may quote what it found, but where it was is enough.
fn of_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let known = ["missing field", "unknown field", "duplicate field"];
    if known.iter().any(|known| text.starts_with(known)) {
        let sentence = text.split(" at line ").next().unwrap_or_default();
        return sentence.split(", expected").next().unwrap_or_default().to_owned();
    }
    format!(
        "it is no JSON object with members of the right types, from column {} on",
        error.column()
    )
}
