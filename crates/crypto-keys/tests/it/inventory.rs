//! The inventory is a valid `CycloneDX` document, and says of each key what the registry says.

use serde_json::{Value, json};
use vutf_crypto_keys::{
    KeyReader as _, KeyState, LifecycleReader as _, Purpose, ServiceUse,
    inventory::{Inventory, KekAsset},
};
use vutf_kernel::{Clock, SystemClock};

use crate::world::{HOME, World, world};

const BOM: &str = include_str!("../data/cyclonedx/bom-1.6.schema.json");
const SPDX: &str = include_str!("../data/cyclonedx/spdx.schema.json");
const JSF: &str = include_str!("../data/cyclonedx/jsf-0.82.schema.json");

/// The faults that the official schema finds.
fn faults(document: &Value) -> Vec<String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let registry = jsonschema::Registry::new()
        .add("http://cyclonedx.org/schema/spdx.schema.json", parse(SPDX))
        .unwrap()
        .add("http://cyclonedx.org/schema/jsf-0.82.schema.json", parse(JSF))
        .unwrap()
        .prepare()
        .unwrap();
    let schema = parse(BOM);
    let validator = jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

async fn document(world: &World) -> Value {
    let inventory = Inventory {
        serial: uuid::Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001),
        organization_id: HOME,
        at: SystemClock.now(),
        keys: world.keys.list(Some(HOME)).await.unwrap(),
        keysets: world.keys.keysets(Some(HOME)).await.unwrap(),
        keks: KekAsset::of(&world.provider),
    };
    serde_json::to_value(inventory.to_cyclonedx("violentutf-api", "0.1.0")).unwrap()
}

/// A world with a key in each state.
async fn every_state() -> World {
    let world = world().await;
    let name = |state: KeyState| Purpose::service(ServiceUse::Encrypt, state.as_str());
    for state in KeyState::ALL {
        world.create(&name(state), state != KeyState::PreActivation).await;
        if !matches!(state, KeyState::PreActivation | KeyState::Active) {
            world.bring(&name(state), state).await;
        }
    }
    world
}

#[tokio::test]
async fn it_is_valid_by_the_official_schema_whatever_state_keys_are_in() {
    let document = document(&every_state().await).await;
    assert_eq!(faults(&document), Vec::<String>::new());
}

#[tokio::test]
async fn the_schema_finds_faults() {
    let good = document(&world().await).await;
    let edits: [fn(&mut Value); 3] = [
        |document| document["bomFormat"] = json!("SPDX"),
        |document| document["components"][0]["cryptoProperties"]["assetType"] = json!("gadget"),
        |document| document["surprise"] = json!(1),
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        let mut bad = good.clone();
        edit(&mut bad);
        assert_ne!(faults(&bad), Vec::<String>::new(), "edit {at}");
    }
}

#[tokio::test]
async fn each_key_is_told_with_its_state_its_times_and_what_secures_it() {
    let world = every_state().await;
    let document = document(&world).await;
    let components = document["components"].as_array().unwrap();
    let named = |reference: &str| {
        components
            .iter()
            .find(|component| component["bom-ref"] == reference)
            .unwrap_or_else(|| panic!("{reference} is not in the inventory"))
    };
    let rows = world.keys.list(Some(HOME)).await.unwrap();
    for row in &rows {
        let reference = format!("key:{}", row.id);
        let material = &named(&reference)["cryptoProperties"]["relatedCryptoMaterialProperties"];
        assert_eq!(material["state"], row.state.as_str());
        assert_eq!(material["creationDate"], row.created_at.rfc3339());
        assert_eq!(material["size"], 256);
        assert_eq!(material["algorithmRef"], format!("algorithm:{}", row.algorithm));
        assert_eq!(material["securedBy"].is_null(), row.state == KeyState::Destroyed);
        let depends = document["dependencies"].as_array().unwrap();
        let own = depends.iter().find(|entry| entry["ref"] == reference).unwrap();
        for upon in own["dependsOn"].as_array().unwrap() {
            named(upon.as_str().unwrap());
        }
    }
    let text = document.to_string();
    for row in &rows {
        assert!(!text.contains(&hex::encode(&row.wrapped)) || row.wrapped.is_empty());
    }
    let keks: Vec<_> = components
        .iter()
        .filter(|component| component["bom-ref"].as_str().unwrap().starts_with("kek:"))
        .collect();
    assert_eq!(keks.len(), 1);
}

#[tokio::test]
async fn what_quantum_computers_break_is_told() {
    let document = document(&world().await).await;
    let components = document["components"].as_array().unwrap();
    let level = |name: &str| {
        let found = components
            .iter()
            .find(|component| component["name"] == name)
            .unwrap();
        found["cryptoProperties"]["algorithmProperties"]["nistQuantumSecurityLevel"].clone()
    };
    assert_eq!(level("Ed25519"), 0);
    assert_eq!(level("XChaCha20-Poly1305"), 5);
    assert_eq!(level("HMAC-SHA-256"), 5);
}
