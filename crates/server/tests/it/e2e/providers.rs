//! Key-encryption keys that real providers keep: the service starts on each, survives the loss of one of two, and moves from
//! one to another.

use serde_json::json;
#[cfg(feature = "aws-kms")]
use vutf_testkit::servers::{Moto, require_moto};
#[cfg(feature = "pkcs11")]
use vutf_testkit::servers::{SoftHsm, require_softhsm};
use vutf_testkit::{
    process::ServerBuilder,
    servers::{OpenBao, OpenBaoAccess, require_openbao},
};

use super::World;

const PROVIDER: &str = "VUTF__KEYS__PROVIDER";

fn with_vault(site: ServerBuilder, bao: &OpenBaoAccess) -> ServerBuilder {
    site.env("VUTF__KEYS__VAULT_TRANSIT__ADDRESS", &bao.address)
        .env("VUTF__KEYS__VAULT_TRANSIT__KEY", "kek")
        .env("VUTF__KEYS__VAULT_TRANSIT__TOKEN", &bao.root_token)
        .env("VUTF__KEYS__VAULT_TRANSIT__TIMEOUT", "2s")
}

fn bao_with_key() -> OpenBao {
    let bao = OpenBao::start().unwrap();
    bao.access()
        .write("transit/keys/kek", &json!({"type": "aes256-gcm96"}))
        .unwrap();
    bao
}

/// Starts, says which technology wraps, ends, and starts again on what it wrapped.
fn starts_twice(site: &ServerBuilder, technology: &str) {
    for _ in 0..2 {
        let mut server = site.spawn().unwrap();
        assert_eq!(server.terminate().unwrap(), Some(0), "{}", server.own_logs());
    }
    let status = site.command(&["keys", "status"]).unwrap();
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.success() && text.contains(technology), "{text}");
    let doctor = site.command(&["doctor"]).unwrap();
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(text.contains("the key opens"), "{text}");
}

#[test]
fn the_service_starts_and_comes_back_on_vault_transit() {
    if require_openbao().is_none() {
        return;
    }
    let (world, bao) = (World::sqlite(), bao_with_key());
    let site = with_vault(world.server(), &bao.access()).env(PROVIDER, "vault-transit");
    starts_twice(&site, "vault-transit");
}

#[cfg(feature = "aws-kms")]
#[test]
fn the_service_starts_and_comes_back_on_aws_kms() {
    let Some(url) = require_moto() else { return };
    let world = World::sqlite();
    let site = world
        .server()
        .env(PROVIDER, "aws-kms")
        .env("VUTF__KEYS__AWS_KMS__KEY", &Moto::make_key(url).unwrap())
        .env("VUTF__KEYS__AWS_KMS__REGION", Moto::REGION)
        .env("VUTF__KEYS__AWS_KMS__ENDPOINT", url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    starts_twice(&site, "aws-kms");
}

#[cfg(feature = "pkcs11")]
#[test]
fn the_service_starts_and_comes_back_on_pkcs11_and_tells_of_a_wrong_pin() {
    if require_softhsm().is_none() {
        return;
    }
    let (world, hsm) = (World::sqlite(), SoftHsm::start().unwrap());
    hsm.make_token("kek", "1234").unwrap();
    hsm.make_key("kek", "1234", "kek-v1", &["--sensitive"]).unwrap();
    let site = world
        .server()
        .env(PROVIDER, "pkcs11")
        .env("VUTF__KEYS__PKCS11__MODULE", &hsm.module().to_string_lossy())
        .env("VUTF__KEYS__PKCS11__TOKEN", "kek")
        .env("VUTF__KEYS__PKCS11__KEY", "kek-v1")
        .env("VUTF__KEYS__PKCS11__PIN", "1234")
        .env("SOFTHSM2_CONF", &hsm.conf().to_string_lossy());
    starts_twice(&site, "pkcs11");

    let ended = site.env("VUTF__KEYS__PKCS11__PIN", "planted-pin").run().unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the token refused the PIN"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("planted-pin"), "{}", ended.stderr);
}

#[test]
fn of_two_providers_either_is_enough_to_start() {
    if require_openbao().is_none() {
        return;
    }
    let (world, mut bao) = (World::sqlite(), bao_with_key());
    let site = with_vault(world.server(), &bao.access())
        .env(PROVIDER, "vault-transit")
        .env("VUTF__KEYS__ALSO_WRAP", "file");
    starts_twice(&site, "vault-transit");

    bao.stop();
    let mut server = site.spawn().unwrap();
    let told = server.own_logs();
    assert!(told.contains("a key-encryption key is out of reach"), "{told}");
    server.terminate().unwrap();

    let alone = site.clone().env("VUTF__KEYS__ALSO_WRAP", "");
    let ended = alone.run().unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("Vault cannot be reached"),
        "{}",
        ended.stderr
    );

    bao.restart().unwrap();
    let ended = alone.run().unwrap();
    assert!(
        ended.stderr.contains("Vault is sealed; unseal it"),
        "{}",
        ended.stderr
    );
    bao.unseal().unwrap();
    starts_twice(&alone, "vault-transit");
}

#[test]
fn keys_move_from_the_file_to_vault() {
    if require_openbao().is_none() {
        return;
    }
    let (world, bao) = (World::sqlite(), bao_with_key());
    let before = with_vault(world.server(), &bao.access());
    starts_twice(&before, "configuration");

    let moving = before
        .env(PROVIDER, "vault-transit")
        .env("VUTF__KEYS__MOVING_FROM", "file");
    let mut server = moving.spawn().unwrap();
    server.terminate().unwrap();
    let rewrapped = moving.command(&["keys", "rewrap"]).unwrap();
    assert!(
        rewrapped.status.success(),
        "{}",
        String::from_utf8_lossy(&rewrapped.stderr)
    );

    let after = moving
        .env("VUTF__KEYS__MOVING_FROM", "")
        .env("VUTF__KEYS__KEK_KEY", "");
    starts_twice(&after, "vault-transit");
}
