//! Roles and the permissions that they grant. Deny by default: what is not listed is not granted.

pub mod assign;
pub mod create;
mod custom;
pub mod list;
mod present;
pub mod remove;
mod repo;
pub mod update;

use vutf_kernel::{Grants, Permission};

pub use self::{
    custom::{CustomRole, CustomRoles, MOST_ROLES, Permissions, RoleDescription, RoleName, is_reserved},
    present::RoleCache,
    repo::CustomRoleRepo,
};
pub(crate) use present::{held_fast, present, within};

/// Names of the permissions that the service knows.
pub mod permission {
    use vutf_kernel::Permission;

    macro_rules! permissions {
        ($(#[doc = $doc:literal] $name:ident = $text:literal),+ $(,)?) => {
            $(#[doc = $doc] pub const $name: Permission = Permission::known($text);)+
            /// All of them, with what they allow.
            pub const ALL: &[(&str, &str)] = &[$(($text, $doc)),+];
        };
    }

    permissions! {
        #[doc = "See and change one's own account and sessions."]
        SELF_MANAGE = "self:manage",
        #[doc = "See users."]
        USERS_READ = "users:read",
        #[doc = "Make and change users."]
        USERS_WRITE = "users:write",
        #[doc = "Delete and restore users."]
        USERS_DELETE = "users:delete",
        #[doc = "Erase persons for good."]
        SUBJECTS_ERASE = "subjects:erase",
        #[doc = "Lock, unlock, enable and disable users, and end their sessions."]
        USERS_LOCK = "users:lock",
        // Apart from the above: whoever removes a second factor lowers what guards an account.
        #[doc = "Remove the second factor of users who lost it, and end their sessions."]
        USERS_RESET_MFA = "users:reset_mfa",
        #[doc = "See roles and permissions."]
        ROLES_READ = "roles:read",
        #[doc = "Give roles to users; never more than one holds oneself."]
        ROLES_ASSIGN = "roles:assign",
        // Apart from the giving of roles, and from administration: whoever says what a role grants decides what its giver gives away.
        #[doc = "Make, change and delete the organization's own roles; never with more than one holds oneself."]
        ROLES_MANAGE = "roles:manage",
        #[doc = "See policies."]
        POLICIES_READ = "policies:read",
        // Apart from the giving of roles: a policy guards against those who give them.
        #[doc = "Make, change and delete policies, which take away from what roles grant."]
        POLICIES_MANAGE = "policies:manage",
        #[doc = "See API keys of all accounts."]
        API_KEYS_READ = "api_keys:read",
        #[doc = "End API keys of others; never those of somebody with more rights."]
        API_KEYS_REVOKE = "api_keys:revoke",
        // Apart from the writing of users: whoever makes a key holds what acts without anybody.
        #[doc = "Make accounts for programs, and make and rotate their API keys."]
        SERVICE_ACCOUNTS_MANAGE = "service_accounts:manage",
        #[doc = "See the audit log."]
        AUDIT_READ = "audit:read",
        #[doc = "Handle findings, tune and silence detection rules."]
        AUDIT_MANAGE = "audit:manage",
        // Apart from the above: whoever watches must not be able to remove what they watch (AU-9(4), AC-5).
        #[doc = "Place and release legal holds, and prune the audit log."]
        AUDIT_RETAIN = "audit:retain",
        #[doc = "Take the audit log out, a part at a time."]
        AUDIT_EXPORT = "audit:export",
        #[doc = "See keys and their states."]
        KEYS_READ = "keys:read",
        #[doc = "Rotate and change keys."]
        KEYS_MANAGE = "keys:manage",
        #[doc = "Encrypt with named keys."]
        CRYPTO_ENCRYPT = "crypto:encrypt",
        #[doc = "Decrypt with named keys."]
        CRYPTO_DECRYPT = "crypto:decrypt",
        #[doc = "Bring ciphertexts to the newest version of their key, without seeing what they hold."]
        CRYPTO_REWRAP = "crypto:rewrap",
        #[doc = "Make MACs with named keys."]
        CRYPTO_MAC = "crypto:mac",
        #[doc = "Sign with named keys."]
        CRYPTO_SIGN = "crypto:sign",
        #[doc = "Verify MACs and signatures, and see public keys."]
        CRYPTO_VERIFY = "crypto:verify",
        #[doc = "See configuration, health details and compliance checks."]
        OPERATIONS_READ = "operations:read",
    }
}

/// A set of permissions with a name.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInRole {
    /// Its stable name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    permissions: &'static [Permission],
}

impl BuiltInRole {
    /// What it grants.
    pub fn permissions(&self) -> &'static [Permission] {
        self.permissions
    }
}

/// The role that every user has.
pub const USER: &str = "user";
/// The role of the first administrator.
pub const SUPER_ADMIN: &str = "super_admin";

use permission as p;

/// The roles that every tenant has. AC-5: key custody, audit and user administration are apart.
pub const BUILT_IN: &[BuiltInRole] = &[
    BuiltInRole {
        name: SUPER_ADMIN,
        description: "Everything. Keep the number of holders small.",
        permissions: &[
            p::SELF_MANAGE,
            p::USERS_READ,
            p::USERS_WRITE,
            p::USERS_DELETE,
            p::SUBJECTS_ERASE,
            p::USERS_LOCK,
            p::USERS_RESET_MFA,
            p::ROLES_READ,
            p::ROLES_ASSIGN,
            p::ROLES_MANAGE,
            p::POLICIES_READ,
            p::POLICIES_MANAGE,
            p::API_KEYS_READ,
            p::API_KEYS_REVOKE,
            p::SERVICE_ACCOUNTS_MANAGE,
            p::AUDIT_READ,
            p::AUDIT_MANAGE,
            p::AUDIT_RETAIN,
            p::AUDIT_EXPORT,
            p::KEYS_READ,
            p::KEYS_MANAGE,
            p::CRYPTO_ENCRYPT,
            p::CRYPTO_DECRYPT,
            p::CRYPTO_REWRAP,
            p::CRYPTO_MAC,
            p::CRYPTO_SIGN,
            p::CRYPTO_VERIFY,
            p::OPERATIONS_READ,
        ],
    },
    BuiltInRole {
        name: "admin",
        description: "Users, roles and operations; neither keys nor the audit log.",
        permissions: &[
            p::SELF_MANAGE,
            p::USERS_READ,
            p::USERS_WRITE,
            p::USERS_DELETE,
            p::USERS_LOCK,
            p::USERS_RESET_MFA,
            p::ROLES_READ,
            p::ROLES_ASSIGN,
            p::POLICIES_READ,
            p::API_KEYS_READ,
            p::API_KEYS_REVOKE,
            p::SERVICE_ACCOUNTS_MANAGE,
            p::OPERATIONS_READ,
        ],
    },
    BuiltInRole {
        name: "auditor",
        // Whoever watches the administrators must be able to decide what is looked for without asking them.
        description: "Reads the audit log, users and operations; handles findings and detection rules, and changes nothing else.",
        permissions: &[
            p::SELF_MANAGE,
            p::USERS_READ,
            p::ROLES_READ,
            p::POLICIES_READ,
            p::AUDIT_READ,
            p::AUDIT_EXPORT,
            p::AUDIT_MANAGE,
            p::OPERATIONS_READ,
        ],
    },
    BuiltInRole {
        name: "records_officer",
        description: "Reads the audit log, places and releases legal holds, and prunes; changes nothing else.",
        permissions: &[p::SELF_MANAGE, p::AUDIT_READ, p::AUDIT_RETAIN],
    },
    BuiltInRole {
        name: "key_custodian",
        description: "Rotates and retires keys.",
        permissions: &[p::SELF_MANAGE, p::KEYS_READ, p::KEYS_MANAGE],
    },
    BuiltInRole {
        name: "crypto_user",
        description: "A program that uses named keys; it can neither make nor change one.",
        permissions: &[
            p::SELF_MANAGE,
            p::CRYPTO_ENCRYPT,
            p::CRYPTO_DECRYPT,
            p::CRYPTO_REWRAP,
            p::CRYPTO_MAC,
            p::CRYPTO_SIGN,
            p::CRYPTO_VERIFY,
        ],
    },
    BuiltInRole {
        name: "privacy_officer",
        description: "Sees users and erases them; changes nothing else.",
        permissions: &[p::SELF_MANAGE, p::USERS_READ, p::SUBJECTS_ERASE],
    },
    BuiltInRole {
        name: "user_manager",
        description: "Makes, changes and locks users; gives no roles.",
        permissions: &[
            p::SELF_MANAGE,
            p::USERS_READ,
            p::USERS_WRITE,
            p::USERS_LOCK,
            p::USERS_RESET_MFA,
            p::ROLES_READ,
            p::API_KEYS_READ,
            p::API_KEYS_REVOKE,
        ],
    },
    BuiltInRole {
        name: USER,
        description: "One's own account.",
        permissions: &[p::SELF_MANAGE],
    },
];

/// Roles that may be held without a second factor: they reach nobody else's data, or stand for a program, which has none.
const WITHOUT_SECOND_FACTOR: [&str; 2] = [USER, "crypto_user"];

/// The built-in role of that name.
pub fn built_in(name: &str) -> Option<&'static BuiltInRole> {
    BUILT_IN.iter().find(|role| role.name == name)
}

/// What the role of super administrators grants.
pub fn everything() -> Grants {
    let all = built_in(SUPER_ADMIN).map_or(&[][..], BuiltInRole::permissions);
    all.iter().cloned().collect()
}
