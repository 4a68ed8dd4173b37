//! Signed notes: a text, and signatures below it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{KeyKind, KeyName, VerifierKey};

/// Bytes of a signed note at most.
pub const MAX_NOTE: usize = 1 << 20;

/// Signatures of a note at most; the specification demands that 16 be accepted.
pub const MAX_SIGNATURES: usize = 64;

/// What stands before each signature.
const MARK: &str = "\u{2014} ";

/// Why text is no signed note, or not one that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too long, not text, without the empty line, or a line of a signature has another form.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// A key that is known signed something else.
    #[error("the signature of {0} does not verify")]
    Signature(KeyName),
    /// None of the signatures is of a key that is known.
    #[error("no signature of {0}")]
    Unsigned(KeyName),
}

/// One line below a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who signed, as they say.
    pub name: KeyName,
    /// The hint at their key.
    pub key_id: u32,
    /// Its bytes, as the type of the key lays them out.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// Of a key.
    pub fn by(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self {
            name: key.name().clone(),
            key_id: key.id(),
            bytes,
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        let mut bytes = self.key_id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        format!("{MARK}{} {}\n", self.name, STANDARD.encode(bytes))
    }

    /// Reads [`Self::line`] without its end.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(MARK)?.split_once(' ')?;
        let bytes = STANDARD.decode(signature).ok()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        Some(Self {
            name: KeyName::parse(name)?,
            key_id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        })
    }

    /// Whether it claims to be of this key.
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.name == *key.name() && self.key_id == key.id()
    }
}

/// A text with its signatures, none of them verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Of a text that ends with a line feed and has no control character but that.
    ///
    /// # Errors
    /// The text is not of that form, or too long.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        check(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Form("the text does not end with a line feed"));
        }
        Ok(Self { text, signatures })
    }

    /// Reads a note; judges its form only.
    ///
    /// # Errors
    /// It is not of the form of a signed note, or too long.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        check(note)?;
        let (text, lines) = note
            .rsplit_once("\n\n")
            .ok_or(NoteError::Form("no empty line before the signatures"))?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Form("the last line has no end"))?;
        if lines.split('\n').nth(MAX_SIGNATURES).is_some() {
            return Err(NoteError::Form("more than 64 signatures"));
        }
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Option<_>>();
        Ok(Self {
            text: format!("{text}\n"),
            signatures: signatures.ok_or(NoteError::Form("a line below the text is no signature"))?,
        })
    }

    /// What is signed, with its last line feed. Worth nothing before [`Self::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, as they stand.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature, in place of one of the same key.
    pub fn sign(&mut self, signature: NoteSignature) {
        let same = |s: &NoteSignature| s.name == signature.name && s.key_id == signature.key_id;
        self.signatures.retain(|s| !same(s));
        self.signatures.push(signature);
    }

    /// Shows that the note is signed by `key`, a key of the kind [`KeyKind::Note`], and not also wrongly.
    ///
    /// # Errors
    /// No signature claims to be of this key, or one that does is wrong or of another kind.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut found = false;
        for signature in self.signatures.iter().filter(|s| s.claims(key)) {
            if key.kind() != KeyKind::Note || !key.verifies(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::Signature(key.name().clone()));
            }
            found = true;
        }
        found
            .then_some(())
            .ok_or_else(|| NoteError::Unsigned(key.name().clone()))
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|s| f.write_str(&s.line()))
    }
}

fn check(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE {
        return Err(NoteError::Form("longer than 1 MiB"));
    }
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return Err(NoteError::Form("it holds control characters"));
    }
    Ok(())
}
