//! Policies as text, in the format of [C2SP tlog-policy](https://c2sp.org/tlog-policy).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    KeyKind, Note, NoteError, Trust, TrustError, Trusted, VerifierKey, VkeyError,
    policy::{cosigners, signed_by},
};

/// Bytes of a policy at most.
const MAX_POLICY: usize = 64 * 1024;

/// Logs, witnesses and groups at most, each; the specification recommends no less than 32.
const MAX_EACH: usize = 64;

/// Which logs a verifier believes, and which witnesses must have cosigned: k of n, of witnesses or of groups of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    logs: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    rules: Vec<Rule>,
    quorum: Quorum,
}

/// Who must have cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    Nobody,
    /// What this rule says.
    Rule(usize),
}

/// What a name stands for. Members are places in the list, all of them before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Witness(usize),
    Group { threshold: usize, members: Vec<usize> },
}

/// Text that is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {problem}")]
pub struct PolicyFileError {
    /// Counted from 1; that after the last when something is missing.
    pub line: usize,
    /// What is wrong there.
    pub problem: PolicyProblem,
}

/// What is wrong with a line of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// Longer than 64 KiB.
    #[error("the policy is longer than 64 KiB")]
    TooLong,
    /// A control character, or a last line without end.
    #[error("not a line of text: only tabs and what is printed, and a line feed at its end")]
    Text,
    /// None of the four kinds of lines.
    #[error(
        "expected `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME all|any|K MEMBER...` or `quorum NAME`"
    )]
    Form,
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] VkeyError),
    /// A log's key in the place of a witness's, or the other way round.
    #[error("a key for something else: logs have type 0x01, witnesses 0x04")]
    Kind,
    /// The same public key twice, under whatever name.
    #[error("this key stands on an earlier line")]
    Duplicate,
    /// The name is taken, or is `none`.
    #[error("the name is taken")]
    Taken,
    /// No earlier line defines the name, or it counts elsewhere already.
    #[error("no earlier line defines this name, or it is a member of another group already")]
    Unknown,
    /// The threshold is not from 1 to the number of members.
    #[error("the threshold is not from 1 to the number of members")]
    Threshold,
    /// More than 64 of a kind.
    #[error("more than 64 logs, witnesses or groups")]
    TooMany,
    /// Not exactly one line says what the quorum is.
    #[error("there must be one quorum line")]
    Quorum,
}

impl PolicyFile {
    /// Reads a policy. Its logs may be none, and then nothing is believed.
    pub fn parse(text: &str) -> Result<Self, PolicyFileError> {
        let failed = |line, problem| PolicyFileError { line, problem };
        if text.len() > MAX_POLICY {
            return Err(failed(1, PolicyProblem::TooLong));
        }
        let mut reader = Reader::default();
        let mut count = 0;
        for line in text.split_inclusive('\n') {
            count += 1;
            let read = reader.line(line);
            read.map_err(|problem| failed(count, problem))?;
        }
        let quorum = reader.quorum.ok_or(failed(count + 1, PolicyProblem::Quorum))?;
        Ok(Self {
            quorum,
            ..reader.policy
        })
    }

    /// The logs that are believed.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses that are known.
    pub fn witnesses(&self) -> &[VerifierKey] {
        &self.witnesses
    }

    fn witnessed(&self, cosigned: &BTreeSet<[u8; 32]>) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let is_met = |at: &usize| met.get(*at).copied().unwrap_or(false);
            met.push(match rule {
                Rule::Witness(at) => self
                    .witnesses
                    .get(*at)
                    .is_some_and(|key| cosigned.contains(key.public())),
                Rule::Group { threshold, members } => {
                    members.iter().filter(|at| is_met(at)).count() >= *threshold
                }
            });
        }
        match self.quorum {
            Quorum::Nobody => true,
            Quorum::Rule(at) => met.get(at).copied().unwrap_or(false),
        }
    }
}

impl Trust for PolicyFile {
    fn verify(&self, note: &str) -> Result<Trusted, TrustError> {
        let note = Note::parse(note)?;
        let mut refused = TrustError::NoLog;
        for log in &self.logs {
            match signed_by(&note, log) {
                Ok(checkpoint) => {
                    let cosigned = cosigners(&note, &self.witnesses)?;
                    let keys: BTreeSet<[u8; 32]> = cosigned.iter().map(|(key, _)| *key.public()).collect();
                    if !self.witnessed(&keys) {
                        return Err(TrustError::Policy { found: keys.len() });
                    }
                    return Ok(Trusted::new(checkpoint, &cosigned));
                }
                // A wrong signature of a key that is known spoils the note, whatever others say.
                Err(error @ TrustError::Note(NoteError::Signature(_))) => return Err(error),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

struct Reader {
    policy: PolicyFile,
    names: BTreeMap<String, usize>,
    /// Places of rules that count somewhere.
    members: BTreeSet<usize>,
    groups: usize,
    quorum: Option<Quorum>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            policy: PolicyFile {
                logs: Vec::new(),
                witnesses: Vec::new(),
                rules: Vec::new(),
                quorum: Quorum::Nobody,
            },
            names: BTreeMap::new(),
            members: BTreeSet::new(),
            groups: 0,
            quorum: None,
        }
    }
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), PolicyProblem> {
        let line = line.strip_suffix('\n').ok_or(PolicyProblem::Text)?;
        if line
            .bytes()
            .any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
        {
            return Err(PolicyProblem::Text);
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", vkey] | ["log", vkey, _] => self.log(vkey),
            ["witness", name, vkey] | ["witness", name, vkey, _] => self.witness(name, vkey),
            ["group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            ["quorum", name] => self.quorum(name),
            _ => Err(PolicyProblem::Form),
        }
    }

    fn log(&mut self, vkey: &str) -> Result<(), PolicyProblem> {
        add(&mut self.policy.logs, vkey, KeyKind::Note).map(|_| ())
    }

    fn witness(&mut self, name: &str, vkey: &str) -> Result<(), PolicyProblem> {
        let at = add(&mut self.policy.witnesses, vkey, KeyKind::Cosignature)?;
        self.name(name, Rule::Witness(at))
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), PolicyProblem> {
        self.groups += 1;
        if self.groups > MAX_EACH {
            return Err(PolicyProblem::TooMany);
        }
        let mut places = Vec::new();
        for member in members {
            let place = *self.names.get(*member).ok_or(PolicyProblem::Unknown)?;
            // Whoever counted in two ways would count twice.
            if !self.members.insert(place) {
                return Err(PolicyProblem::Unknown);
            }
            places.push(place);
        }
        let threshold = match threshold {
            "all" => places.len(),
            "any" => 1,
            number => super::checkpoint::parse_decimal(number)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=places.len()).contains(number))
                .ok_or(PolicyProblem::Threshold)?,
        };
        let members = places;
        self.name(name, Rule::Group { threshold, members })
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyProblem> {
        if self.quorum.is_some() {
            return Err(PolicyProblem::Quorum);
        }
        let place = match name {
            "none" => Quorum::Nobody,
            name => Quorum::Rule(*self.names.get(name).ok_or(PolicyProblem::Unknown)?),
        };
        self.quorum = Some(place);
        Ok(())
    }

    fn name(&mut self, name: &str, rule: Rule) -> Result<(), PolicyProblem> {
        if name == "none" || self.names.contains_key(name) {
            return Err(PolicyProblem::Taken);
        }
        self.names.insert(name.to_owned(), self.policy.rules.len());
        self.policy.rules.push(rule);
        Ok(())
    }
}

fn add(keys: &mut Vec<VerifierKey>, vkey: &str, kind: KeyKind) -> Result<usize, PolicyProblem> {
    let key = VerifierKey::parse(vkey)?;
    if key.kind() != kind {
        return Err(PolicyProblem::Kind);
    }
    if keys.iter().any(|known| known.public() == key.public()) {
        return Err(PolicyProblem::Duplicate);
    }
    if keys.len() == MAX_EACH {
        return Err(PolicyProblem::TooMany);
    }
    keys.push(key);
    Ok(keys.len() - 1)
}
