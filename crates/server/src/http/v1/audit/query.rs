//! What the lists of the audit log are asked for.

use serde::Deserialize;
use vutf_audit::{FilterError, check_period, timeline::Span};
use vutf_kernel::{Class, PageRequest, RequestId, Timestamp};

use crate::http::{
    problem::{FieldError, Problem},
    request::Paging,
    route::PAGING,
};

/// Query parameters of a story.
pub(crate) const SPAN: &[(&str, &str)] = &[
    PAGING[0],
    PAGING[1],
    ("from", "At this instant or later, RFC 3339."),
    ("until", "Before this instant, RFC 3339."),
];

/// A part of a story.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl SpanQuery {
    pub(crate) fn read(self, paging: &Paging<'_>) -> Result<(Span, PageRequest), Problem> {
        let mut parts = Parts::default();
        parts.note("until", check_period(self.from, self.until));
        parts.check()?;
        let page = paging.request(self.limit, self.cursor.as_deref())?;
        let (from, until) = (self.from, self.until);
        Ok((Span { from, until }, page))
    }
}

/// Collects every refused parameter, so that a caller learns them all at once.
#[derive(Default)]
pub(crate) struct Parts(Vec<FieldError>);

impl Parts {
    /// Keeps the value, or notes why there is none.
    pub(crate) fn take<T>(
        &mut self,
        parameter: &str,
        text: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, FilterError>,
    ) -> Option<T> {
        let parsed = text.map(|text| parse(&text))?;
        parsed.map_err(|error| self.refuse(parameter, &error)).ok()
    }
    /// Notes what was refused of several parameters together.
    pub(crate) fn note(&mut self, parameter: &str, checked: Result<(), FilterError>) {
        if let Err(error) = checked {
            self.refuse(parameter, &error);
        }
    }
    /// `Err` if anything was noted.
    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::new(Class::Invalid, "invalid_query").errors(self.0))
    }
    fn refuse(&mut self, parameter: &str, error: &FilterError) {
        self.0.push(FieldError::new(parameter, error.code, error.detail));
    }
}

pub(crate) fn request_id(text: &str) -> Result<RequestId, FilterError> {
    RequestId::parse(text).ok_or(FilterError {
        code: "request_id_form",
        detail: "use 1 to 64 letters, digits, `.`, `_`, `-`",
    })
}
