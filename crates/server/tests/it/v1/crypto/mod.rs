//! Named keys over HTTP.

mod batches;
mod record;
mod refusals;
mod versions;

use std::sync::Arc;

use serde_json::{Value, json};
use vutf_crypto_keys::{KeyRecord, Purpose, ServiceUse, plan_missing, plan_rotation};
use vutf_kernel::{Env, Event, OrganizationId, OsEntropy, SystemClock};
use vutf_server::http::AppState;

use crate::http::world::{Answer, World, bearer, post, world};

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// A service with the keys `encrypt:orders`, `encrypt:invoices`, `hmac:orders` and `sign:orders`, and somebody who may use them.
struct Setup {
    world: World,
    token: String,
    rows: Vec<KeyRecord>,
}

async fn setup() -> Setup {
    setup_with(&[]).await
}

async fn setup_with(settings: &[(&str, &str)]) -> Setup {
    let world = world(settings).await;
    let named = [
        (ServiceUse::Encrypt, "orders"),
        (ServiceUse::Encrypt, "invoices"),
        (ServiceUse::Mac, "orders"),
        (ServiceUse::Sign, "orders"),
    ];
    let mut wanted = AppState::purposes().to_vec();
    wanted.extend(named.map(|(service, name)| Purpose::service(service, name)));
    let rows = with_env(async |env| {
        plan_missing(env, &*world.state.wrapper, HOME, &[], &wanted)
            .await
            .unwrap()
    })
    .await;
    let token = world.admin().await;
    let setup = Setup { world, token, rows };
    setup.load().await;
    setup
}

async fn with_env<T>(work: impl AsyncFnOnce(&mut Env<'_>) -> T) -> T {
    let mut entropy = OsEntropy;
    work(&mut Env {
        clock: &SystemClock,
        entropy: &mut entropy,
    })
    .await
}

impl Setup {
    async fn load(&self) {
        let state = &self.world.state;
        state
            .keyring
            .load(&*state.wrapper, self.rows.clone())
            .await
            .unwrap();
    }

    /// Makes a new version, as another replica would: this one is not told.
    async fn rotate_elsewhere(&mut self, service: ServiceUse) {
        let wrapper = Arc::clone(&self.world.state.wrapper);
        let purpose = Purpose::service(service, "orders");
        let rotation = with_env(async |env| {
            plan_rotation(env, &*wrapper, &self.rows, HOME, &purpose)
                .await
                .unwrap()
        })
        .await;
        self.rows
            .retain(|row| rotation.previous.iter().all(|old| old.id != row.id));
        self.rows.extend(rotation.previous);
        self.rows.push(rotation.new);
    }

    async fn rotate(&mut self, service: ServiceUse) {
        self.rotate_elsewhere(service).await;
        self.load().await;
    }

    async fn send(&self, verb: &str, body: &Value) -> Answer {
        let request = post(&format!("/api/v1/crypto/{verb}"), body);
        self.world.send(bearer(request, &self.token)).await
    }

    /// The results of a request that is accepted.
    async fn results(&self, verb: &str, key: &str, items: Value) -> Vec<Value> {
        let answer = self.send(verb, &json!({"key": key, "items": items})).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["results"].as_array().unwrap().clone()
    }

    /// A ciphertext of `orders`.
    async fn encrypted(&self, text: &str, context: &str) -> String {
        let items = json!([{"plaintext": b64(text), "context": b64(context)}]);
        let results = self.results("encrypt", "orders", items).await;
        results[0]["ciphertext"].as_str().unwrap().to_owned()
    }

    /// The last event, which must be of `action`.
    fn last_event(&self, action: &str) -> Event {
        let event = self.world.store.events().pop().unwrap();
        assert_eq!(event.action, action);
        event
    }
}

/// RFC 4648, section 4.
fn b64(text: &str) -> String {
    let alphabet: Vec<char> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/'])
        .collect();
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let mut group = 0_u32;
        for index in 0..3 {
            group = group << 8 | u32::from(chunk.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            let digit = alphabet[(group >> (18 - 6 * index)) as usize & 63];
            out.push(if index <= chunk.len() { digit } else { '=' });
        }
    }
    out
}

#[test]
fn the_base64_of_these_tests_is_that_of_rfc_4648() {
    for (text, expected) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
        ("\u{7ff}\u{7ff}", "37/fvw=="),
    ] {
        assert_eq!(b64(text), expected);
    }
}
