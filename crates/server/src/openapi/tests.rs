use std::collections::HashSet;

use serde_json::Value;

use super::*;
use crate::http::route::Access;

fn value() -> Value {
    serde_json::from_str(&pretty().unwrap()).unwrap()
}

#[test]
fn it_is_the_same_every_time() {
    assert_eq!(pretty().unwrap(), pretty().unwrap());
    assert_eq!(value()["openapi"], "3.1.0");
}

#[test]
fn every_route_is_there_with_the_security_that_the_guard_enforces() {
    let document = value();
    for route in ROUTES {
        let endpoint = &route.endpoint;
        let operation = &document["paths"][endpoint.template()][endpoint.method.as_str().to_lowercase()];
        assert!(
            operation.is_object(),
            "{} {}",
            endpoint.method.as_str(),
            endpoint.path
        );
        let security = operation["security"].as_array().unwrap();
        let asks = security.iter().any(|needed| needed.get(BEARER).is_some());
        assert_eq!(asks, endpoint.access != Access::Anonymous, "{}", endpoint.path);
        assert!(operation["responses"]["500"]["content"]["application/problem+json"].is_object());
    }
}

#[test]
fn operation_ids_are_unique() {
    let document = value();
    let mut seen = HashSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(seen.insert(id), "{id}");
        }
    }
    assert_eq!(seen.len(), ROUTES.len());
    assert!(seen.contains("get_users_id"));
    assert!(seen.contains("post_me_sessions_revoke_others"));
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.push(target.clone());
                }
                members.values().for_each(|member| walk(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let document = value();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(!found.is_empty());
    for target in found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

#[test]
fn every_tag_is_described() {
    let known: Vec<_> = TAGS.iter().map(|(name, _)| *name).collect();
    for route in ROUTES {
        assert!(
            known.contains(&route.endpoint.doc.tag),
            "{}",
            route.endpoint.doc.tag
        );
    }
}
