//! The API document (OpenAPI 3.1), built from the table of routes: security, parameters and refusals follow from what the
//! guard enforces, so they cannot differ from it.

mod operation;

use std::collections::BTreeMap;

use utoipa::{
    ToSchema as _,
    openapi::{
        ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, RefOr, Schema,
        path::PathItem,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
        tag::TagBuilder,
    },
};

use crate::http::{
    problem,
    route::{Endpoint, Shape},
    table::ROUTES,
};

/// Name of the security scheme.
pub(crate) const BEARER: &str = "access_token";
/// The same of a browser's session.
pub(crate) const COOKIE: &str = "session_cookie";
/// The same for API keys.
pub(crate) const API_KEY: &str = "api_key";

const DESCRIPTION: &str = "Identity, audit and key management. Every 4xx and 5xx answer is a problem document \
    (RFC 9457); `code` is stable. Timestamps are RFC 3339 in UTC, ids are UUIDv7.";

const TAGS: [(&str, &str); 10] = [
    ("bootstrap", "The first administrator."),
    ("auth", "Registration, sign-in, tokens."),
    ("me", "One's own account and sessions."),
    ("users", "Administration of users."),
    (
        "api-keys",
        "Keys with which programs act, and accounts of programs.",
    ),
    ("authorisation", "Roles and permissions."),
    ("keys", "The key registry."),
    ("crypto", "Cryptography with named keys, for other programs."),
    ("audit", "The audit log."),
    ("operations", "Health and documents."),
];

/// The document. The same routes give the same document, byte for byte.
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for route in ROUTES {
        let endpoint = &route.endpoint;
        let item = PathItem::new(operation::method(endpoint.method), operation::of(endpoint));
        paths = paths.path(endpoint.template(), item);
    }
    let mut components = ComponentsBuilder::new()
        .security_scheme(BEARER, bearer())
        .security_scheme(COOKIE, cookie())
        .security_scheme(API_KEY, api_key());
    for (name, schema) in schemas() {
        components = components.schema(name, schema);
    }
    let tags = TAGS.map(|(name, description)| {
        TagBuilder::new()
            .name(name)
            .description(Some(description))
            .build()
    });
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("ViolentUTF API")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(
                    LicenseBuilder::new()
                        .name("Apache-2.0")
                        .identifier(Some("Apache-2.0"))
                        .build(),
                ))
                .build(),
        )
        .paths(paths.build())
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

/// Every status that the document says a route may answer with, sorted.
pub fn statuses(endpoint: &Endpoint) -> Vec<u16> {
    let doc = &endpoint.doc;
    let mut all = operation::refusals(endpoint);
    all.push(doc.answer.0);
    all.extend(doc.other_answer.map(|(status, _)| status));
    all.sort_unstable();
    all
}

/// The document as it is served and as `docs/api/openapi.json` holds it.
pub fn pretty() -> Result<String, serde_json::Error> {
    // Through `Value`, whose maps are sorted: the order of the text does not hang on the builder's containers.
    let value = serde_json::to_value(document())?;
    let mut text = serde_json::to_string_pretty(&value)?;
    text.push('\n');
    Ok(text)
}

fn bearer() -> SecurityScheme {
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.bearer_format = Some("PASETO v4.public".to_owned());
    scheme.description =
        Some("The `access_token` of a sign-in. Rights are looked up when it is used.".to_owned());
    SecurityScheme::Http(scheme)
}

fn cookie() -> SecurityScheme {
    let description = "Set by `POST /api/v1/auth/session`. Requests that change something need `X-CSRF-Token`, too: see \
        `GET /api/v1/auth/csrf`.";
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        "__Host-violentutf_session",
        description,
    )))
}

fn api_key() -> SecurityScheme {
    let mut header = ApiKeyValue::new("X-API-Key");
    header.description = Some(
        "A key of a user or of a service account, `vutf_…`; `Authorization: Bearer vutf_…` says the same. Send one of the two. It may \
         do what its scopes and its owner's rights have in common."
            .to_owned(),
    );
    SecurityScheme::ApiKey(ApiKey::Header(header))
}

fn schemas() -> BTreeMap<String, RefOr<Schema>> {
    let mut all = Vec::new();
    let mut add = |shape: Shape| {
        all.push(((shape.name)().into_owned(), (shape.schema)()));
        (shape.nested)(&mut all);
    };
    add(Shape::of::<problem::Document<'static>>());
    for route in ROUTES {
        let doc = &route.endpoint.doc;
        let other = doc.other_answer.map(|(_, shape)| shape);
        [doc.body, doc.answer.1, other]
            .into_iter()
            .flatten()
            .for_each(&mut add);
    }
    all.push((
        problem::FieldError::name().into_owned(),
        <problem::FieldError as utoipa::PartialSchema>::schema(),
    ));
    all.into_iter().collect()
}

#[cfg(test)]
mod tests;
