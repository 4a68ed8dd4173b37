//! Providers of key-encryption keys: what each needs, and every mistake at once.

use super::{
    tests::{from_env, paths, production},
    *,
};

const VAULT: [(&str, &str); 4] = [
    ("VUTF__KEYS__PROVIDER", "vault-transit"),
    (
        "VUTF__KEYS__VAULT_TRANSIT__ADDRESS",
        "https://vault.example.com:8200",
    ),
    ("VUTF__KEYS__VAULT_TRANSIT__KEY", "kek"),
    ("VUTF__KEYS__VAULT_TRANSIT__TOKEN", "planted-secret"),
];

/// Without what only the build decides.
fn mistakes(pairs: &[(&str, &str)]) -> Vec<String> {
    let Err(errors) = from_env(pairs) else {
        return Vec::new();
    };
    let told = errors.0.into_iter();
    told.filter(|error| !error.problem.contains("this build does not have"))
        .map(|error| error.path)
        .collect()
}

#[test]
fn each_provider_names_all_that_it_lacks() {
    for (provider, lacks) in [
        ("file", &[][..]),
        (
            "pkcs11",
            &[
                "keys.pkcs11.module",
                "keys.pkcs11.token",
                "keys.pkcs11.key",
                "keys.pkcs11.pin",
            ],
        ),
        ("aws-kms", &["keys.aws_kms.key"]),
        (
            "vault-transit",
            &[
                "keys.vault_transit.address",
                "keys.vault_transit.key",
                "keys.vault_transit.token",
            ],
        ),
    ] {
        assert_eq!(
            mistakes(&[("VUTF__KEYS__PROVIDER", provider)]),
            lacks,
            "{provider}"
        );
        if provider != "file" {
            assert_eq!(
                mistakes(&[("VUTF__KEYS__ALSO_WRAP", provider)]),
                lacks,
                "{provider}"
            );
            assert_eq!(
                mistakes(&[("VUTF__KEYS__MOVING_FROM", provider)]),
                lacks,
                "{provider}"
            );
        }
    }
    assert_eq!(mistakes(&[("VUTF__KEYS__PROVIDER", "aws")]), ["keys.provider"]);
}

#[test]
fn a_provider_is_named_once() {
    for (more, path) in [
        (("VUTF__KEYS__ALSO_WRAP", "file"), "keys.also_wrap"),
        (("VUTF__KEYS__MOVING_FROM", "file"), "keys.moving_from"),
    ] {
        assert_eq!(mistakes(&[more]), [path]);
    }
}

#[test]
fn there_is_one_way_to_sign_in() {
    let with = |more: &[(&str, &str)]| mistakes(&[&VAULT[..], more].concat());
    assert!(with(&[]).is_empty());
    assert_eq!(
        with(&[("VUTF__KEYS__VAULT_TRANSIT__TOKEN_FILE", "/run/token")]),
        ["keys.vault_transit.token_file"]
    );
    assert_eq!(
        with(&[("VUTF__KEYS__VAULT_TRANSIT__SECRET_ID", "planted-secret")]),
        ["keys.vault_transit.secret_id"]
    );
    let role = [&VAULT[..3], &[("VUTF__KEYS__VAULT_TRANSIT__ROLE_ID", "role")]].concat();
    assert_eq!(mistakes(&role), ["keys.vault_transit.secret_id"]);
    let whole = [
        &role[..],
        &[("VUTF__KEYS__VAULT_TRANSIT__SECRET_ID_FILE", "/run/secret")],
    ]
    .concat();
    assert!(mistakes(&whole).is_empty());
    let pins = [
        ("VUTF__KEYS__PKCS11__PIN", "1"),
        ("VUTF__KEYS__PKCS11__PIN_FILE", "/run/pin"),
    ];
    let pkcs11 = [
        ("VUTF__KEYS__PROVIDER", "pkcs11"),
        ("VUTF__KEYS__PKCS11__MODULE", "/m.so"),
        ("VUTF__KEYS__PKCS11__TOKEN", "t"),
        ("VUTF__KEYS__PKCS11__KEY", "k"),
    ];
    assert_eq!(mistakes(&[&pkcs11[..], &pins].concat()), ["keys.pkcs11.pin_file"]);
    assert!(mistakes(&[&pkcs11[..], &pins[1..]].concat()).is_empty());
}

#[test]
fn a_build_without_the_provider_names_the_feature() {
    for provider in [
        KeyProvider::Pkcs11,
        KeyProvider::AwsKms,
        KeyProvider::VaultTransit,
    ] {
        let errors = from_env(&[("VUTF__KEYS__PROVIDER", provider.as_str())]).unwrap_err();
        let named = format!("--features {}", provider.feature().unwrap());
        assert_eq!(
            errors.to_string().contains(&named),
            !provider.is_built_in(),
            "{errors}"
        );
    }
    assert!(KeyProvider::File.is_built_in() && KeyProvider::File.feature().is_none());
}

#[test]
fn production_wants_the_secret_of_the_file_only_where_the_file_is_used() {
    if !KeyProvider::VaultTransit.is_built_in() {
        return;
    }
    let profile = ("VUTF__PROFILE", "production");
    let without_file = [&VAULT[..], &[profile]].concat();
    assert!(from_env(&without_file).is_ok());
    let with_file = [&without_file[..], &[("VUTF__KEYS__MOVING_FROM", "file")]].concat();
    assert_eq!(paths(from_env(&with_file)), ["keys.kek_passphrase"]);
    let warnings = production(&VAULT).unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("no provider is `file`")),
        "{warnings:?}"
    );
}

#[test]
fn production_sends_keys_in_the_clear_to_nobody_else() {
    for (setting, path) in [
        ("VUTF__KEYS__VAULT_TRANSIT__ADDRESS", "keys.vault_transit.address"),
        ("VUTF__KEYS__AWS_KMS__ENDPOINT", "keys.aws_kms.endpoint"),
    ] {
        assert_eq!(paths(production(&[(setting, "http://10.0.0.7:8200")])), [path]);
        assert!(production(&[(setting, "http://127.0.0.1:8200")]).is_ok());
        assert!(production(&[(setting, "https://10.0.0.7:8200")]).is_ok());
    }
}

#[test]
fn pins_and_tokens_are_in_no_listing() {
    let pairs = [
        ("VUTF__KEYS__PKCS11__PIN", "planted-secret"),
        ("VUTF__KEYS__VAULT_TRANSIT__TOKEN", "planted-secret"),
        ("VUTF__KEYS__VAULT_TRANSIT__SECRET_ID", "planted-secret"),
    ];
    let loaded = from_env(&pairs).unwrap();
    assert!(!format!("{loaded:?}{}{}", loaded.show(), loaded.show_json()).contains("planted-secret"));
}
