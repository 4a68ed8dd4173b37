use std::{fmt::Write as _, sync::OnceLock};

use actix_web::{HttpResponse, http::header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use vutf_kernel::Action;

use crate::http::route::{Access, Doc, Endpoint, Method, RateClass};

pub(crate) const ENDPOINT: Endpoint = Endpoint {
    method: Method::Get,
    path: "/docs",
    access: Access::Anonymous,
    action: Action::new("document.page", "document"),
    rate: RateClass::Default,
    doc: Doc::new("operations", "This document as a page").answers_media("text/html"),
};

const PAGE: &str = include_str!("../../../assets/docs/page.html");
const STYLE: &str = include_str!("../../../assets/docs/style.css");
const SCRIPT: &str = include_str!("../../../assets/docs/script.js");

struct Page {
    html: String,
    policy: String,
}

/// Style and script stand in the page and are allowed by their hashes; all that the page may fetch is the document.
fn page() -> &'static Page {
    static MADE: OnceLock<Page> = OnceLock::new();
    MADE.get_or_init(|| {
        let html = PAGE.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT);
        let mut policy = String::from("default-src 'none'");
        for (directive, text) in [("style-src", STYLE), ("script-src", SCRIPT)] {
            let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
            let _written = write!(policy, "; {directive} 'sha256-{hash}'");
        }
        policy.push_str("; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        Page { html, policy }
    })
}

pub(crate) async fn handle() -> HttpResponse {
    let page = page();
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, page.policy.as_str()))
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .body(page.html.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_fetches_nothing_from_elsewhere() {
        let html = &page().html;
        assert!(!html.contains("{{"));
        for foreign in ["http://", "https://", "src=", "<link", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_policy_allows_exactly_the_two_texts() {
        let page = page();
        let between = |open: &str, close: &str| {
            let (_, rest) = page.html.split_once(open).unwrap();
            STANDARD.encode(Sha256::digest(rest.split_once(close).unwrap().0.as_bytes()))
        };
        assert!(
            page.policy
                .contains(&format!("style-src 'sha256-{}'", between("<style>", "</style>")))
        );
        assert!(page.policy.contains(&format!(
            "script-src 'sha256-{}'",
            between("<script>", "</script>")
        )));
        assert!(!page.policy.contains("unsafe"));
    }
}
