//! Passwords beside a second factor, and the rules that the standard gave up.

use serde_json::json;
use vutf_testkit::{
    authenticator::Authenticator,
    client::{ApiClient, Call, Person},
    sql,
};

use super::{
    Admin, World,
    races::{at_once, on_both_databases, statuses},
    world::signed_in,
};

const SHORT: &str = "tin kite";

on_both_databases!(
    a_short_password_lives_by_its_second_factor,
    of_a_short_password_and_the_end_of_the_factor_one_wins,
    the_rules_that_the_standard_gave_up_are_warned_of_and_hold
);

fn change(api: &ApiClient, access: &str, current: &str, new: &str) -> Call {
    let body = json!({"current_password": current, "new_password": new});
    api.post("/api/v1/auth/password/change")
        .bearer(access)
        .json(&body)
}

async fn a_short_password_lives_by_its_second_factor(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    Admin::bootstrap(&server, &api).await;
    assert!(!server.logs().contains("departs from SP 800-63B-4"));
    let person = Person::new("ada");
    let tokens = signed_in(&api, &person).await;
    let refused = change(&api, &tokens.access, &person.password, SHORT);
    let refused = refused.expect(400).await.unwrap().json().unwrap();
    assert_eq!(refused["errors"][0]["code"], "password_too_short", "{refused}");
    Authenticator::enrol(&api, &tokens).await.unwrap();
    let renewed = api
        .refresh(&tokens.refresh)
        .expect(200)
        .await
        .unwrap()
        .tokens()
        .unwrap();
    let changed = change(&api, &renewed.access, &person.password, SHORT);
    changed.expect(200).await.unwrap();
    let removed = api.delete("/api/v1/me/mfa/totp").bearer(&renewed.access);
    let kept = removed.expect(409).await.unwrap().json().unwrap();
    assert_eq!(kept["code"], "VUTF_PASSWORD_NEEDS_MFA");

    let name = person.username.as_str();
    let done = world.server().command(&["user", "reset-mfa", name]).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let short = Person {
        password: SHORT.to_owned(),
        ..person.clone()
    };
    let alone = api.login(&short).expect(200).await.unwrap();
    assert_eq!(alone.json().unwrap()["password_change_required"], true);
    let alone = alone.tokens().unwrap();
    let barred = api.me(&alone).expect(403).await.unwrap().json().unwrap();
    assert_eq!(barred["code"], "VUTF_PASSWORD_CHANGE_REQUIRED");
    let changed = change(&api, &alone.access, SHORT, &person.password);
    changed.expect(200).await.unwrap();
    api.me(&alone).expect(200).await.unwrap();
}

async fn of_a_short_password_and_the_end_of_the_factor_one_wins(world: World) {
    let server = world.server().spawn().unwrap();
    let api = ApiClient::new(server.base_url()).unwrap();
    Admin::bootstrap(&server, &api).await;
    for _ in 0..4 {
        let person = Person::new("ada");
        let tokens = signed_in(&api, &person).await;
        Authenticator::enrol(&api, &tokens).await.unwrap();
        // The change is the slower one: it comes in between at a time that nobody chose.
        let removals = (0..8).map(|_| api.delete("/api/v1/me/mfa/totp").bearer(&tokens.access));
        let changed = change(&api, &tokens.access, &person.password, SHORT);
        let answers = at_once(removals.chain([changed])).await;
        let won = statuses(&answers).into_iter().filter(|status| *status < 300);
        assert_eq!(won.count(), 1, "{:?}", statuses(&answers));
        let alone = "SELECT count(*) FROM passwords p WHERE beside_factor \
                     AND NOT EXISTS (SELECT 1 FROM totp_factors f WHERE f.user_id = p.user_id AND f.confirmed_at IS NOT NULL)";
        assert_eq!(sql::number(&world.database_url(), alone).await.unwrap(), 0);
    }
}

async fn the_rules_that_the_standard_gave_up_are_warned_of_and_hold(world: World) {
    let world = world
        .with("VUTF__IDENTITY__PASSWORDS__LEGACY__COMPOSITION", "3")
        .with("VUTF__IDENTITY__PASSWORDS__LEGACY__HISTORY", "2")
        .with("VUTF__IDENTITY__PASSWORDS__LEGACY__MAX_AGE", "1d");
    let server = world.server().spawn().unwrap();
    let warned = "identity.passwords.legacy departs from SP 800-63B-4: composition, history, max_age";
    assert!(server.logs().contains(warned), "{}", server.logs());
    let api = ApiClient::new(server.base_url()).unwrap();
    let person = Person {
        password: "Seven quiet copper lanterns".to_owned(),
        ..Person::new("ada")
    };
    let plain = Person {
        password: "seven quiet copper lanterns".to_owned(),
        ..person.clone()
    };
    let refused = api.register(&plain).expect(400).await.unwrap().json().unwrap();
    assert_eq!(refused["errors"][0]["code"], "password_composition", "{refused}");
    let tokens = signed_in(&api, &person).await;
    let (first, second, third) = (
        person.password.as_str(),
        "Eight noisy silver trumpets",
        "Nine patient wooden ladders",
    );
    change(&api, &tokens.access, first, second)
        .expect(200)
        .await
        .unwrap();
    let refused = change(&api, &tokens.access, second, first);
    let refused = refused.expect(400).await.unwrap().json().unwrap();
    assert_eq!(refused["errors"][0]["code"], "password_reused", "{refused}");
    change(&api, &tokens.access, second, third)
        .expect(200)
        .await
        .unwrap();
    change(&api, &tokens.access, third, first)
        .expect(200)
        .await
        .unwrap();
    let kept = "SELECT count(*) FROM password_history";
    assert_eq!(sql::number(&world.database_url(), kept).await.unwrap(), 1);
}
