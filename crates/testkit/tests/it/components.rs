//! The key providers start for real, come back, and keep or lose what they should.

use serde_json::json;
use vutf_testkit::servers::{Moto, OpenBao, SoftHsm, require_moto, require_openbao, require_softhsm};

#[test]
fn openbao_keeps_its_keys_over_a_restart_and_is_sealed_after_it() {
    if require_openbao().is_none() {
        return;
    }
    let mut server = OpenBao::start().unwrap();
    assert!(server.version().starts_with("OpenBao v"), "{}", server.version());
    let access = server.access();
    access
        .write("transit/keys/kept", &json!({"type": "aes256-gcm96"}))
        .unwrap();
    server.stop();
    assert!(server.pid().is_none());
    assert!(access.ask("GET", "sys/health", "", None).is_err());
    server.restart().unwrap();
    let sealed = access.ask("GET", "transit/keys/kept", server.root_token(), None);
    assert!(sealed.unwrap_err().to_string().contains("503"));
    server.unseal().unwrap();
    let key = access
        .ask("GET", "transit/keys/kept", server.root_token(), None)
        .unwrap();
    assert_eq!(key["data"]["type"], "aes256-gcm96");
    let log = std::fs::read_to_string(server.audit_log()).unwrap();
    assert!(log.contains("transit/keys/kept"));
    assert!(
        !log.contains(server.root_token()),
        "the audit device hashes tokens"
    );
    assert!(server.program().is_file());
}

#[test]
fn moto_gives_a_key_the_same_arn_after_a_restart_with_the_same_seed() {
    if require_moto().is_none() {
        return;
    }
    let mut server = Moto::start().unwrap();
    assert!(server.version().starts_with("moto "), "{}", server.version());
    let url = server.url();
    let make = || {
        Moto::seed(&url, 7).unwrap();
        Moto::make_key(&url).unwrap()
    };
    let before = make();
    server.restart().unwrap();
    let lost = Moto::kms(&url, "DescribeKey", &json!({"KeyId": before}));
    assert!(lost.is_err());
    assert_eq!(make(), before);
    server.stop();
    assert!(Moto::make_key(&url).is_err());
    assert!(server.pause().is_err());
}

#[test]
fn softhsm_has_the_tokens_and_keys_that_were_made() {
    if require_softhsm().is_none() {
        return;
    }
    let hsm = SoftHsm::start().unwrap();
    hsm.make_token("made", "1234").unwrap();
    hsm.make_key("made", "1234", "key", &["--sensitive"]).unwrap();
    assert!(hsm.token_directory("made").unwrap().is_dir());
    assert!(hsm.token_directory("other").is_err());
    assert!(hsm.make_key("made", "9999", "key", &[]).is_err());
    hsm.reset_pin("made", "9999").unwrap();
    hsm.make_key("made", "9999", "key-2", &["--sensitive"]).unwrap();
    let home = hsm.conf().parent().unwrap().to_owned();
    drop(hsm);
    assert!(!home.exists());
}
