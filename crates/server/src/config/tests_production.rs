//! What production refuses, and what others could read: on the network, in files, in arguments.

use std::os::unix::fs::PermissionsExt as _;

use super::{
    tests::{from_env, paths, production},
    *,
};

fn load_with(pairs: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    load(&Sources {
        file: None,
        env: pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        flags: flags
            .iter()
            .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
            .collect(),
    })
}

#[test]
fn production_starts_when_it_is_complete() {
    let loaded = production(&[
        ("VUTF__SERVER__HOST", "0.0.0.0"),
        ("VUTF__SERVER__BEHIND_TLS_PROXY", "true"),
        ("VUTF__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        (
            "VUTF__DATABASE__URL",
            "postgres://app:planted-secret@db/vutf?sslmode=verify-full",
        ),
        ("VUTF__CACHE__URL", "rediss://:planted-secret@cache/0"),
        ("VUTF__IDENTITY__REGISTRATION", "closed"),
    ])
    .unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.config.server.trusted_proxies.len(), 2);
    assert!(loaded.config.email_must_be_verified());
}

#[test]
fn production_refuses_what_is_unsafe() {
    for (more, path) in [
        (("VUTF__SERVER__HOST", "0.0.0.0"), "server.host"),
        (
            ("VUTF__SERVER__PUBLIC_URL", "http://api.example.com"),
            "server.public_url",
        ),
        (
            ("VUTF__SERVER__CORS_ORIGINS", "http://app.example.com"),
            "server.cors_origins",
        ),
        (("VUTF__MAIL__DELIVERY", "log"), "mail.delivery"),
        (("VUTF__MAIL__DELIVERY", "file"), "mail.link_url"),
        (
            ("VUTF__MAIL__LINK_URL", "http://app.example.com"),
            "mail.link_url",
        ),
        (("VUTF__RATE_LIMIT__ENABLED", "false"), "rate_limit.enabled"),
        (
            ("VUTF__IDENTITY__EMAIL_VERIFICATION", "off"),
            "identity.email_verification",
        ),
        (("VUTF__KEYS__KEK_PASSPHRASE", "a"), "keys.kek_passphrase"),
        (
            ("VUTF__KEYS__KEK_PASSPHRASE", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            "keys.kek_passphrase",
        ),
        (("VUTF__LOG__LEVEL", "info,actix_http=TRACE"), "log.level"),
        (("VUTF__LOG__LEVEL", "DEBUG"), "log.level"),
        (("VUTF__LOG__LEVEL", "5"), "log.level"),
        (("VUTF__LOG__LEVEL", "info,vutf_server=trace"), "log.level"),
        (("VUTF__LOG__LEVEL", "info,vutf_server"), "log.level"),
        (("VUTF__LOG__LEVEL", "info,[request{id=1}]=debug"), "log.level"),
    ] {
        assert_eq!(paths(production(&[more])), [path], "{more:?}");
        assert!(from_env(&[more]).is_ok(), "development allows {more:?}");
    }
    let errors = from_env(&[("VUTF__PROFILE", "production")]).unwrap_err();
    let text = errors.to_string();
    for part in [
        "VUTF__KEYS__KEK_PASSPHRASE",
        "VUTF__KEYS__KEK_KEY",
        "openssl rand -base64 32",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn production_logs_its_own_crates_at_debug_if_asked() {
    for level in [
        "warn",
        "info,vutf_server=debug",
        "off,vutf_identity=DEBUG,redis=error",
    ] {
        assert!(production(&[("VUTF__LOG__LEVEL", level)]).is_ok(), "{level}");
    }
}

#[test]
fn production_remarks_on_what_is_unwise() {
    let warnings = production(&[]).unwrap().warnings;
    for part in ["SQLite", "cache.url", "registration"] {
        assert!(
            warnings.iter().any(|warning| warning.contains(part)),
            "{part}: {warnings:?}"
        );
    }
}

#[test]
fn production_talks_in_the_clear_on_a_private_network_only() {
    for (name, value, path) in [
        (
            "VUTF__DATABASE__URL",
            "postgres://app@db/vutf?sslmode=disable",
            "database.url",
        ),
        (
            "VUTF__DATABASE__URL",
            "postgres://app@db/vutf?ssl-mode=allow",
            "database.url",
        ),
        ("VUTF__CACHE__URL", "redis://cache/0", "cache.url"),
        (
            "VUTF__TELEMETRY__OTLP_ENDPOINT",
            "http://otel:4318",
            "telemetry.otlp_endpoint",
        ),
        ("VUTF__MANAGEMENT__HOST", "0.0.0.0", "management.host"),
    ] {
        let errors = production(&[(name, value)]).unwrap_err();
        assert_eq!(errors.0[0].path, path, "{errors}");
        assert_eq!(errors.0.len(), 1, "{errors}");
        assert!(
            production(&[(name, value), ("VUTF__PRIVATE_NETWORK", "true")]).is_ok(),
            "{value}"
        );
        assert!(
            load_with(&[(name, value)], &[]).is_ok(),
            "development allows {value}"
        );
    }
    for (name, value) in [
        (
            "VUTF__DATABASE__URL",
            "postgres://app@127.0.0.1/vutf?sslmode=disable",
        ),
        ("VUTF__DATABASE__URL", "postgres://app@[::1]/vutf?sslmode=disable"),
        ("VUTF__CACHE__URL", "redis://127.0.0.1/0"),
        ("VUTF__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:4318"),
    ] {
        assert!(production(&[(name, value)]).is_ok(), "{value}");
    }
    let warnings = production(&[("VUTF__DATABASE__URL", "postgres://app@db/vutf")])
        .unwrap()
        .warnings;
    assert!(
        warnings.iter().any(|text| text.contains("sslmode")),
        "{warnings:?}"
    );
}

#[test]
fn a_secret_is_no_argument() {
    for (path, value) in [
        ("keys.kek_passphrase", "planted-secret-passphrase"),
        ("database.url", "postgres://app:planted-secret@db/vutf"),
        ("cache.url", "planted-secret"),
    ] {
        let errors = load_with(&[], &[(path, value)]).unwrap_err();
        assert_eq!(errors.0[0].path, path);
        assert!(!errors.to_string().contains("planted-secret"));
    }
    assert!(load_with(&[], &[("database.url", "sqlite://x.db?mode=rwc")]).is_ok());
}

#[test]
fn a_file_with_secrets_that_everybody_can_read_is_remarked_on() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("violentutf.toml");
    for (text, mode, remarked) in [
        ("[keys]\nkek_passphrase = \"planted-secret\"", 0o644, true),
        ("[keys]\nkek_passphrase = \"planted-secret\"", 0o640, false),
        ("[server]\nport = 8081", 0o644, false),
    ] {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let sources = Sources {
            file: Some(file.clone()),
            ..Sources::default()
        };
        let warnings = load(&sources).unwrap().warnings;
        assert_eq!(
            warnings.iter().any(|text| text.contains("chmod 600")),
            remarked,
            "{mode:o} {text}"
        );
    }
}
