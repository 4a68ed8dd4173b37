//! Rules as data: one TOML file each.

mod file;
mod matcher;
mod parameter;
mod set;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use self::{
    file::Case,
    matcher::Matcher,
    parameter::{Parameter, Parameters},
    set::{BUILT_IN, RuleSet},
};
use super::key::Field;

/// How grave a finding is. The numbers are OCSF's `severity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nobody need act.
    Informational,
    /// Look at it when there is time.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Act now.
    Critical,
}

impl Severity {
    /// All, the mildest first.
    pub const ALL: [Self; 5] = [
        Self::Informational,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }

    /// `severity_id` of OCSF 1.5.
    pub const fn ocsf_id(self) -> u8 {
        self as u8 + 1
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A technique of MITRE ATT&CK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Technique {
    /// E.g. `T1110` or `T1110.003`.
    pub uid: String,
    /// Its name there.
    pub name: String,
}

/// What a value that an event does not have counts as, where different values are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// As nothing.
    #[default]
    Skip,
    /// As one of its own each time.
    Each,
}

/// How a rule looks at the stream. Parameters of each kind have fixed names, which [`Detector::parameters`] lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Detector {
    /// So many events of one key within a window.
    Threshold {
        /// Which events.
        r#match: Matcher,
        /// Counted by.
        key: Field,
        /// A number among the details that an event counts for; absent: each event is one.
        weight: Option<String>,
    },
    /// So many different values of one key within a window.
    Distinct {
        /// Which events.
        r#match: Matcher,
        /// Counted by.
        key: Field,
        /// What is counted.
        of: Field,
        /// What an event without it counts as.
        #[serde(default)]
        absent: Absent,
    },
    /// One thing, and then another by the same key within a window.
    Sequence {
        /// What comes first.
        first: Box<Step>,
        /// What comes then.
        then: Box<Step>,
    },
    /// A value that a key did not have before. The first that a key ever has is no news.
    FirstSeen {
        /// Which events.
        r#match: Matcher,
        /// Whose.
        key: Field,
        /// What is new.
        of: Field,
    },
    /// Far more of a key than it usually has.
    Rate {
        /// Which events.
        r#match: Matcher,
        /// Counted by.
        key: Field,
        /// A number among the details that an event counts for.
        weight: Option<String>,
    },
    /// An event outside of working hours.
    Hours {
        /// Which events.
        r#match: Matcher,
        /// One finding for each.
        key: Field,
    },
    /// Requests are answered, and no event comes.
    Silence {},
    /// Events wait for their place.
    Lag {},
}

/// A step of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Which events.
    pub r#match: Matcher,
    /// Of whom.
    pub key: Field,
    /// A number among the details that an event counts for.
    pub weight: Option<String>,
}

impl Detector {
    /// The stable word for its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "threshold",
            Self::Distinct { .. } => "distinct",
            Self::Sequence { .. } => "sequence",
            Self::FirstSeen { .. } => "first_seen",
            Self::Rate { .. } => "rate",
            Self::Hours { .. } => "hours",
            Self::Silence {} => "silence",
            Self::Lag {} => "lag",
        }
    }

    /// The parameters that a rule of this kind has.
    pub const fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::Threshold { .. } | Self::Distinct { .. } => {
                &["threshold", "window_seconds", "quiet_seconds"]
            }
            Self::Sequence { .. } => &["amount", "window_seconds", "quiet_seconds"],
            Self::FirstSeen { .. } => &["memory_seconds"],
            Self::Rate { .. } => &["bucket_seconds", "factor_percent", "floor", "warm_up_buckets"],
            Self::Hours { .. } => &[
                "start_minute",
                "end_minute",
                "utc_offset_minutes",
                "weekend_is_off",
                "quiet_seconds",
            ],
            Self::Silence {} => &["requests", "window_seconds"],
            Self::Lag {} => &["seconds", "quiet_seconds"],
        }
    }
}

/// A rule, as its file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable, in kebab-case.
    pub id: String,
    /// Grows with every change of what it finds; findings and state of another version are others.
    pub version: u32,
    /// A short sentence.
    pub title: String,
    /// What it finds, what it does not, and what to do.
    pub description: String,
    /// How grave its findings are.
    pub severity: Severity,
    /// MITRE ATT&CK techniques that fit.
    pub techniques: Vec<Technique>,
    /// Whether it is evaluated where nobody decided.
    pub enabled: bool,
    /// How it looks at the stream.
    pub detector: Detector,
    /// Numbers that may be tuned, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Its own cases.
    pub cases: Vec<Case>,
}

impl Rule {
    /// The parameters in force: overrides that the rule knows, within its bounds; else what the file says.
    pub fn effective(&self, overrides: &BTreeMap<String, i64>) -> Parameters {
        let value = |(name, parameter): (&String, &Parameter)| {
            let wanted = overrides.get(name).copied().unwrap_or(parameter.default);
            (name.clone(), wanted.clamp(parameter.minimum, parameter.maximum))
        };
        Parameters(self.parameters.iter().map(value).collect())
    }
}

/// Why a file is no rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleError {
    /// Not TOML, or not of this shape.
    #[error("{file}: {problem}")]
    Shape {
        /// The file.
        file: String,
        /// What is wrong and where.
        problem: String,
    },
    /// A value is not acceptable.
    #[error("{file}: `{field}` {problem}")]
    Value {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two files have one id.
    #[error("{file}: there is another rule `{id}`")]
    Twice {
        /// The file.
        file: String,
        /// The id.
        id: String,
    },
    /// A case of the file comes out otherwise.
    #[error("{file}: the case `{case}` found {found}, and not {expected}")]
    Case {
        /// The file.
        file: String,
        /// The case.
        case: String,
        /// What came out.
        found: String,
        /// What should have.
        expected: String,
    },
}
