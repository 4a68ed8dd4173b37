//! What kind of event an action is, in the terms of OCSF 1.5 (<https://schema.ocsf.io/1.5.0/>).

use vutf_kernel::{Detail, Outcome};

use super::kinds;
use crate::{
    Body,
    analysis::{self, action::FINDING},
};

/// A class of OCSF, by its `class_uid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2003.
    ComplianceFinding,
    /// 2004.
    DetectionFinding,
    /// 3001.
    AccountChange,
    /// 3002.
    Authentication,
    /// 3003.
    AuthorizeSession,
    /// 3004.
    EntityManagement,
    /// 3005.
    UserAccess,
    /// 3006.
    GroupManagement,
    /// 6003.
    ApiActivity,
    /// 6005.
    DatastoreActivity,
}

/// How much an event asks for attention, by its `severity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// 1: no action is needed.
    Informational,
    /// 2: the user decides.
    Low,
    /// 3: action is needed, not now.
    Medium,
    /// 4: action is needed at once.
    High,
    /// 5: action is needed at once, and much is at stake.
    Critical,
}

/// What was done, in the terms of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Activity {
    /// `activity_id`; 99 for what the class has no number for.
    pub id: u8,
    /// Its caption; `None` for 99, whose name is the action's own verb.
    pub name: Option<&'static str>,
}

/// What an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The class.
    pub class: Class,
    /// What was done.
    pub activity: Activity,
    /// At least so much attention is asked for.
    pub severity: Severity,
}

/// What `action` is. Total: what no table knows is API Activity.
pub fn kind_of(action: &str) -> Kind {
    kinds::listed(action)
        .or_else(|| kinds::by_family(action))
        .unwrap_or(Kind {
            class: Class::ApiActivity,
            activity: Class::ApiActivity.activity(99),
            severity: Severity::Informational,
        })
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ComplianceFinding,
        Self::DetectionFinding,
        Self::AccountChange,
        Self::Authentication,
        Self::AuthorizeSession,
        Self::EntityManagement,
        Self::UserAccess,
        Self::GroupManagement,
        Self::ApiActivity,
        Self::DatastoreActivity,
    ];

    /// `class_uid`.
    pub const fn uid(self) -> u32 {
        match self {
            Self::ComplianceFinding => 2003,
            Self::DetectionFinding => 2004,
            Self::AccountChange => 3001,
            Self::Authentication => 3002,
            Self::AuthorizeSession => 3003,
            Self::EntityManagement => 3004,
            Self::UserAccess => 3005,
            Self::GroupManagement => 3006,
            Self::ApiActivity => 6003,
            Self::DatastoreActivity => 6005,
        }
    }

    /// `class_name`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ComplianceFinding => "Compliance Finding",
            Self::DetectionFinding => "Detection Finding",
            Self::AccountChange => "Account Change",
            Self::Authentication => "Authentication",
            Self::AuthorizeSession => "Authorize Session",
            Self::EntityManagement => "Entity Management",
            Self::UserAccess => "User Access Management",
            Self::GroupManagement => "Group Management",
            Self::ApiActivity => "API Activity",
            Self::DatastoreActivity => "Datastore Activity",
        }
    }

    /// `category_uid` and `category_name`.
    pub const fn category(self) -> (u32, &'static str) {
        match self.uid() / 1_000 {
            2 => (2, "Findings"),
            3 => (3, "Identity & Access Management"),
            _ => (6, "Application Activity"),
        }
    }

    /// Whether it is about something that was found, not about something that was done.
    pub const fn is_finding(self) -> bool {
        matches!(self, Self::ComplianceFinding | Self::DetectionFinding)
    }

    /// The captions of the activities, from 1 on.
    pub const fn activities(self) -> &'static [&'static str] {
        match self {
            Self::ComplianceFinding | Self::DetectionFinding => &["Create", "Update", "Close"],
            Self::AccountChange => &[
                "Create",
                "Enable",
                "Password Change",
                "Password Reset",
                "Disable",
                "Delete",
                "Attach Policy",
                "Detach Policy",
                "Lock",
                "MFA Factor Enable",
                "MFA Factor Disable",
                "Unlock",
            ],
            Self::Authentication => &[
                "Logon",
                "Logoff",
                "Authentication Ticket",
                "Service Ticket Request",
                "Service Ticket Renew",
                "Preauth",
            ],
            Self::AuthorizeSession => &["Assign Privileges", "Assign Groups"],
            Self::EntityManagement => &[
                "Create",
                "Read",
                "Update",
                "Delete",
                "Move",
                "Enroll",
                "Unenroll",
                "Enable",
                "Disable",
                "Activate",
                "Deactivate",
                "Suspend",
                "Resume",
            ],
            Self::UserAccess => &["Assign Privileges", "Revoke Privileges"],
            Self::GroupManagement => &[
                "Assign Privileges",
                "Revoke Privileges",
                "Add User",
                "Remove User",
                "Delete",
                "Create",
            ],
            Self::ApiActivity => &["Create", "Read", "Update", "Delete"],
            Self::DatastoreActivity => &[
                "Read", "Update", "Connect", "Query", "Write", "Create", "Delete", "List", "Encrypt",
                "Decrypt",
            ],
        }
    }

    /// The activity with this number; any other than the class has is 99.
    pub fn activity(self, id: u8) -> Activity {
        let name = usize::from(id)
            .checked_sub(1)
            .and_then(|index| self.activities().get(index).copied());
        Activity {
            id: if name.is_some() { id } else { 99 },
            name,
        }
    }

    /// The activity with this caption; 99 where the class has none.
    pub(super) fn activity_named(self, caption: &str) -> Activity {
        let index = self.activities().iter().position(|name| *name == caption);
        let id = index.and_then(|index| u8::try_from(index + 1).ok());
        self.activity(id.unwrap_or(99))
    }
}

impl Severity {
    /// `severity_id`.
    pub const fn id(self) -> u8 {
        match self {
            Self::Informational => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
            Self::Critical => 5,
        }
    }

    /// `severity`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

impl From<analysis::Severity> for Severity {
    fn from(severity: analysis::Severity) -> Self {
        match severity {
            analysis::Severity::Informational => Self::Informational,
            analysis::Severity::Low => Self::Low,
            analysis::Severity::Medium => Self::Medium,
            analysis::Severity::High => Self::High,
            analysis::Severity::Critical => Self::Critical,
        }
    }
}

impl Kind {
    /// What an event is. A finding is as grave as its rule says.
    pub(super) fn of(body: &Body) -> Self {
        let kind = kind_of(&body.action);
        let severity = match body.details.get("severity") {
            Some(Detail::Text(name)) if body.action == FINDING.name => analysis::Severity::parse(name),
            _ => None,
        };
        Self {
            severity: severity.map_or(kind.severity, Severity::from),
            ..kind
        }
    }

    /// The severity of an event of this kind that ended so: what was refused is at least Low, what failed at least Medium.
    pub fn severity_of(&self, outcome: &Outcome) -> Severity {
        let floor = match outcome {
            Outcome::Success => Severity::Informational,
            Outcome::Refused { .. } => Severity::Low,
            Outcome::Failed { .. } => Severity::Medium,
        };
        self.severity.max(floor)
    }
}
