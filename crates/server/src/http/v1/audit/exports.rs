use actix_web::{HttpResponse, HttpResponseBuilder, web};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vutf_audit::{
    ActionMatch, Anchor, Ending, EventFilter,
    access::action,
    export::{Format, Range, Taken, export},
};
use vutf_identity::role::permission;
use vutf_kernel::{Class, OrganizationId, Timestamp, UserId};

use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, Json},
    route::{Access, Doc, Endpoint, Method, RateClass},
    state::AppState,
};

/// Events in one answer.
const LIMIT: std::ops::RangeInclusive<u32> = 1..=5_000;
/// Unless the caller says otherwise.
const USUAL: u32 = 1_000;

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Post,
    path: "/api/v1/audit/exports",
    access: Access::Permission(permission::AUDIT_EXPORT),
    action: action::EXPORT,
    rate: RateClass::Admin,
    doc: Doc::new(
        "audit",
        "Take a part of the log out: a record a line, and where to go on in `Vutf-Export-Resume`",
    )
    .takes::<ExportRequest>()
    .answers_media("application/x-ndjson")
    .refuses(&[409]),
};

/// Which part of the log, and in which format.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditExportRequest)]
pub(crate) struct ExportRequest {
    /// `jsonl` (the default), `ocsf`, `cef`, `ecs` or `syslog`.
    #[schema(example = "ocsf")]
    format: Option<String>,
    /// The first sequence number; 0 by default.
    #[schema(minimum = 0)]
    from_seq: Option<i64>,
    /// Before this sequence number.
    #[schema(minimum = 0)]
    until_seq: Option<i64>,
    /// `Vutf-Export-Resume` of the part before: goes on behind it, if the log still follows from it. Not with `from_seq`.
    #[schema(example = "41:9c0f…")]
    resume: Option<String>,
    /// Events in the answer, 1 to 5,000; 1,000 by default. It may hold fewer.
    #[schema(minimum = 1, maximum = 5_000)]
    limit: Option<u32>,
    /// Which events.
    filter: Option<ExportFilter>,
}

/// What an event must be; absent members do not restrict it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditExportFilter)]
pub(crate) struct ExportFilter {
    /// This action, or those that begin so, such as `user.`.
    #[schema(example = "user.lock")]
    action: Option<String>,
    /// By this user.
    actor: Option<Uuid>,
    /// It touched this user's data.
    subject: Option<Uuid>,
    /// `success`, `refused` or `failed`.
    #[schema(example = "refused")]
    outcome: Option<String>,
    /// At this instant or later, RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this instant, RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    body: Json<ExportRequest>,
) -> Result<HttpResponse, Problem> {
    let range = body.0.range(caller.organization_id)?;
    let source = state.config.audit_source();
    let taken = export(&caller, state.log(), &source, &range).await?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(range.format.media());
    describe(&mut answer, &taken);
    Ok(answer.body(taken.text))
}

/// What a reader needs to see that nothing is missing, and to go on.
fn describe(answer: &mut HttpResponseBuilder, taken: &Taken) {
    answer.insert_header(("Vutf-Export-Count", taken.count.to_string()));
    answer.insert_header(("Vutf-Export-Complete", taken.complete.to_string()));
    answer.insert_header(("Vutf-Export-Sha256", taken.sha256.clone()));
    if let Some((first, last)) = taken.first_last {
        answer.insert_header(("Vutf-Export-First-Seq", first.to_string()));
        answer.insert_header(("Vutf-Export-Last-Seq", last.to_string()));
    }
    if let Some(resume) = taken.resume {
        answer.insert_header(("Vutf-Export-Resume", resume.to_string()));
    }
}

impl ExportRequest {
    fn range(self, organization_id: OrganizationId) -> Result<Range, Problem> {
        let mut wrong = Vec::new();
        let mut refuse = |pointer: &str, code: &str, detail: &str| {
            wrong.push(FieldError::new(pointer, code, detail));
        };
        let format = self.format.as_deref().map(str::parse::<Format>);
        if matches!(format, Some(Err(_))) {
            refuse("/format", "format", "one of jsonl, ocsf, cef, ecs, syslog");
        }
        let resume = self.resume.as_deref().map(str::parse::<Anchor>);
        if matches!(resume, Some(Err(_))) {
            refuse("/resume", "resume", "SEQ:CHAIN, as Vutf-Export-Resume gave it");
        }
        if self.resume.is_some() && self.from_seq.is_some() {
            refuse("/from_seq", "from_seq", "not together with resume");
        }
        for (pointer, seq) in [("/from_seq", self.from_seq), ("/until_seq", self.until_seq)] {
            if seq.is_some_and(|seq| seq < 0) {
                refuse(pointer, "seq", "0 or more");
            }
        }
        let limit = self.limit.unwrap_or(USUAL);
        if !LIMIT.contains(&limit) {
            refuse("/limit", "limit", "1 to 5000");
        }
        let filter = self.filter.unwrap_or_default();
        let action = filter.action.as_deref().map(ActionMatch::parse);
        if let Some(Err(error)) = &action {
            refuse("/filter/action", error.code, error.detail);
        }
        let outcome = filter.outcome.as_deref().map(ending);
        if outcome == Some(None) {
            refuse("/filter/outcome", "outcome", "one of success, refused, failed");
        }
        let filter = EventFilter {
            action: action.and_then(Result::ok),
            actor_id: filter.actor,
            subject: filter.subject.map(UserId::from_uuid),
            outcome: outcome.flatten(),
            from: filter.from,
            until: filter.until,
            ..EventFilter::within(organization_id)
        };
        if let Err(error) = filter.check() {
            refuse("/filter/until", error.code, error.detail);
        }
        if !wrong.is_empty() {
            return Err(Problem::new(Class::Invalid, "invalid_value").errors(wrong));
        }
        Ok(Range {
            from: self.from_seq.unwrap_or(0),
            until: self.until_seq,
            resume: resume.and_then(Result::ok),
            limit,
            format: format.and_then(Result::ok).unwrap_or(Format::Jsonl),
            filter,
        })
    }
}

fn ending(word: &str) -> Option<Ending> {
    [Ending::Success, Ending::Refused, Ending::Failed]
        .into_iter()
        .find(|ending| ending.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: &serde_json::Value) -> String {
        let request: ExportRequest = serde_json::from_value(request.clone()).unwrap();
        let range = request.range(OrganizationId::DEFAULT);
        range.map_or_else(|problem| format!("{problem:?}"), |range| format!("{range:?}"))
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused_and_not_answered_as_complete() {
        let period =
            |from: &str, until: &str| refused(&serde_json::json!({"filter": {"from": from, "until": until}}));
        let (early, late) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
        for (from, until) in [(late, early), (early, early)] {
            let problem = period(from, until);
            assert!(
                problem.contains("/filter/until") && problem.contains("period_empty"),
                "{problem}"
            );
        }
        assert!(period(early, late).starts_with("Range"));
    }
}
