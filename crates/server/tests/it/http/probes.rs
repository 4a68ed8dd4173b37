//! Health and management.

use std::sync::Arc;

use actix_web::{App, test::init_service};
use vutf_server::http;

use super::world::{bearer, call, get, world};

#[actix_web::test]
async fn readiness_follows_the_phase_and_shows_details_to_operators_only() {
    let world = world(&[]).await;
    let token = world.admin().await;
    for path in ["/health/ready", "/api/v1/ready", "/api/v1/health"] {
        let public = world.send(get(path)).await;
        assert_eq!(
            (public.status, public.json()),
            (200, serde_json::json!({"status": "ready"}))
        );
        let operator = world.send(bearer(get(path), &token)).await;
        assert!(operator.json()["checks"].is_object());
        let nobody = world.send(bearer(get(path), "nonsense")).await;
        assert!(nobody.status == 200 && nobody.json()["checks"].is_null());
    }
    world.state.health.drain();
    let draining = world.send(get("/health/ready")).await;
    assert_eq!(
        (draining.status, draining.json()["status"].as_str()),
        (503, Some("not_ready"))
    );
    assert_eq!(draining.header("retry-after"), "1");
    assert_eq!(world.send(get("/health/live")).await.status, 200);
    assert_eq!(world.send(get("/health/startup")).await.status, 200);
}

#[actix_web::test]
async fn metrics_are_for_operators_only() {
    let world = world(&[]).await;
    assert_eq!(world.send(get("/metrics")).await.status, 404);
    let token = world.admin().await;
    world
        .send(bearer(
            get("/api/v1/users/01937b6e-5b5c-7d3e-8f00-000000000001"),
            &token,
        ))
        .await;
    let app = init_service(App::new().configure(http::management(Arc::clone(&world.state)))).await;
    let metrics = call(&app, get("/metrics")).await;
    assert_eq!(metrics.status, 200);
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(
        text.contains(r#"route="/api/v1/users/{id}",status="404"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"route="unmatched",status="404"} 1"#), "{text}");
    assert!(call(&app, get("/health/ready")).await.json()["checks"].is_object());
    assert_eq!(call(&app, get("/api/v1/me")).await.status, 404);
}
