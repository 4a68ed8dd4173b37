//! The surface as files: a change of it shows in review.

use std::{fs, path::PathBuf};

use vutf_server::{http, openapi};

/// Compares `text` with `docs/api/<name>`; with `UPDATE_GOLDEN=1` writes it.
fn golden(name: &str, text: &str) {
    golden_at(&format!("docs/api/{name}"), text);
}

/// The same for any file of the repository.
pub(crate) fn golden_at(name: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        expected == text,
        "{name} is not what the code says: UPDATE_GOLDEN=1 writes it"
    );
}

#[test]
fn anonymous_routes() {
    golden("anonymous-routes.txt", &http::route::anonymous_list());
}

#[test]
fn role_matrix() {
    golden("role-matrix.txt", &http::route::role_matrix());
}

#[test]
fn routes_for_api_keys() {
    golden("api-key-routes.txt", &http::route::api_key_list());
}

#[test]
fn error_codes() {
    golden("error-codes.md", &http::problem::code_table());
}

#[test]
fn api_document() {
    golden("openapi.json", &openapi::pretty().unwrap());
}
