//! `witness`, as far as it does not serve.

use std::os::unix::fs::PermissionsExt as _;

use super::Site;

#[test]
fn a_witness_is_made_once_and_lists_what_it_knows() {
    let site = Site::new();
    assert!(
        site.run(&["witness", "status"])
            .failed(1)
            .contains("there is no witness")
    );
    assert!(
        site.run(&["witness", "init"])
            .failed(2)
            .contains("witness init --name")
    );
    let made = site
        .run(&["witness", "init", "--name", "w1.example.org", "--json"])
        .json();
    assert_eq!(made["made"], true);
    let vkey = made["vkey"].as_str().unwrap();
    assert!(vkey.starts_with("w1.example.org+"), "{vkey}");
    let again = site.run(&["witness", "init", "--json"]).json();
    assert_eq!((&again["made"], &again["vkey"]), (&false.into(), &made["vkey"]));
    assert!(site.run(&["witness", "init"]).ok().contains(vkey));
    let other = site
        .run(&["witness", "init", "--name", "w2.example.org"])
        .failed(1);
    assert!(other.contains("--name w1.example.org"), "{other}");
    let status = site.run(&["witness", "status", "--json"]).json();
    assert_eq!(status, serde_json::json!({"vkey": vkey, "logs": []}));
    let key = site.server.data().join("witness/witness.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(key).unwrap();
    let secret = text.trim().rsplit('+').next().unwrap();
    assert!(!site.run(&["witness", "init"]).ok().contains(secret));
}

#[test]
fn a_witness_does_not_start_without_what_it_needs() {
    let site = Site::new();
    assert!(
        site.run(&["witness", "serve"])
            .failed(2)
            .contains("no log to follow")
    );
    let log = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let serve = |extra: &[&str]| site.run(&[&["witness", "serve", "--log", log], extra].concat());
    assert!(serve(&[]).failed(2).contains("the witness has no key yet"));
    site.run(&["witness", "init", "--name", "w1.example.org"]).ok();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(
        serve(&["--listen", &address])
            .failed(1)
            .contains("choose another with --listen")
    );
    let elsewhere = site.home().join("file");
    std::fs::write(&elsewhere, "").unwrap();
    serve(&["--dir", elsewhere.to_str().unwrap()]).failed(1);
    for wrong in [
        "nonsense",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ] {
        let refused = site.run(&["witness", "serve", "--log", wrong]);
        assert_eq!(refused.code, Some(2), "{}", refused.err);
    }
}

#[test]
fn witnesses_in_the_configuration_are_checked() {
    for (witnesses, mistake) in [
        ("nonsense", "a blank between them"),
        ("a+b https://w.example.org", "not a verifier key"),
        (
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k https://w.example.org",
            "expected the key of a witness",
        ),
    ] {
        let site = Site::new().env("VUTF__AUDIT__WITNESSES", witnesses);
        let refused = site.run(&["config", "check"]);
        assert!(refused.err.contains(mistake), "{witnesses}: {}", refused.err);
    }
    let site = Site::new().env("VUTF__AUDIT__WITNESS_QUORUM", "1");
    let refused = site.run(&["config", "check"]);
    assert!(
        refused.err.contains("larger than the number of witnesses"),
        "{}",
        refused.err
    );
}
