//! What is wrong with one part of a request.

use serde::Serialize;
use utoipa::ToSchema;
use vutf_identity::{Change, ValueError};
use vutf_kernel::Class;

use super::Problem;
use crate::http::request::Member;

/// One member of `errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body, or the name of a query or path parameter.
    #[schema(example = "/email")]
    pub pointer: String,
    /// A stable word.
    #[schema(example = "email_form")]
    pub code: String,
    /// What would be accepted.
    pub detail: String,
}

impl FieldError {
    /// At a JSON pointer.
    pub fn new(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
    /// A domain value that was refused.
    pub fn value(pointer: &str, error: ValueError) -> Self {
        Self::new(pointer, error.code, error.detail)
    }
}

/// Collects every refused value of a request, so that a caller learns them all at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Keeps the value, or notes why there is none.
    pub fn take<T>(&mut self, pointer: &str, parsed: Result<T, ValueError>) -> Option<T> {
        parsed
            .map_err(|error| self.0.push(FieldError::value(pointer, error)))
            .ok()
    }
    /// The same for a value that need not be there.
    pub fn take_optional<T>(
        &mut self,
        pointer: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        text.and_then(|text| self.take(pointer, parse(text)))
    }
    /// The same for a member of a partial update: absent keeps, `null` clears.
    pub fn take_change<T>(
        &mut self,
        pointer: &str,
        member: &Member<String>,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Change<T> {
        match member {
            Member::Absent => Change::Keep,
            Member::Null => Change::Clear,
            Member::Given(text) => self.take(pointer, parse(text)).map_or(Change::Keep, Change::Set),
        }
    }
    /// The refusal that names everything that was noted.
    pub fn into_problem(self) -> Problem {
        Problem::new(Class::Invalid, "invalid_value").errors(self.0)
    }
    /// `Err` if anything was noted.
    pub fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into_problem())
        }
    }
}
