//! What a route is. There is no way to register one without saying who may call it, how often, and what it is called in
//! the audit log; the guard, the API document and the access matrix all read the same table.

use std::{borrow::Cow, fmt::Write as _};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use vutf_app::approvals::action::APPROVAL_REQUEST;
use vutf_audit::retention;
use vutf_crypto_keys::action::KEY_DESTROY;
use vutf_identity::{
    action::{MFA_CHALLENGE, SESSION_REFRESH_REUSE, SUBJECT_ERASURE_READ},
    mfa::{Demand, freshness::FRESH},
    role::{BUILT_IN, permission::SELF_MANAGE},
};
use vutf_kernel::{Action, Permission};

use super::table::ROUTES;

/// A method of a route. `Get` answers `HEAD` too (RFC 9110, section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Safe.
    Get,
    /// Neither safe nor idempotent.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Anonymous,
    /// Anybody who is signed in; what they reach is their own.
    Session,
    /// Whoever holds the permission.
    Permission(Permission),
}

/// Which limit a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// None: probes of an orchestrator must not be refused.
    Unlimited,
    /// What is not named below.
    Default,
    /// Signing in, and the bootstrap.
    Login,
    /// Registration.
    Register,
    /// Exchanging refresh tokens.
    Refresh,
    /// Asking for a mailed link.
    PasswordReset,
    /// Taking out all that is held about oneself.
    Export,
    /// Asking how strong a password would be.
    PasswordStrength,
    /// Listing users.
    UserList,
    /// Creating users.
    UserCreate,
    /// Making and rotating API keys.
    KeyCreate,
    /// Administration.
    Admin,
    /// Cryptography for other programs.
    Crypto,
}

const PROBE: &str = "an orchestrator's probe: it names no person and no secret, and comes every few seconds";
const HASHES: &str =
    "hashes, signatures and public keys: they show no event and name nobody, and a monitor asks every second";
const PUBLIC: &str = "the same public document for everybody";

/// The routes that may answer without an event, each with its reason: reads of what is public, and of
/// what tells nothing about anybody. To add one is to be
/// argued for in review; every other answer waits for its event.
pub const UNAUDITED: [(&str, &str); 14] = [
    ("/api/v1/audit/log/checkpoint", HASHES),
    ("/api/v1/audit/log/consistency", HASHES),
    ("/api/v1/audit/log/keys", HASHES),
    ("/api/v1/audit/log/tile/{tile}*", HASHES),
    ("/api/v1/health", PROBE),
    ("/api/v1/ready", PROBE),
    ("/api/v1/live", PROBE),
    ("/health/live", PROBE),
    ("/health/ready", PROBE),
    ("/health/startup", PROBE),
    ("/api/v1/openapi.json", PUBLIC),
    ("/docs", PUBLIC),
    ("/.well-known/paseto-keys", PUBLIC),
    ("/api/v1/system-use", PUBLIC),
];

/// Where the event of an answer may be of another action than the route declares: to destroy a key that never protected anything
/// takes no request, to erase again somebody who is erased shows the certificate, a spent refresh token is more than a wrong
/// one, a right password may lead to the second factor first, a dry run removes nothing, and what takes two persons is asked for first.
const OTHER_ACTIONS: [(&str, Action); 9] = [
    ("/api/v1/audit/rules/{rule}", APPROVAL_REQUEST),
    ("/api/v1/audit/rules/{rule}/silence", APPROVAL_REQUEST),
    ("/api/v1/audit/retention/runs", retention::action::PLAN),
    ("/api/v1/auth/login", MFA_CHALLENGE),
    ("/api/v1/auth/refresh", SESSION_REFRESH_REUSE),
    ("/api/v1/auth/session", MFA_CHALLENGE),
    ("/api/v1/keys/{id}/destroy", KEY_DESTROY),
    ("/api/v1/users/{id}/erase", SUBJECT_ERASURE_READ),
    ("/api/v1/users/{id}/roles", APPROVAL_REQUEST),
];

/// Routes that demand more of the session than that it lives, and how much (RFC 9470). The use cases demand it themselves, and
/// more of whoever has a second factor.
pub const DEMANDS: [(Method, &str, Demand); 20] = [
    (Method::Post, "/api/v1/roles", FRESH),
    (Method::Patch, "/api/v1/roles/{role}", FRESH),
    (Method::Delete, "/api/v1/roles/{role}", FRESH),
    (Method::Put, "/api/v1/policies/{id}", FRESH),
    (Method::Delete, "/api/v1/policies/{id}", FRESH),
    (Method::Post, "/api/v1/me/email", FRESH),
    (Method::Post, "/api/v1/me/erasure", FRESH),
    (Method::Post, "/api/v1/me/export", FRESH),
    (Method::Post, "/api/v1/me/mfa/totp", FRESH),
    (Method::Delete, "/api/v1/me/mfa/totp", FRESH),
    (Method::Post, "/api/v1/me/mfa/totp/confirm", FRESH),
    (Method::Post, "/api/v1/me/mfa/backup-codes", FRESH),
    (Method::Post, "/api/v1/me/mfa/passkeys/register/begin", FRESH),
    (Method::Post, "/api/v1/me/mfa/passkeys/register/finish", FRESH),
    (Method::Delete, "/api/v1/me/mfa/passkeys/{id}", FRESH),
    (Method::Post, "/api/v1/users/{id}/reset-mfa", FRESH),
    (Method::Post, "/api/v1/me/api-keys", FRESH),
    (Method::Post, "/api/v1/me/api-keys/{id}/rotate", FRESH),
    (Method::Post, "/api/v1/api-keys", FRESH),
    (Method::Post, "/api/v1/api-keys/{id}/rotate", FRESH),
];

/// What of one's own an API key may see. Whatever else belongs to a session is for the person in it: a key that could change a
/// password, a factor or a session, or make a key, would be a way around all of them.
const OWN_OPEN_TO_KEYS: [(Method, &str); 1] = [(Method::Get, "/api/v1/me")];

/// What a session may do whose holder must have a second factor and has not proved one: enrol one, prove it, look, and leave.
const FOR_ENROLMENT: [(Method, &str); 15] = [
    // The password first, when that is due, too.
    (Method::Post, "/api/v1/auth/password/change"),
    (Method::Post, "/api/v1/auth/password/strength"),
    (Method::Get, "/api/v1/me"),
    (Method::Get, "/api/v1/me/mfa"),
    (Method::Post, "/api/v1/me/mfa/totp"),
    (Method::Post, "/api/v1/me/mfa/totp/confirm"),
    (Method::Get, "/api/v1/me/mfa/passkeys"),
    (Method::Post, "/api/v1/me/mfa/passkeys/register/begin"),
    (Method::Post, "/api/v1/me/mfa/passkeys/register/finish"),
    (Method::Post, "/api/v1/auth/step-up"),
    (Method::Post, "/api/v1/auth/step-up/passkey"),
    (Method::Post, "/api/v1/auth/logout"),
    (Method::Delete, "/api/v1/auth/session"),
    (Method::Get, "/api/v1/auth/csrf"),
    (Method::Post, "/api/v1/me/sessions/revoke-others"),
];

/// What takes a second person: whoever holds keys of two people is not two people.
const FOR_PERSONS: [(Method, &str); 3] = [
    (Method::Post, "/api/v1/keys/{id}/destroy"),
    (Method::Post, "/api/v1/keys/requests/{id}/approve"),
    (Method::Post, "/api/v1/keys/requests/{id}/reject"),
];

/// What may be done in a session whose password is to be changed first: that, what it takes, and to end the session.
const WHILE_PASSWORD_DUE: [(Method, &str); 6] = [
    (Method::Post, "/api/v1/auth/password/change"),
    (Method::Post, "/api/v1/auth/password/strength"),
    (Method::Post, "/api/v1/auth/step-up"),
    (Method::Get, "/api/v1/auth/csrf"),
    (Method::Post, "/api/v1/auth/logout"),
    (Method::Delete, "/api/v1/auth/session"),
];

/// A route of the public listener.
#[derive(Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The pattern, with `{id}` for an id.
    pub path: &'static str,
    /// Who may call.
    pub access: Access,
    /// What it is called in the audit log, and on what: the domain's own action where a use case records it, too.
    pub action: Action,
    /// Which limit it counts against.
    pub rate: RateClass,
    /// What the API document says.
    pub doc: Doc,
}

impl Endpoint {
    /// Why it may answer without an event in the audit log; `None`: it may not.
    pub fn unaudited(&self) -> Option<&'static str> {
        let mut listed = UNAUDITED.iter();
        listed
            .find(|(path, _)| self.method == Method::Get && *path == self.path)
            .map(|(_, why)| *why)
    }
    /// The other action that what was asked for may turn out to have been.
    pub fn other_action(&self) -> Option<Action> {
        let mut listed = OTHER_ACTIONS.iter();
        listed
            .find(|(path, _)| *path == self.path)
            .map(|(_, action)| *action)
    }
    /// What it demands of the session.
    pub fn demand(&self) -> Option<Demand> {
        let mut listed = DEMANDS.iter();
        listed
            .find(|(method, path, _)| *method == self.method && *path == self.path)
            .map(|(.., demand)| *demand)
    }
    /// Whether an API key may call it, as far as its scopes go. What demands a proof of a person never is.
    pub fn is_open_to_keys(&self) -> bool {
        let names_this = |(method, path): &(Method, &str)| *method == self.method && *path == self.path;
        match self.access {
            Access::Anonymous => true,
            Access::Session => OWN_OPEN_TO_KEYS.iter().any(names_this),
            Access::Permission(_) => self.demand().is_none() && !FOR_PERSONS.iter().any(names_this),
        }
    }
    /// Whether a session may call it that must enrol a second factor first.
    pub fn is_for_enrolment(&self) -> bool {
        let names_this = |(method, path): &(Method, &str)| *method == self.method && *path == self.path;
        self.access == Access::Anonymous || FOR_ENROLMENT.iter().any(names_this)
    }
    /// Whether it may be called in a session whose password is to be changed first.
    pub fn is_open_while_password_due(&self) -> bool {
        let names_this = |(method, path): &(Method, &str)| *method == self.method && *path == self.path;
        self.access == Access::Anonymous || WHILE_PASSWORD_DUE.iter().any(names_this)
    }
    /// Whether it is a way by which somebody meets what a policy asks for, or leaves: no policy bars it.
    pub fn leads_back(&self) -> bool {
        self.access == Access::Session
            && (self.path.starts_with("/api/v1/auth/") || self.path.starts_with("/api/v1/me/mfa"))
    }
    /// Whether it tells why somebody is barred: to ask about oneself needs no right.
    pub fn tells_why(&self) -> bool {
        self.path == "/api/v1/authz/explain"
    }
    /// Whether it takes an id from its path.
    pub fn takes_id(&self) -> bool {
        self.path.contains("{id}")
    }
    /// Whether refusals are events: to be refused what anybody may see is no security-relevant attempt.
    pub fn audits_refusals(&self) -> bool {
        !(self.unaudited().is_some() && self.access == Access::Anonymous)
    }
    /// The path in the API document, which has no word for a parameter of several segments.
    pub fn template(&self) -> &'static str {
        self.path.trim_end_matches('*')
    }
    /// Whether it answers for every id, known or not: nothing is known of a stranger, and that is the answer.
    pub fn answers_any_id(&self) -> bool {
        self.path.starts_with("/api/v1/audit/timeline/")
    }
    /// Whether it takes a tile of the audit log from its path.
    pub fn takes_tile(&self) -> bool {
        self.path.contains("{tile}")
    }
    /// Whether it takes the name of a role from its path.
    pub fn takes_role(&self) -> bool {
        self.path.contains("{role}")
    }
    /// Whether it takes the purpose of a key from its path.
    pub fn takes_purpose(&self) -> bool {
        self.path.contains("{purpose}")
    }
}

/// An endpoint and what answers it.
pub struct Route {
    /// What it is.
    pub endpoint: Endpoint,
    /// Makes the handler, once a worker.
    pub handler: fn() -> actix_web::Route,
}

/// What the API document says about a route beyond what the route itself says.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// The group.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The request's body.
    pub body: Option<Shape>,
    /// Status and body of the answer.
    pub answer: (u16, Option<Shape>),
    /// Another status and body that it may answer with.
    pub other_answer: Option<(u16, Shape)>,
    /// Media type of the answer.
    pub media: &'static str,
    /// Query parameters: name and meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// Whether the answer has an `ETag`.
    pub tagged: bool,
    /// Whether `If-Match` is needed.
    pub conditional: bool,
    /// Whether `If-Match` is honoured when it is there.
    pub preconditioned: bool,
    /// Refusals beyond those that follow from the rest.
    pub refusals: &'static [u16],
}

/// `limit` and `cursor`.
pub const PAGING: [(&str, &str); 2] = [
    ("limit", "Items in the answer, 1 to 100; 20 by default."),
    ("cursor", "`next_cursor` of the part before."),
];

impl Doc {
    /// Answers 204 until it is told otherwise.
    pub const fn new(tag: &'static str, summary: &'static str) -> Self {
        Self {
            tag,
            summary,
            body: None,
            answer: (204, None),
            other_answer: None,
            media: "application/json",
            query: &[],
            tagged: false,
            conditional: false,
            preconditioned: false,
            refusals: &[],
        }
    }
    /// Takes a JSON body.
    #[must_use]
    pub const fn takes<T: ToSchema>(self) -> Self {
        Self {
            body: Some(Shape::of::<T>()),
            ..self
        }
    }
    /// Answers with a JSON body.
    #[must_use]
    pub const fn answers<T: ToSchema>(self, status: u16) -> Self {
        Self {
            answer: (status, Some(Shape::of::<T>())),
            ..self
        }
    }
    /// May answer with another JSON body, too.
    #[must_use]
    pub const fn or_answers<T: ToSchema>(self, status: u16) -> Self {
        Self {
            other_answer: Some((status, Shape::of::<T>())),
            ..self
        }
    }
    /// Answers with something else than JSON.
    #[must_use]
    pub const fn answers_media(self, media: &'static str) -> Self {
        Self {
            answer: (200, None),
            media,
            ..self
        }
    }
    /// Takes query parameters.
    #[must_use]
    pub const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }
    /// The answer has an `ETag`.
    #[must_use]
    pub const fn tagged(self) -> Self {
        Self { tagged: true, ..self }
    }
    /// `If-Match` is needed.
    #[must_use]
    pub const fn conditional(self) -> Self {
        Self {
            conditional: true,
            ..self
        }
    }
    /// `If-Match` is honoured when it is there.
    #[must_use]
    pub const fn preconditioned(self) -> Self {
        Self {
            preconditioned: true,
            ..self
        }
    }
    /// Refuses with these statuses too.
    #[must_use]
    pub const fn refuses(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }
}

/// A schema by its type.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name in the document.
    pub name: fn() -> Cow<'static, str>,
    /// It.
    pub schema: fn() -> RefOr<Schema>,
    /// What it refers to.
    pub nested: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    /// Of a type.
    pub const fn of<T: ToSchema>() -> Self {
        Self {
            name: <T as ToSchema>::name,
            schema: <T as PartialSchema>::schema,
            nested: <T as ToSchema>::schemas,
        }
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shape({})", (self.name)())
    }
}

/// The routes that anybody may call, one a line.
pub fn anonymous_list() -> String {
    let open = ROUTES
        .iter()
        .filter(|route| route.endpoint.access == Access::Anonymous);
    open.fold(String::new(), |mut text, route| {
        let _written = writeln!(
            text,
            "{:6} {}",
            route.endpoint.method.as_str(),
            route.endpoint.path
        );
        text
    })
}

/// The routes that an API key may call, one a line, each with the scope that it needs. No other takes a key.
pub fn api_key_list() -> String {
    let open = ROUTES.iter().map(|route| &route.endpoint);
    let open = open.filter(|endpoint| endpoint.is_open_to_keys());
    open.fold(String::new(), |mut text, endpoint| {
        let scope = match &endpoint.access {
            Access::Anonymous => return text,
            Access::Session => SELF_MANAGE,
            Access::Permission(needed) => needed.clone(),
        };
        let _written = writeln!(
            text,
            "{:6} {:46} {}",
            endpoint.method.as_str(),
            endpoint.path,
            scope.as_str()
        );
        text
    })
}

/// Which role may call which route: `yes`, `own` (what belongs to the caller), or `-`.
pub fn role_matrix() -> String {
    let mut text = format!("{:7}{:48}{:11}", "method", "path", "anonymous");
    for role in BUILT_IN {
        let _written = write!(text, "{:15}", role.name);
    }
    text = text.trim_end().to_owned();
    text.push('\n');
    for Route { endpoint, .. } in ROUTES {
        let mut line = format!("{:7}{:48}", endpoint.method.as_str(), endpoint.path);
        let anonymous = if endpoint.access == Access::Anonymous {
            "yes"
        } else {
            "-"
        };
        let _written = write!(line, "{anonymous:11}");
        for role in BUILT_IN {
            let cell = match &endpoint.access {
                Access::Anonymous => "yes",
                Access::Session => "own",
                Access::Permission(needed) if role.permissions().contains(needed) => "yes",
                Access::Permission(_) => "-",
            };
            let _written = write!(line, "{cell:15}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
