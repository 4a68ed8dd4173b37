//! Who saw or changed one's own data.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Site, Someone, actions};

const OWN: &str = "/api/v1/me/audit";

fn references(lines: &[Value]) -> BTreeSet<&str> {
    lines
        .iter()
        .filter_map(|line| line["by"]["reference"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sees_who_reached_them_and_no_name() {
    let site = Site::new().await;
    let (ada, bob, admin) = (&site.ada, &site.bob, site.admin_id().await);
    for id in [&ada.id, &ada.id, &bob.id] {
        let seen = site.get(&site.admin.tokens, &format!("/api/v1/users/{id}")).await;
        assert_eq!(seen.status, 200);
    }
    let (lines, _) = site.part(&ada.tokens, OWN).await;
    assert_eq!(actions(&lines)[..3], ["user.read", "user.read", "user.read"]);
    let by: Vec<&str> = lines
        .iter()
        .take(3)
        .map(|line| line["by"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(by, ["staff", "staff", "self"]);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["action"], &last["by"]["type"]),
        (&"user.register".into(), &"unknown".into())
    );
    let text = Value::from(lines.clone()).to_string();
    for hidden in [
        &admin,
        &bob.id,
        &site.admin.person.username,
        &site.admin.person.email,
    ] {
        assert!(!text.contains(hidden.as_str()), "{hidden} is in {text}");
    }

    // One colleague has one reference for one person, and another one for another.
    let hers = references(&lines)
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let (his, _) = site.part(&bob.tokens, OWN).await;
    assert_eq!((hers.len(), references(&his).len()), (1, 1));
    assert!(!references(&his).contains(hers[0].as_str()));
    assert_eq!(hers[0].len(), 12);

    // To look is an event of one's own.
    let (again, _) = site.part(&ada.tokens, OWN).await;
    assert_eq!(
        (&again[0]["action"], &again[0]["by"]["type"]),
        (&"audit.own".into(), &"self".into())
    );
    assert_eq!(again[0]["kind"], "read");
    assert_eq!(again.len(), lines.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_others_is_shown_whatever_is_asked_for() {
    let site = Site::new().await;
    let own = |lines: &[Value]| -> BTreeSet<String> {
        lines
            .iter()
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect()
    };
    site.lock_and_unlock(&site.bob.id, "case-9").await;
    let (hers, _) = site.part(&site.ada.tokens, &format!("{OWN}?limit=100")).await;
    let about_bob = site.events(&format!("subject={}", site.bob.id)).await;
    assert!(actions(&about_bob).contains(&"user.lock"));
    assert!(own(&about_bob).is_disjoint(&own(&hers)));
    let about_ada = site.events(&format!("subject={}", site.ada.id)).await;
    assert!(own(&hers).is_subset(&own(&about_ada)));
    // An administrator who reads others has seen nothing of their own by it.
    let (theirs, _) = site.part(&site.admin.tokens, &format!("{OWN}?limit=100")).await;
    assert!(!actions(&theirs).contains(&"user.lock"), "{theirs:?}");
    assert!(
        theirs.iter().all(|line| line["by"]["type"] != "staff"),
        "{theirs:?}"
    );
    let stranger = site.api.get(OWN).send().await.unwrap();
    assert_eq!(stranger.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_parts_of_the_list_meet() {
    let site = Site::new().await;
    let carol = Someone::new(&site.api, "carol").await;
    for _ in 0..5 {
        site.api.me(&carol.tokens).expect(200).await.unwrap();
    }
    let (whole, end) = site.part(&carol.tokens, &format!("{OWN}?limit=100")).await;
    assert_eq!(end, None);
    // Each look adds one at the front: the parts behind the first are not moved by it.
    let (first, mut next) = site.part(&carol.tokens, &format!("{OWN}?limit=3")).await;
    let mut parts = first;
    while let Some(cursor) = next {
        let (more, then) = site
            .part(&carol.tokens, &format!("{OWN}?limit=3&cursor={cursor}"))
            .await;
        parts.extend(more);
        next = then;
    }
    // The newest may have had no place yet at the first look.
    let ids = |lines: &[Value]| -> Vec<Value> { lines.iter().map(|line| line["id"].clone()).collect() };
    assert_eq!(
        ids(&parts[1..]),
        ids(&whole),
        "and the look at the whole in front"
    );
}
