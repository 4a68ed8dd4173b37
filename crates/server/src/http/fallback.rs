//! Requests that match no route. They count against the caller's network like any other call.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use vutf_kernel::{Class, Ctx, OrganizationId};

use super::{
    problem::Problem,
    rate::{self, Spent},
    request::Arrival,
    route::RateClass,
    state::AppState,
};

/// 404; a version of the API that does not exist is told which ones do.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    let problem = if is_other_version(request.path()) {
        Problem::new(Class::Invalid, "unsupported_version").listing_versions()
    } else {
        Problem::new(Class::NotFound, "unknown_route")
    };
    limited(&request, problem).await
}

/// 405 with the methods that the path knows.
pub(super) async fn method_not_allowed(request: HttpRequest, allow: String) -> HttpResponse {
    let problem = Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    limited(&request, problem.allow(allow)).await
}

async fn limited(request: &HttpRequest, problem: Problem) -> HttpResponse {
    let Some(state) = request.app_data::<web::Data<AppState>>() else {
        return HttpResponse::from_error(problem);
    };
    let arrival = Arrival::of(state, request);
    let ctx = Ctx::anonymous(OrganizationId::DEFAULT, arrival.request_id, arrival.origin);
    let spent = rate::spend(state, RateClass::Default, &ctx).await;
    let refusal = spent.as_ref().and_then(Spent::refusal).unwrap_or(problem);
    let mut answer = HttpResponse::from_error(refusal);
    if let Some(spent) = spent {
        spent.write(answer.headers_mut());
    }
    answer
}

/// `/api/v<number>` with another number than 1.
fn is_other_version(path: &str) -> bool {
    path.strip_prefix("/api/v")
        .and_then(|rest| rest.split('/').next())
        .is_some_and(|number| {
            !number.is_empty() && number != "1" && number.bytes().all(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_are_told_apart_from_other_paths() {
        for other in ["/api/v2", "/api/v2/users", "/api/v01/me", "/api/v0"] {
            assert!(is_other_version(other), "{other}");
        }
        for unknown in ["/api/v1/nope", "/api/v", "/api/vx", "/api", "/v2", "/"] {
            assert!(!is_other_version(unknown), "{unknown}");
        }
    }
}
