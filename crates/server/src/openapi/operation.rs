//! One route as an operation.

use serde_json::json;
use utoipa::openapi::{
    Content, ContentBuilder, HeaderBuilder, HttpMethod, KnownFormat, ObjectBuilder, Ref, Required, Response,
    ResponseBuilder, ResponsesBuilder, SchemaFormat, Type,
    path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    security::SecurityRequirement,
};

use crate::http::{
    problem::{self, CODES},
    route::{Access, Endpoint, Method, RateClass, Shape},
};

/// The verb.
pub(super) fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

/// Everything else.
pub(super) fn of(endpoint: &Endpoint) -> Operation {
    let doc = &endpoint.doc;
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id(endpoint)))
        .summary(Some(doc.summary))
        .description(Some(rights(endpoint)))
        .tag(doc.tag);
    for parameter in parameters(endpoint) {
        operation = operation.parameter(parameter);
    }
    if let Some(body) = doc.body {
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content("application/json", content(body))
            .build();
        operation = operation.request_body(Some(body));
    }
    operation = match endpoint.access {
        Access::Anonymous => operation.securities(Some([SecurityRequirement::default()])),
        Access::Session | Access::Permission(_) => operation.securities(Some(
            [super::BEARER, super::COOKIE]
                .map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new())),
        )),
    };
    if endpoint.access != Access::Anonymous && endpoint.is_open_to_keys() {
        operation = operation.security(SecurityRequirement::new(super::API_KEY, Vec::<String>::new()));
    }
    let mut responses =
        ResponsesBuilder::new().response(doc.answer.0.to_string(), success(endpoint, doc.answer));
    if let Some((status, shape)) = doc.other_answer {
        responses = responses.response(status.to_string(), success(endpoint, (status, Some(shape))));
    }
    for status in refusals(endpoint) {
        responses = responses.response(status.to_string(), refusal(status));
    }
    operation.responses(responses.build()).build()
}

/// From method and path, which no two routes share: `GET /api/v1/users/{id}` is `get_users_id`.
pub(super) fn id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.strip_prefix("/api/v1").unwrap_or(endpoint.path);
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.fold(endpoint.method.as_str().to_lowercase(), |id, word| {
        format!("{id}_{word}")
    })
}

fn rights(endpoint: &Endpoint) -> String {
    let who = match &endpoint.access {
        Access::Anonymous => "Open to anybody.".to_owned(),
        Access::Session => "For anybody who is signed in.".to_owned(),
        Access::Permission(permission) => format!("Needs the permission `{}`.", permission.as_str()),
    };
    match endpoint.demand() {
        Some(demand) => format!(
            "{who} Demands a proof of at most {} s ago, at `{}` at least; \
             `POST /api/v1/auth/step-up` gives it (RFC 9470).",
            demand.max_age.as_secs(),
            demand.aal.as_str()
        ),
        None => who,
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn parameters(endpoint: &Endpoint) -> Vec<Parameter> {
    let mut all = Vec::new();
    if endpoint.takes_id() {
        let id = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        all.push(
            ParameterBuilder::new()
                .name("id")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("Its id."))
                .schema(Some(id))
                .example(Some(json!("01937b6e-5b5c-7d3e-8f00-000000000001")))
                .build(),
        );
    }
    if endpoint.takes_tile() {
        all.push(
            ParameterBuilder::new()
                .name("tile")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(
                    "Level and index, with `.p/` and the width when it is not full.",
                ))
                .schema(Some(text()))
                .example(Some(json!("0/x001/234.p/17")))
                .build(),
        );
    }
    if endpoint.takes_role() {
        all.push(
            ParameterBuilder::new()
                .name("role")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The name of a role."))
                .schema(Some(text()))
                .example(Some(json!("auditor")))
                .build(),
        );
    }
    if endpoint.takes_purpose() {
        all.push(
            ParameterBuilder::new()
                .name("purpose")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The purpose of a key."))
                .schema(Some(text()))
                .example(Some(json!("field:users")))
                .build(),
        );
    }
    if endpoint.doc.conditional || endpoint.doc.preconditioned {
        let required = if endpoint.doc.conditional {
            Required::True
        } else {
            Required::False
        };
        all.push(
            ParameterBuilder::new()
                .name("If-Match")
                .parameter_in(ParameterIn::Header)
                .required(required)
                .description(Some("The `ETag` of the version that you read."))
                .schema(Some(text()))
                .example(Some(json!("\"v3\"")))
                .build(),
        );
    }
    for (name, meaning) in endpoint.doc.query {
        let schema = if *name == "limit" {
            ObjectBuilder::new().schema_type(Type::Integer)
        } else {
            text()
        };
        all.push(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*meaning))
                .schema(Some(schema))
                .build(),
        );
    }
    all
}

fn content(shape: Shape) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name((shape.name)().into_owned())))
        .build()
}

fn success(endpoint: &Endpoint, (status, shape): (u16, Option<Shape>)) -> Response {
    let doc = &endpoint.doc;
    let meaning = match status {
        201 => "Made.",
        202 => "Accepted; it is not done yet.",
        204 => "Done.",
        _ => "The answer.",
    };
    let mut response = ResponseBuilder::new().description(meaning);
    if let Some(shape) = shape {
        response = response.content(doc.media, content(shape));
    } else if status == 200 {
        response = response.content(doc.media, ContentBuilder::new().schema(Some(text())).build());
    }
    if doc.tagged {
        let tag = HeaderBuilder::new()
            .schema(Some(text()))
            .description(Some("The version, for `If-Match`."));
        response = response.header("ETag", tag.build());
    }
    response.build()
}

/// Which statuses a route may refuse with. Most follow from what it takes and who may call it.
pub(super) fn refusals(endpoint: &Endpoint) -> Vec<u16> {
    let mut all = vec![406, 500, 503];
    if endpoint.doc.body.is_some() {
        all.extend([400, 413, 415]);
    }
    if endpoint.takes_id() || endpoint.takes_purpose() || !endpoint.doc.query.is_empty() {
        all.push(400);
    }
    if endpoint.takes_id() && !endpoint.answers_any_id() {
        all.push(404);
    }
    match endpoint.access {
        Access::Anonymous => {}
        Access::Session | Access::Permission(_) => all.extend([401, 403]),
    }
    if endpoint.doc.conditional {
        all.extend([412, 428]);
    }
    if endpoint.doc.preconditioned {
        all.push(412);
    }
    if endpoint.rate != RateClass::Unlimited {
        all.push(429);
    }
    all.extend(endpoint.doc.refusals);
    all.sort_unstable();
    all.dedup();
    all
}

fn refusal(status: u16) -> Response {
    let code = CODES.iter().find(|code| code.status == status && code.generic);
    let (name, title) = code.map_or(("internal", "The request was refused"), |code| {
        (code.name, code.title)
    });
    let example = json!({
        "type": format!("urn:violentutf:problem:{name}"),
        "title": title,
        "status": status,
        "instance": "/api/v1/…",
        "code": format!("VUTF_{}", name.to_uppercase()),
        "request_id": "01937b6e-5b5c-7d3e-8f00-000000000002",
    });
    let document = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(example))
        .build();
    ResponseBuilder::new()
        .description(title)
        .content(problem::CONTENT_TYPE, document)
        .build()
}
