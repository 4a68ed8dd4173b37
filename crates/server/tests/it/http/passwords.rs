//! One's own password, and how strong another one would be.

use serde_json::{Value, json};

use super::world::{PASSWORD, World, bearer, post, world};

const CHANGE: &str = "/api/v1/auth/password/change";
const STRENGTH: &str = "/api/v1/auth/password/strength";
const NEXT: &str = "seven quiet copper lanterns";

fn change(current: &str, new: &str) -> Value {
    json!({"current_password": current, "new_password": new})
}

async fn person(world: &World, name: &str) -> String {
    let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
    let made = world.send(post("/api/v1/auth/register", &account)).await;
    assert_eq!(made.status, 201);
    world.login(name).await
}

#[actix_web::test]
async fn the_present_password_sets_a_new_one_and_says_which_sessions_ended() {
    let world = world(&[]).await;
    let token = person(&world, "grace").await;
    let other = world.login("grace").await;
    let answer = world
        .send(bearer(post(CHANGE, &change(PASSWORD, NEXT)), &token))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["status"], "changed");
    assert_eq!(answer.json()["sessions_ended"].as_array().unwrap().len(), 1);
    let me = |token: &str| bearer(super::world::get("/api/v1/me"), token);
    assert_eq!(world.send(me(&token)).await.status, 200);
    assert_eq!(world.send(me(&other)).await.status, 401);
    let login = |password: &str| {
        post(
            "/api/v1/auth/login",
            &json!({"username": "grace", "password": password}),
        )
    };
    assert_eq!(world.send(login(PASSWORD)).await.status, 401);
    assert_eq!(world.send(login(NEXT)).await.status, 200);
    let text = format!("{:?}", world.events());
    assert!(text.contains("password.change") && !text.contains(NEXT));
}

#[actix_web::test]
async fn what_is_wrong_is_said_and_is_in_the_log() {
    let world = world(&[]).await;
    let token = person(&world, "grace").await;
    let send = async |body: Value| world.send(bearer(post(CHANGE, &body), &token)).await;
    let wrong = send(change("not the right phrase", NEXT)).await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (403, "VUTF_WRONG_PASSWORD")
    );
    for (new, code) in [
        ("short", "password_too_short"),
        (PASSWORD, "password_unchanged"),
        ("1q2w3e4r5t6y7u8i9o0p", "password_common"),
        ("abababababababab", "password_repetitive"),
        ("grace@example.org 1", "password_context"),
        ("fifteen chars \0\0", "password_characters"),
    ] {
        let answer = send(change(PASSWORD, new)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "VUTF_INVALID_PASSWORD"),
            "{new:?}"
        );
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&"/new_password".into(), &code.into()),
            "{new:?}"
        );
        assert!(!error["detail"].as_str().unwrap().contains(new));
    }
    let long = send(change(PASSWORD, &"long enough ".repeat(86))).await;
    assert_eq!(long.json()["errors"][0]["code"], "password_too_long");
    for _ in 0..4 {
        send(change("not the right phrase", NEXT)).await;
    }
    let barred = send(change(PASSWORD, NEXT)).await;
    assert_eq!(
        (barred.status, barred.code().as_str()),
        (403, "VUTF_TOO_MANY_GUESSES")
    );
    assert_eq!(
        world.send(post(CHANGE, &change(PASSWORD, NEXT))).await.status,
        401
    );
    let events = world
        .events()
        .into_iter()
        .filter(|(action, ..)| action == "password.change");
    let reasons: Vec<String> = events
        .map(|(_, outcome, reason)| format!("{outcome}:{reason}"))
        .collect();
    assert_eq!(
        reasons
            .iter()
            .filter(|reason| *reason == "refused:wrong_password")
            .count(),
        5
    );
    assert_eq!(
        reasons
            .iter()
            .filter(|reason| *reason == "refused:invalid_password")
            .count(),
        7
    );
    assert!(
        reasons.contains(&"refused:too_many_guesses".to_owned()),
        "{reasons:?}"
    );
}

#[actix_web::test]
async fn anybody_learns_how_strong_a_password_would_be_and_nothing_of_it_is_kept() {
    let world = world(&[]).await;
    let ask = async |body: Value| world.send(post(STRENGTH, &body)).await;
    let strong = ask(json!({"password": NEXT})).await;
    assert_eq!(strong.status, 200, "{}", strong.json());
    let found = strong.json();
    assert_eq!((&found["score"], &found["accepted"]), (&4.into(), &true.into()));
    assert!(found["refusal"].is_null() && found["guesses_log10"].as_f64().unwrap() > 10.0);
    let weak = ask(json!({"password": "hopper hopper 12", "display_name": "Grace Hopper"}))
        .await
        .json();
    assert_eq!(
        (&weak["accepted"], &weak["refusal"]["code"]),
        (&false.into(), &"password_context".into())
    );
    let common = ask(json!({"password": "password"})).await.json();
    assert_eq!(common["score"], 0);
    assert!(common["warning"].is_string() && !common["suggestions"].as_array().unwrap().is_empty());
    let wrong = ask(json!({"password": NEXT, "email": "nowhere", "username": "x"})).await;
    assert_eq!(
        (wrong.status, wrong.json()["errors"].as_array().unwrap().len()),
        (400, 2)
    );
    let long = ask(json!({"password": "x".repeat(9_000)})).await.json();
    assert_eq!(long["refusal"]["code"], "password_too_long");
    assert_eq!(ask(json!({"password": "x".repeat(1 << 20)})).await.status, 413);
    let events = format!("{:?}", world.store.events());
    assert!(events.contains("password.assess") && !events.contains(NEXT) && !events.contains("hopper"));
}

#[actix_web::test]
async fn both_are_rate_limited() {
    let world = world(&[
        ("rate_limit.enabled", "true"),
        ("rate_limit.password_strength", "2"),
    ])
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = world.send(post(STRENGTH, &json!({"password": NEXT}))).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
}
