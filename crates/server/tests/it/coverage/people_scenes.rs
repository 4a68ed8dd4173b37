//! Scenes of exports, of erasures that persons ask for, and of batches.

use serde_json::json;

use super::{
    UNKNOWN,
    scenes::{Wish, unwritten},
    stage::{Caller, Stage},
};

/// Somebody who has asked, and the receipt.
async fn asked(stage: &mut Stage) -> (Caller, String) {
    let caller = stage.someone().await;
    let call = stage.site.api.post("/api/v1/me/erasure");
    let answer = call.bearer(&caller.tokens.access).expect(202).await.unwrap();
    let receipt = answer.json().unwrap()["receipt"].as_str().unwrap().to_owned();
    (caller, receipt)
}

pub(super) async fn own(stage: &mut Stage, what: (&str, &str), status: u16) -> Wish {
    let caller = match (what.0, status) {
        ("POST", 409) => asked(stage).await.0,
        ("DELETE", status) if status != 404 => asked(stage).await.0,
        ("GET" | "POST" | "DELETE", _) => stage.someone().await,
        _ => unwritten(what),
    };
    Wish::to(what.1).by(&caller)
}

pub(super) async fn certificate(stage: &mut Stage, status: u16) -> Wish {
    let receipt = if status == 404 {
        "vutf_er_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()
    } else {
        asked(stage).await.1
    };
    Wish::to("/api/v1/erasure-certificate").json(json!({"receipt": receipt}))
}

pub(super) async fn batch(stage: &mut Stage, status: u16) -> Wish {
    let target = stage.someone().await.id;
    let version = |version: Option<i64>| json!({"op": "delete", "id": target, "version": version});
    let operation = match status {
        404 => json!({"op": "lock", "id": UNKNOWN}),
        // They are not locked.
        409 => json!({"op": "enable", "id": target}),
        412 => version(Some(999_999)),
        428 => version(None),
        _ => json!({"op": "lock", "id": target}),
    };
    Wish::to("/api/v1/users:batch").json(json!({"operations": [operation], "atomic": status != 200}))
}
