//! The table of actions. An action without a line here falls into its resource's family; what has none is API Activity.

use super::{
    follow::PRUNED,
    kind::{
        Class::{
            self, AccountChange, ApiActivity, Authentication, AuthorizeSession, ComplianceFinding,
            DatastoreActivity, DetectionFinding, EntityManagement, GroupManagement, UserAccess,
        },
        Kind,
        Severity::{self, High, Informational, Low, Medium},
    },
};

/// Action, class, caption of the activity (`Other` where the class has none that says it), severity of a success.
type Line = (&'static str, Class, &'static str, Severity);

const OTHER: &str = "Other";

const LINES: &[Line] = &[
    ("user.bootstrap", AccountChange, "Create", Medium),
    ("user.create_admin", AccountChange, "Create", Medium),
    ("user.register", AccountChange, "Create", Informational),
    ("user.create", AccountChange, "Create", Informational),
    ("user.update", AccountChange, OTHER, Informational),
    ("user.delete", AccountChange, "Delete", Low),
    ("user.restore", AccountChange, OTHER, Low),
    ("user.lock", AccountChange, "Lock", Low),
    ("user.unlock", AccountChange, "Unlock", Low),
    ("user.disable", AccountChange, "Disable", Low),
    ("user.enable", AccountChange, "Enable", Low),
    ("user.import", AccountChange, "Create", Low),
    ("user.create_service", AccountChange, "Create", Low),
    ("api_key.create", EntityManagement, "Create", Low),
    ("api_key.list", EntityManagement, "Read", Informational),
    ("api_key.read", EntityManagement, "Read", Informational),
    ("api_key.rotate", EntityManagement, "Update", Low),
    ("api_key.revoke", EntityManagement, "Deactivate", Low),
    ("password.change", AccountChange, "Password Change", Low),
    ("password.forgot", AccountChange, OTHER, Informational),
    ("password.reset", AccountChange, "Password Reset", Low),
    ("email.resend", AccountChange, OTHER, Informational),
    ("email.verify", AccountChange, OTHER, Informational),
    ("email.change", AccountChange, OTHER, Low),
    ("email.confirm", AccountChange, OTHER, Low),
    ("email.object", AccountChange, OTHER, High),
    ("user.self_unlock", AccountChange, "Unlock", Low),
    ("link.issue", AccountChange, OTHER, Informational),
    ("mail.give_up", ApiActivity, OTHER, Medium),
    ("invitation.create", AccountChange, OTHER, Low),
    ("invitation.list", DatastoreActivity, "List", Informational),
    ("invitation.revoke", AccountChange, OTHER, Low),
    ("password.rehash", AccountChange, OTHER, Informational),
    ("password.assess", ApiActivity, "Read", Informational),
    ("password.breach_lookup", ApiActivity, "Read", Low),
    ("passkey.begin", AccountChange, OTHER, Informational),
    ("passkey.register", AccountChange, "MFA Factor Enable", Low),
    ("passkey.rename", AccountChange, OTHER, Informational),
    ("passkey.remove", AccountChange, "MFA Factor Disable", Low),
    ("passkey.list", DatastoreActivity, "List", Informational),
    ("passkey.challenge", Authentication, OTHER, Informational),
    ("system_use.accept", AccountChange, OTHER, Informational),
    ("break_glass.seal", EntityManagement, "Create", Medium),
    ("break_glass.open", Authentication, "Logon", High),
    ("approval.request", EntityManagement, OTHER, Medium),
    ("approval.approve", EntityManagement, OTHER, Medium),
    ("approval.reject", EntityManagement, OTHER, Low),
    ("approval.list", EntityManagement, "Read", Informational),
    ("authorization.explain", ApiActivity, "Read", Informational),
    ("erasure.request", AccountChange, OTHER, Low),
    ("erasure.cancel", AccountChange, OTHER, Low),
    ("erasure.postpone", AccountChange, OTHER, Low),
    ("erasure.read", DatastoreActivity, "Read", Informational),
    ("subject.erase", AccountChange, "Delete", Medium),
    ("subject.erasure_read", DatastoreActivity, "Read", Informational),
    ("user.find", DatastoreActivity, "Query", Informational),
    ("user.read", DatastoreActivity, "Read", Informational),
    ("user.list", DatastoreActivity, "List", Informational),
    ("identity.sweep", DatastoreActivity, "Delete", Informational),
    ("session.login", Authentication, "Logon", Informational),
    ("session.logout", Authentication, "Logoff", Informational),
    ("session.revoke", Authentication, "Logoff", Informational),
    ("session.revoke_others", Authentication, "Logoff", Informational),
    ("user.revoke_sessions", Authentication, "Logoff", Low),
    ("session.refresh", Authentication, OTHER, Informational),
    ("session.refresh_reuse", Authentication, OTHER, High),
    ("session.list", DatastoreActivity, "List", Informational),
    ("role.assign", UserAccess, "Assign Privileges", Medium),
    ("role.list", ApiActivity, "Read", Informational),
    ("permission.list", ApiActivity, "Read", Informational),
    ("token.keys", ApiActivity, "Read", Informational),
    ("key.create", EntityManagement, "Create", Informational),
    ("subject_key.create", EntityManagement, "Create", Informational),
    ("key.list", EntityManagement, "Read", Informational),
    ("key.read", EntityManagement, "Read", Informational),
    ("key.inventory", EntityManagement, "Read", Informational),
    ("key.list_requests", EntityManagement, "Read", Informational),
    ("key.usage", EntityManagement, OTHER, Informational),
    ("key.due", EntityManagement, OTHER, Low),
    ("key.rotate", EntityManagement, "Update", Low),
    ("key.rewrap", EntityManagement, "Update", Informational),
    ("key.activate", EntityManagement, "Activate", Low),
    ("key.suspend", EntityManagement, "Suspend", Medium),
    ("key.deactivate", EntityManagement, "Deactivate", Low),
    ("key.compromise", EntityManagement, OTHER, High),
    ("key.destroy", EntityManagement, "Delete", Medium),
    ("key.destroy_request", EntityManagement, OTHER, Medium),
    ("key.destroy_approve", EntityManagement, OTHER, Medium),
    ("key.destroy_reject", EntityManagement, OTHER, Low),
    ("keyset.update", EntityManagement, "Update", Low),
    ("key_job.start", EntityManagement, "Create", Informational),
    ("key_job.pause", EntityManagement, "Suspend", Informational),
    ("key_job.resume", EntityManagement, "Resume", Informational),
    ("key_job.cancel", EntityManagement, "Delete", Low),
    ("key_job.batch", EntityManagement, "Update", Informational),
    ("key_job.finish", EntityManagement, "Update", Informational),
    ("key_job.list", EntityManagement, "Read", Informational),
    ("key_job.read", EntityManagement, "Read", Informational),
    ("kek.rotate", EntityManagement, "Update", Medium),
    ("kek.forget", EntityManagement, "Delete", Medium),
    ("kek.split", EntityManagement, OTHER, High),
    ("crypto.encrypt", DatastoreActivity, "Encrypt", Informational),
    ("crypto.decrypt", DatastoreActivity, "Decrypt", Informational),
    ("crypto.rewrap", DatastoreActivity, OTHER, Informational),
    ("crypto.hmac", ApiActivity, OTHER, Informational),
    ("crypto.sign", ApiActivity, OTHER, Informational),
    ("crypto.verify", ApiActivity, OTHER, Informational),
    ("crypto.public_keys", ApiActivity, "Read", Informational),
    ("audit.list", DatastoreActivity, "Query", Informational),
    ("audit.read", DatastoreActivity, "Read", Informational),
    ("audit.status", DatastoreActivity, "Read", Informational),
    ("audit.tail", DatastoreActivity, "Read", Informational),
    ("audit.export", DatastoreActivity, "Read", Low),
    ("audit.accept_head", DatastoreActivity, OTHER, High),
    ("audit.sink_list", DatastoreActivity, "Read", Informational),
    ("audit.sink_reset", DatastoreActivity, "Update", Medium),
    ("audit.sink_gap", DetectionFinding, "Create", High),
    ("audit.witness.conflict", DetectionFinding, "Create", High),
    ("audit.finding", DetectionFinding, "Create", High),
    ("audit.finding.acknowledge", DetectionFinding, "Update", Low),
    ("audit.finding.resolve", DetectionFinding, "Close", Low),
    ("audit.rule.update", EntityManagement, "Update", Medium),
    ("audit.rule.enable", EntityManagement, "Enable", Low),
    ("audit.rule.disable", EntityManagement, "Disable", Medium),
    ("audit.rule.silence", EntityManagement, "Suspend", Medium),
    ("audit.rule.unsilence", EntityManagement, "Resume", Low),
    ("audit.dropped", DatastoreActivity, OTHER, High),
    ("audit.prune", DatastoreActivity, "Delete", Low),
    ("audit.hold_place", EntityManagement, "Create", Low),
    ("audit.hold_release", EntityManagement, "Delete", Medium),
    ("audit.hold_list", DatastoreActivity, "List", Informational),
    ("audit.probe", DatastoreActivity, "Write", Informational),
    (PRUNED, ApiActivity, OTHER, Informational),
];

/// The class of what is done to a kind of thing; looking at it is Datastore Activity, whatever it is.
const FAMILIES: &[(&str, Class)] = &[
    ("user", AccountChange),
    ("subject", AccountChange),
    ("session", Authentication),
    ("step_up", AuthorizeSession),
    ("mfa", AccountChange),
    ("role", GroupManagement),
    ("group", GroupManagement),
    ("grant", UserAccess),
    ("key", EntityManagement),
    ("keyset", EntityManagement),
    ("key_job", EntityManagement),
    ("kek", EntityManagement),
    ("subject_key", EntityManagement),
    ("api_key", EntityManagement),
    ("policy", EntityManagement),
    ("organization", EntityManagement),
    ("audit", DatastoreActivity),
    ("compliance", ComplianceFinding),
    ("crypto", ApiActivity),
    ("token", ApiActivity),
    ("health", ApiActivity),
    ("document", ApiActivity),
];

/// Verbs and the captions that say them, the nearest first.
const VERBS: &[(&str, &[&str])] = &[
    ("list", &["List", "Read"]),
    ("find", &["Query", "Read"]),
    ("search", &["Query", "Read"]),
    ("read", &["Read"]),
    ("view", &["Read"]),
    ("status", &["Read"]),
    ("create", &["Create"]),
    ("register", &["Create"]),
    ("start", &["Create"]),
    ("update", &["Update"]),
    ("assign", &["Assign Privileges", "Update"]),
    ("revoke", &["Revoke Privileges", "Logoff", "Delete"]),
    ("delete", &["Delete"]),
    ("erase", &["Delete"]),
    ("enable", &["Enable"]),
    ("disable", &["Disable"]),
    ("lock", &["Lock"]),
    ("unlock", &["Unlock"]),
    ("close", &["Close"]),
];

const LOOKS: [&str; 6] = ["list", "find", "search", "read", "view", "status"];

/// Whether the table has a line for `action`, or a family for its resource: that somebody has thought about it.
pub fn is_listed(action: &str) -> bool {
    listed(action).or_else(|| by_family(action)).is_some()
}

pub(super) fn listed(action: &str) -> Option<Kind> {
    let (_, class, caption, severity) = LINES.iter().find(|(name, ..)| *name == action)?;
    Some(Kind {
        class: *class,
        activity: class.activity_named(caption),
        severity: *severity,
    })
}

pub(super) fn by_family(action: &str) -> Option<Kind> {
    // Of a name with three parts the last is the verb: `audit.rule.read`.
    let (resource, (_, verb)) = (action.split('.').next()?, action.rsplit_once('.')?);
    let (_, family) = FAMILIES.iter().find(|(name, _)| *name == resource)?;
    let looks = LOOKS.contains(&verb) && *family != ApiActivity && *family != EntityManagement;
    let class = if looks { DatastoreActivity } else { *family };
    let captions = VERBS.iter().find(|(name, _)| *name == verb);
    let activity = captions
        .into_iter()
        .flat_map(|(_, captions)| *captions)
        .map(|caption| class.activity_named(caption))
        .find(|activity| activity.name.is_some());
    Some(Kind {
        class,
        activity: activity.unwrap_or_else(|| class.activity(99)),
        severity: Informational,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::kind_of;

    #[test]
    fn each_line_stands_once_and_names_an_activity_that_its_class_has() {
        for (index, (action, class, caption, _)) in LINES.iter().enumerate() {
            let again = LINES[index + 1..].iter().any(|(name, ..)| name == action);
            assert!(!again, "{action} stands twice");
            let known = class.activity_named(caption).name.is_some();
            assert!(known || *caption == OTHER, "{action}: {class:?} has no {caption}");
        }
    }

    #[test]
    fn an_action_without_a_line_falls_into_its_family_and_looking_is_looking() {
        assert_eq!(kind_of("role.create").class, GroupManagement);
        assert_eq!(kind_of("role.create").activity.name, Some("Create"));
        assert_eq!(kind_of("grant.revoke").activity.name, Some("Revoke Privileges"));
        assert_eq!(kind_of("api_key.create").class, EntityManagement);
        assert_eq!(kind_of("compliance.assess").class, ComplianceFinding);
        assert_eq!(kind_of("step_up.verify").class, AuthorizeSession);
        assert_eq!(kind_of("session.view").class, DatastoreActivity);
        assert_eq!(kind_of("audit.rule.read").class, DatastoreActivity);
        assert_eq!(kind_of("audit.rule.read").activity.name, Some("Read"));
    }

    #[test]
    fn what_nobody_knows_is_api_activity() {
        for action in ["", ".", "nowhere", "made.up", "a.b.c", "\u{1F600}.x"] {
            let kind = kind_of(action);
            assert_eq!((kind.class, kind.activity.id), (ApiActivity, 99), "{action}");
            assert!(!is_listed(action));
        }
    }
}
