//! What the service says to somebody over the signature of its log: a certificate, or what an export holds. It is a signed note
//! (C2SP signed-note) by the key that signs the log's checkpoints, so that whoever can check those can check it.
//!
//! The first line of a checkpoint is the name of the log; that of a statement is one that no log may have, so that neither passes for
//! the other.

use vutf_audit::{
    CheckpointSigner,
    tlog::{Note, NoteError, VerifierKey},
};
use vutf_kernel::PortError;

const OP: &str = "statement.sign";

/// What a statement is about: the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What an erasure did.
    Erasure,
    /// What is held about a person.
    Export,
}

impl Subject {
    /// The line. With a space in it, it is no name of a log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erasure => "vutf erasure certificate v1",
            Self::Export => "vutf personal data export v1",
        }
    }
}

/// Signs `lines` as a statement of this log.
///
/// # Errors
/// No key is at hand, or the lines have characters that no note has.
pub fn sign(signer: &dyn CheckpointSigner, subject: Subject, lines: &[String]) -> Result<String, PortError> {
    let mut text = format!("{}\n{}\n", subject.as_str(), signer.origin());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let signatures = signer.sign(&text)?;
    let note = Note::new(text, signatures).map_err(|error| PortError::other(OP, error))?;
    Ok(note.to_string())
}

/// The lines of a statement about `subject`, if it is signed by `key`.
///
/// # Errors
/// It is no note, not signed by this key, or about something else.
pub fn read(note: &str, subject: Subject, key: &VerifierKey) -> Result<Vec<String>, NoteError> {
    let note = Note::parse(note)?;
    note.verify(key)?;
    let mut lines = note.text().lines();
    let names = (lines.next(), lines.next());
    if names.0 != Some(subject.as_str()) || names.1 != Some(key.name().as_str()) {
        return Err(NoteError::Form("it is a statement about something else"));
    }
    Ok(lines.map(str::to_owned).collect())
}
