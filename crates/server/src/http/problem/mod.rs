//! RFC 9457 problem documents: the one shape of every 4xx and 5xx answer.
//!
//! What a caller reads (`title`, `detail`, `errors`) and what went wrong inside are apart: the cause is logged here and
//! never sent.

mod authz_codes;
mod code;
mod codes;
mod field;
mod key_codes;
mod mail_codes;
mod passkey_codes;
mod people_codes;
mod reference;
mod render;

use std::{borrow::Cow, time::Duration};

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use vutf_identity::{
    api_key::{ApiKeyError, KeyRefusal},
    mfa::{Demand, InsufficientAuthentication},
};
use vutf_kernel::{Class, Denial, PortError};

pub use self::{
    code::Code,
    codes::CODES,
    field::{FieldError, Fields},
    reference::code_table,
    render::{CONTENT_TYPE, Document, document, render},
};

/// An answer that refuses. Handlers return it; the outermost layer writes it.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    lists_versions: bool,
    /// Boxed: few problems have one, and all are passed around.
    credential: Option<Box<Credential>>,
}

/// What is said of the credential that came with a request.
#[derive(Clone, Debug)]
enum Credential {
    /// It proves too little: what would be enough.
    Short(Demand),
    /// It is an API key that is not good, and why: for the audit log, never for the answer.
    Key(KeyRefusal),
    /// It is good, and a policy takes away what its holder's roles grant.
    Denied(Denial),
}

impl Problem {
    /// From the class and the stable code (snake_case) of a use case's error.
    pub fn new(class: Class, code: &'static str) -> Self {
        Self::with_status(status_of(class), code)
    }

    /// For refusals of the protocol itself, which no use case knows of.
    pub fn with_status(status: StatusCode, code: &'static str) -> Self {
        let retry_after = matches!(status, StatusCode::SERVICE_UNAVAILABLE).then_some(Duration::from_secs(1));
        Self {
            status,
            code,
            detail: None,
            errors: Vec::new(),
            retry_after,
            allow: None,
            lists_versions: false,
            credential: None,
        }
    }

    /// A defect: logged, and answered without a word about it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(error.kind = "internal", "{cause}");
        Self::new(Class::Internal, "internal")
    }

    /// A port's failure: logged with its causes, answered by its class alone.
    pub fn port(error: &PortError) -> Self {
        if error.class() == Class::Internal {
            tracing::error!(error.kind = "port", "{}", error.chain());
        } else {
            tracing::warn!(error.kind = "port", "{}", error.chain());
        }
        Self::new(error.class(), class_code(error.class()))
    }

    /// A sentence for the caller.
    #[must_use]
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// What is wrong with which part of the request.
    #[must_use]
    pub fn errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// The same of a part of the request: what is wrong stands under `pointer`.
    #[must_use]
    pub fn under(self, pointer: &str) -> Self {
        let errors = self.errors.into_iter();
        let errors = errors.map(|error| FieldError {
            pointer: format!("{pointer}{}", error.pointer),
            ..error
        });
        Self {
            errors: errors.collect(),
            ..self
        }
    }

    /// When to come back.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    /// The methods that a resource knows, for a 405.
    #[must_use]
    pub fn allow(self, methods: String) -> Self {
        Self {
            allow: Some(methods),
            ..self
        }
    }

    /// Adds the list of API versions that exist.
    #[must_use]
    pub fn listing_versions(self) -> Self {
        Self {
            lists_versions: true,
            ..self
        }
    }

    /// The stable code without its prefix, e.g. `invalid_json`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Why an API key was refused. Not to be told to whoever presented it.
    pub(in crate::http) fn key_refusal(&self) -> Option<&KeyRefusal> {
        match self.credential.as_deref() {
            Some(Credential::Key(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Which policy took what away.
    pub(in crate::http) fn denial(&self) -> Option<&Denial> {
        match self.credential.as_deref() {
            Some(Credential::Denied(denial)) => Some(denial),
            _ => None,
        }
    }

    /// What would be enough.
    fn demand(&self) -> Option<&Demand> {
        match self.credential.as_deref() {
            Some(Credential::Short(demand)) => Some(demand),
            _ => None,
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What an answer means that a library made without a document.
    pub fn of_status(status: StatusCode) -> Self {
        let known = CODES
            .iter()
            .find(|code| code.status == status.as_u16() && code.generic);
        let fallback = if status.is_server_error() {
            "internal"
        } else {
            "bad_request"
        };
        Self::with_status(status, known.map_or(fallback, |code| code.name))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }
    /// Only the status: the layer that knows the request id writes the document.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status)
    }
}

impl From<InsufficientAuthentication> for Problem {
    /// RFC 9470, section 3: what is asked for is in the challenge.
    fn from(short: InsufficientAuthentication) -> Self {
        Self {
            credential: Some(Box::new(Credential::Short(short.0))),
            ..Self::new(short.class(), short.code()).detail(short.to_string())
        }
    }
}

impl From<Denial> for Problem {
    /// Whoever is barred is told by what: they may ask why anyway (`POST /api/v1/authz/explain`).
    fn from(denial: Denial) -> Self {
        let detail = format!("the policy {:?} of your organization forbids this", denial.name);
        Self {
            credential: Some(Box::new(Credential::Denied(denial))),
            ..Self::new(Class::Forbidden, "forbidden_by_policy").detail(detail)
        }
    }
}

impl From<ApiKeyError> for Problem {
    /// The same whatever it was; why is for the log.
    fn from(error: ApiKeyError) -> Self {
        let (class, code) = (error.class(), error.code());
        match error {
            ApiKeyError::Refused(refusal) => Self {
                credential: Some(Box::new(Credential::Key(*refusal))),
                ..Self::new(class, code)
            },
            ApiKeyError::Port(error) => Self::port(&error),
        }
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        Self::port(&error)
    }
}

/// The one place where a class becomes a status.
pub fn status_of(class: Class) -> StatusCode {
    match class {
        Class::Invalid => StatusCode::BAD_REQUEST,
        Class::Unauthenticated => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Stale => StatusCode::PRECONDITION_FAILED,
        Class::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        Class::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code of a class where the use case has no closer one.
pub fn class_code(class: Class) -> &'static str {
    match class {
        Class::Invalid => "bad_request",
        Class::Unauthenticated => "unauthenticated",
        Class::Forbidden => "forbidden",
        Class::NotFound => "not_found",
        Class::Conflict => "conflict",
        Class::Stale => "stale_version",
        Class::PreconditionRequired => "precondition_required",
        Class::Throttled => "rate_limited",
        Class::Unavailable => "unavailable",
        Class::Internal => "internal",
    }
}

#[cfg(test)]
mod tests;
