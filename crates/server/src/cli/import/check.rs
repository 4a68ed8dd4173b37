//! What is wrong with a file, line by line. No problem shows what stands in the line.

use std::{collections::HashMap, fmt};

use serde::Serialize;
use sha2::{Digest, Sha256};
use vutf_identity::{
    DisplayName, Email, Phone, Username, ValueError, password::ImportedHash, user::import::Newcomer,
};

use super::file::{Row, Rows, Unreadable};
use crate::cli::failure::Failure;

/// So many problems are listed.
const LISTED: usize = 100;

/// Why a line cannot be taken in.
#[derive(Serialize)]
pub(super) struct Problem {
    line: u64,
    field: &'static str,
    code: &'static str,
    detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            "" => write!(f, "line {}: {}", self.line, self.detail),
            field => write!(f, "line {}: {field}: {}", self.line, self.detail),
        }
    }
}

impl From<Unreadable> for Problem {
    fn from(found: Unreadable) -> Self {
        Self {
            line: found.line,
            field: "",
            code: "unreadable",
            detail: found.detail,
        }
    }
}

/// What was found in a file.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) rows: u64,
    pub(super) problems: Vec<Problem>,
    pub(super) more: u64,
}

impl Checked {
    fn note(&mut self, problem: Problem) {
        if self.problems.len() < LISTED {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }
}

/// Reads the whole file.
pub(super) fn check(rows: Rows) -> Result<Checked, Failure> {
    let mut checked = Checked::default();
    let mut seen = HashMap::new();
    for row in rows {
        checked.rows += 1;
        match row.map_err(Problem::from).and_then(parse) {
            Ok((line, newcomer)) => twins(line, &newcomer, &mut seen, &mut checked),
            Err(problem) => checked.note(problem),
        }
    }
    if checked.rows == 0 {
        return Err(Failure::Failed("the file names no account".to_owned()));
    }
    Ok(checked)
}

/// The first mistake of a line.
pub(super) fn parse(row: Row) -> Result<(u64, Newcomer), Problem> {
    let line = row.line;
    let value = |field| {
        move |error: ValueError| Problem {
            line,
            field,
            code: error.code,
            detail: error.detail,
        }
    };
    let hash = row
        .password_hash
        .map(|text| ImportedHash::parse(text.expose()))
        .transpose();
    let hash = hash.map_err(|error| Problem {
        line,
        field: "password_hash",
        code: error.code(),
        detail: error.to_string(),
    })?;
    let display_name = row.display_name.as_deref().map(DisplayName::parse).transpose();
    let phone = row.phone.as_deref().map(Phone::parse).transpose();
    let newcomer = Newcomer {
        username: Username::parse(&row.username).map_err(value("username"))?,
        email: Email::parse(&row.email).map_err(value("email"))?,
        verified: row.email_verified.unwrap_or(true),
        display_name: display_name.map_err(value("display_name"))?,
        phone: phone.map_err(value("phone"))?,
        must_change_password: false,
        hash,
    };
    Ok((line, newcomer))
}

/// Of a million lines only digests of the names are kept.
fn twins(line: u64, newcomer: &Newcomer, seen: &mut HashMap<[u8; 32], u64>, checked: &mut Checked) {
    let names = [
        ("username", newcomer.username.canonical()),
        ("email", newcomer.email.canonical()),
    ];
    for (field, name) in names {
        let digest = Sha256::new()
            .chain_update(field)
            .chain_update([0])
            .chain_update(name.expose())
            .finalize()
            .into();
        if let Some(first) = seen.insert(digest, line) {
            checked.note(Problem {
                line,
                field,
                code: "duplicate",
                detail: format!("it is that of line {first}, too"),
            });
        }
    }
}
