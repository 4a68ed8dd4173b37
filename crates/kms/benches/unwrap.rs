//! What the cold unwrapping of a tenant key costs with each provider: one line of JSON a provider,
//! `{"provider","component","calls","median_us","p99_us"}` or `{"provider","skipped"}`.
//!
//! Cold is the key, not the connection: each call asks the provider, as a start and each confirmation does, and nothing that
//! was unwrapped before is remembered; sessions and connections are kept, as they are in the service. Each provider runs
//! against the real component, started here. `--calls N` says how often.

#![expect(clippy::unwrap_used, reason = "a bench fails like a test")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use serde_json::json;
use vutf_crypto_keys::{KeyWrapper, Suite};
use vutf_kernel::{OsEntropy, Secret};
use vutf_kms::{
    AwsCredentials, AwsKmsOptions, AwsKmsWrapper, FileKek, FileWrapper, Pkcs11Options, Pkcs11Pin,
    Pkcs11Wrapper, VaultAuth, VaultCredential, VaultOptions, VaultWrapper,
};
use vutf_testkit::servers::{Component, Moto, OpenBao, SoftHsm, find_binaries};

/// The run in which only the token is measured: the module reads this variable once, when it is loaded.
const ONLY_TOKEN: &str = "--only-pkcs11";
const SOFTHSM2_CONF: &str = "SOFTHSM2_CONF";
const PIN: &str = "1234-bench";
const TIMEOUT: Duration = Duration::from_secs(30);
/// As long as that of a tenant key's row.
const CONTEXT: [u8; 96] = [0x63; 96];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let calls = calls();
    if std::env::args().any(|argument| argument == ONLY_TOKEN) {
        return token(calls).await;
    }
    for suite in Suite::ALL {
        file(calls, suite).await;
    }
    match SoftHsm::start() {
        Ok(hsm) => in_another_process(calls, &hsm),
        Err(error) => skipped("pkcs11", &error),
    }
    match Moto::start() {
        Ok(moto) => aws_kms(calls, &moto).await,
        Err(error) => skipped("aws-kms", &error),
    }
    match OpenBao::start() {
        Ok(bao) => vault_transit(calls, &bao).await,
        Err(error) => skipped("vault-transit", &error),
    }
}

/// The number after `--calls`; what cargo passes beside it is nothing to this bench.
fn calls() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--calls");
    arguments.nth(1).map_or(1_000, |number| number.parse().unwrap())
}

async fn file(calls: usize, suite: Suite) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kek.vutf");
    let wrapper = FileWrapper::create_new(&path, &FileKek::Unsealed, suite, &mut OsEntropy).unwrap();
    measure("file", &format!("{suite}, in this process"), calls, &wrapper).await;
}

fn in_another_process(calls: usize, hsm: &SoftHsm) {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args([ONLY_TOKEN, "--calls", &calls.to_string()])
        .env(SOFTHSM2_CONF, hsm.conf())
        .status();
    assert!(status.unwrap().success());
}

async fn token(calls: usize) {
    let conf = std::env::var_os(SOFTHSM2_CONF).unwrap();
    let hsm = SoftHsm::attach(conf.as_ref()).unwrap();
    hsm.make_token("bench", PIN).unwrap();
    hsm.make_key("bench", PIN, "kek", &["--sensitive"]).unwrap();
    let wrapper = Pkcs11Wrapper::new(Pkcs11Options {
        module: hsm.module().to_owned(),
        token_label: "bench".into(),
        token_serial: None,
        key_label: "kek".into(),
        pin: Pkcs11Pin::Text(Secret::new(PIN.into())),
        sessions: 4,
        timeout: TIMEOUT,
    });
    let version = find_binaries().version(Component::SoftHsm).unwrap_or_default();
    measure("pkcs11", &version, calls, &wrapper.unwrap()).await;
}

async fn aws_kms(calls: usize, moto: &Moto) {
    let url = moto.url();
    let options = AwsKmsOptions {
        key: Moto::make_key(&url).unwrap(),
        region: Some(Moto::REGION.into()),
        endpoint: Some(url),
        timeout: TIMEOUT,
        credentials: AwsCredentials::Static {
            access_key_id: "test".into(),
            secret_access_key: Secret::new("test".into()),
        },
    };
    let wrapper = AwsKmsWrapper::open(&options).await.unwrap();
    measure("aws-kms", moto.version(), calls, &wrapper).await;
}

async fn vault_transit(calls: usize, bao: &OpenBao) {
    let access = bao.access();
    access
        .write("transit/keys/bench", &json!({"type": "aes256-gcm96"}))
        .unwrap();
    let wrapper = VaultWrapper::new(&VaultOptions {
        address: access.address,
        namespace: None,
        mount: "transit".into(),
        key: "bench".into(),
        auth: VaultAuth::Token(VaultCredential::Text(Secret::new(access.root_token))),
        ca_file: None,
        timeout: TIMEOUT,
    });
    measure("vault-transit", bao.version(), calls, &wrapper.unwrap()).await;
}

async fn measure(provider: &str, component: &str, calls: usize, wrapper: &dyn KeyWrapper) {
    let key = Secret::new([0x6B; 32]);
    let sealed = wrapper.wrap(&key, &CONTEXT).await.unwrap();
    let mut took = Vec::with_capacity(calls);
    // The first tenth warms connections and sessions up.
    for call in 0..calls + calls / 10 {
        let start = Instant::now();
        let unwrapped = wrapper.unwrap(&sealed, &CONTEXT).await.unwrap();
        let elapsed = start.elapsed();
        assert!(unwrapped == key);
        if call >= calls / 10 {
            took.push(elapsed);
        }
    }
    took.sort_unstable();
    let at = |percent: usize| {
        let index = (took.len() * percent / 100).min(took.len() - 1);
        (took[index].as_secs_f64() * 1e7).round() / 10.0
    };
    println!(
        "{}",
        json!({
            "provider": provider, "component": component, "calls": calls,
            "median_us": at(50), "p99_us": at(99),
        })
    );
}

fn skipped(provider: &str, why: &dyn Display) {
    println!("{}", json!({"provider": provider, "skipped": why.to_string()}));
}
