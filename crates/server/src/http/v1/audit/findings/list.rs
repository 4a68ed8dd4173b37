use actix_web::{HttpResponse, web};
use serde::Deserialize;
use vutf_audit::analysis::{FindingFilter, Severity, Status, action::FINDING_LIST, findings};
use vutf_identity::role::permission;
use vutf_kernel::{Class, OrganizationId, Timestamp};

use super::FindingBody;
use crate::http::{
    problem::{FieldError, Problem},
    request::{Caller, List, Paging, Query},
    route::{Access, Doc, Endpoint, Method, PAGING, RateClass},
    state::AppState,
};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/api/v1/audit/findings",
    access: Access::Permission(permission::AUDIT_READ),
    action: FINDING_LIST,
    rate: RateClass::Admin,
    doc: Doc::new("audit", "List what detection rules found, oldest first")
        .query(&[
            PAGING[0],
            PAGING[1],
            ("status", "`new`, `acknowledged`, `resolved` or `false_positive`."),
            ("rule", "Of exactly this rule, e.g. `guessing-burst`."),
            (
                "severity",
                "`informational`, `low`, `medium`, `high` or `critical`.",
            ),
            (
                "from",
                "Whose last event happened at this instant or later, RFC 3339.",
            ),
            (
                "until",
                "Whose last event happened before this instant, RFC 3339.",
            ),
        ])
        .answers::<List<FindingBody>>(200),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingsQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    status: Option<String>,
    rule: Option<String>,
    severity: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

pub(crate) async fn handle(
    state: web::Data<AppState>,
    caller: Caller,
    query: Query<FindingsQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::new(&state.keyring, &caller, ENDPOINT.action.name);
    let page = paging.request(query.0.limit, query.0.cursor.as_deref())?;
    let filter = query.0.filter(caller.organization_id)?;
    let found = findings::list(&caller, state.analysis(), filter, &page).await?;
    let answer = paging.answer(found, |finding| FindingBody::new(&finding))?;
    Ok(HttpResponse::Ok().json(answer))
}

impl FindingsQuery {
    fn filter(self, organization_id: OrganizationId) -> Result<FindingFilter, Problem> {
        let unknown = |name: &'static str| {
            let error = FieldError::new(name, "invalid_query", "use one of the words of the API document");
            Problem::new(Class::Invalid, "invalid_query").errors(vec![error])
        };
        let status = self
            .status
            .map(|word| Status::parse(&word).ok_or_else(|| unknown("status")));
        let severity = self
            .severity
            .map(|word| Severity::parse(&word).ok_or_else(|| unknown("severity")));
        Ok(FindingFilter {
            organization_id,
            status: status.transpose()?,
            rule: self.rule,
            severity: severity.transpose()?,
            from: self.from,
            until: self.until,
        })
    }
}
