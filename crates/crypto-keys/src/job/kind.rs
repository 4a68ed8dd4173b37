//! What a job does, and how far its life has come.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use vutf_kernel::OrganizationId;

use crate::{Purpose, UnknownText};

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Ciphertexts under older versions of a key for fields are opened and sealed anew, in their place.
    Reencrypt {
        /// [`Purpose::Field`]. What a person's own key protects is a handful of cells, and is sealed anew when the person is
        /// written.
        purpose: Purpose,
    },
    /// Keys that are wrapped by older versions of the tenant key are wrapped by the newest.
    Rewrap,
    /// Blind indexes under older versions of their key are made again.
    Reindex {
        /// [`Purpose::Index`].
        purpose: Purpose,
    },
}

impl JobKind {
    /// Every kind's stable word.
    pub const WORDS: [&'static str; 3] = ["reencrypt", "rewrap", "reindex"];

    /// The stable word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Reencrypt { .. } => Self::WORDS[0],
            Self::Rewrap => Self::WORDS[1],
            Self::Reindex { .. } => Self::WORDS[2],
        }
    }

    /// The key whose older versions are to be of no more use.
    pub const fn purpose(&self) -> &Purpose {
        match self {
            Self::Reencrypt { purpose } | Self::Reindex { purpose } => purpose,
            Self::Rewrap => &Purpose::Tenant,
        }
    }

    /// From the stable word and the purpose.
    pub fn parse(word: &str, purpose: Purpose) -> Result<Self, UnknownText> {
        match (word, &purpose) {
            ("reencrypt", Purpose::Field { .. }) => Ok(Self::Reencrypt { purpose }),
            ("rewrap", Purpose::Tenant) => Ok(Self::Rewrap),
            ("reindex", Purpose::Index { .. }) => Ok(Self::Reindex { purpose }),
            _ => Err(UnknownText {
                what: "kind of key job",
                text: format!("{word} {purpose}"),
            }),
        }
    }

    /// The lease under which a replica works on it. By what is done and not by job, so that two jobs never do the same and the
    /// table of leases does not grow with the number of jobs.
    pub fn lease(&self, organization: OrganizationId) -> String {
        format!("key-job:{organization}:{}:{}", self.as_str(), self.purpose())
    }
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waits for a replica to take it.
    Pending,
    /// A replica works on it, or will go on with it.
    Running,
    /// Stands still until it is resumed.
    Paused,
    /// Nothing is left under an older version.
    Done,
    /// Something is left that the job cannot mend.
    Failed,
    /// Was ended by hand. What it did stays done.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a replica may work on it.
    pub const fn is_runnable(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Whether nothing comes after it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownText {
                what: "state of a key job",
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_fit_their_purposes() {
        for (word, purpose, fits) in [
            ("reencrypt", Purpose::field("users"), true),
            ("reindex", Purpose::index("users", "email"), true),
            ("rewrap", Purpose::Tenant, true),
            ("reencrypt", Purpose::Tenant, false),
            (
                "reencrypt",
                Purpose::subject(vutf_kernel::UserId::from_uuid(uuid::Uuid::nil())),
                false,
            ),
            ("reencrypt", Purpose::index("users", "email"), false),
            ("rewrap", Purpose::field("users"), false),
            ("reindex", Purpose::mac("x"), false),
            ("destroy", Purpose::Tenant, false),
        ] {
            let parsed = JobKind::parse(word, purpose.clone());
            assert_eq!(parsed.is_ok(), fits, "{word} {purpose}");
            if let Ok(kind) = parsed {
                assert_eq!((kind.as_str(), kind.purpose()), (word, &purpose));
            }
        }
    }

    #[test]
    fn states_round_trip() {
        for state in JobState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert!(!(state.is_runnable() && state.is_over()));
        }
    }
}
