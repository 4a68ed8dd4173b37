//! The whole way: sources in, typed settings or every mistake out.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use proptest::prelude::*;

use super::*;

/// Production, complete: tests break one thing at a time.
pub(super) const PRODUCTION: [(&str, &str); 2] = [
    ("VUTF__PROFILE", "production"),
    ("VUTF__KEYS__KEK_PASSPHRASE", "planted-secret-passphrase"),
];

pub(super) fn from_env(pairs: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    load(&Sources {
        env: pairs
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        ..Sources::default()
    })
}

fn from_file(toml: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("violentutf.toml");
    std::fs::write(&file, toml).unwrap();
    load(&Sources {
        file: Some(file),
        env: env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        flags: flags
            .iter()
            .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
            .collect(),
    })
}

pub(super) fn production(more: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    from_env(&[&PRODUCTION[..], more].concat())
}

pub(super) fn paths(result: Result<Loaded, ConfigErrors>) -> Vec<String> {
    result
        .unwrap_err()
        .0
        .into_iter()
        .map(|error| error.path)
        .collect()
}

#[test]
fn defaults_are_valid_and_are_those_of_the_wire_conventions() {
    let loaded = from_env(&[]).unwrap();
    let config = &loaded.config;
    assert_eq!(config.profile, Profile::Development);
    assert_eq!(config.server.host.to_string(), "127.0.0.1");
    assert_eq!((config.server.port, config.management.port), (8080, 9464));
    assert_eq!(
        config.database_url().expose(),
        "sqlite://./data/violentutf.db?mode=rwc"
    );
    assert_eq!(config.server.body_limit.as_usize(), 1 << 20);
    let limits = &config.rate_limit;
    assert_eq!(
        (
            limits.login,
            limits.register,
            limits.refresh,
            limits.admin,
            limits.default
        ),
        (5, 3, 10, 60, 300)
    );
    let argon2 = &config.identity.argon2;
    assert_eq!(
        (argon2.memory_kib, argon2.iterations, argon2.parallelism),
        (65_536, 3, 1)
    );
    assert_eq!(config.identity.access_token_ttl, Duration::from_mins(10));
    assert_eq!(config.issuer(), "violentutf");
    assert!(!config.email_must_be_verified());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let loaded = from_file(
        "[server]\nport = 1000\nworkers = 3\n[log]\nlevel = \"warn\"",
        &[("VUTF__SERVER__PORT", "2000"), ("VUTF__LOG__LEVEL", "")],
        &[("server.workers", "5")],
    )
    .unwrap();
    assert_eq!(loaded.config.server.port, 2_000);
    assert_eq!(loaded.config.server.workers, 5);
    assert_eq!(
        loaded.config.log.level, "warn",
        "an empty variable counts as unset"
    );
    let origin = |path| {
        &loaded
            .entries
            .iter()
            .find(|entry| entry.path == path)
            .unwrap()
            .origin
    };
    assert_eq!(*origin("server.port"), Origin::Env("VUTF__SERVER__PORT".into()));
    assert_eq!(*origin("server.workers"), Origin::Flag);
    assert!(matches!(origin("log.level"), Origin::File(_)));
    assert_eq!(*origin("server.host"), Origin::Default);
}

#[test]
fn every_mistake_is_reported_at_once() {
    let errors = from_file(
        "profil = \"production\"\n[server]\nport = 70000\nhost = 5\n[identity.argon2]\nmemory_kib = 8\n[database]\nurl = \"mysql://x\"",
        &[("VUTF__CACHE__TIMEOUT", "soon"), ("VUTF__SERVER__PROT", "1")],
        &[],
    )
    .unwrap_err();
    let found: Vec<_> = errors.0.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        found,
        [
            "server.host",
            "server.port",
            "cache.timeout",
            "identity.argon2.memory_kib",
            "profil",
            "VUTF__SERVER__PROT",
            "database.url"
        ]
    );
    let text = errors.to_string();
    for part in [
        "7 mistakes",
        "did you mean `profile`?",
        "did you mean `VUTF__SERVER__PORT`?",
        "under the floor of 12288",
        "OWASP ASVS 5.0",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn names_that_lead_nowhere_are_mistakes() {
    assert_eq!(paths(from_file("server = 5", &[], &[])), ["server"]);
    assert_eq!(
        paths(from_file("[server.port]\nx = 1", &[], &[])),
        ["server.port.x"]
    );
    assert_eq!(paths(from_file("[nonsense]", &[], &[])), ["nonsense"]);
    assert_eq!(paths(from_env(&[("VUTF__", "x")])), ["VUTF__"]);
    assert!(
        from_file("[server]\n[cache]", &[], &[]).is_ok(),
        "an empty section is no mistake"
    );
    assert!(from_env(&[("VUTF_TEST_REDIS_URL", "x"), ("PATH", "/bin")]).is_ok());
}

#[test]
fn a_file_that_cannot_be_used_is_one_mistake_beside_the_others() {
    let missing = load(&Sources {
        file: Some(PathBuf::from("/nonexistent/violentutf.toml")),
        env: vec![("VUTF__SERVER__PORT".into(), "x".into())],
        flags: Vec::new(),
    });
    assert_eq!(paths(missing), ["/nonexistent/violentutf.toml", "server.port"]);

    let broken = from_file(
        "[keys]\nkek_key = \"planted-secret-half",
        &[("VUTF__SERVER__PORT", "x")],
        &[],
    )
    .unwrap_err();
    assert!(broken.0[0].path.ends_with("violentutf.toml:2"), "{broken}");
    assert!(!format!("{broken}{broken:?}").contains("planted-secret"));
    assert_eq!(broken.0[1].path, "server.port");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_a_mistake_and_no_panic() {
    use std::os::unix::ffi::OsStringExt as _;
    let sources = Sources {
        env: vec![("VUTF__SERVER__PORT".into(), OsString::from_vec(vec![0xff, 0xfe]))],
        ..Sources::default()
    };
    assert_eq!(paths(load(&sources)), ["VUTF__SERVER__PORT"]);
}

#[test]
fn floors_and_ceilings_are_refused_and_their_edges_are_not() {
    for (name, wrong, right) in [
        ("VUTF__IDENTITY__MIN_PASSWORD_LENGTH", "14", "15"),
        ("VUTF__IDENTITY__REFRESH_GRACE", "61s", "60s"),
        ("VUTF__IDENTITY__LOCKOUT__FREE_ATTEMPTS", "11", "10"),
        ("VUTF__IDENTITY__LOCKOUT__DISABLE_AFTER", "101", "100"),
        ("VUTF__IDENTITY__ACCESS_TOKEN_TTL", "61m", "60m"),
        ("VUTF__IDENTITY__ARGON2__ITERATIONS", "0", "1"),
        ("VUTF__TELEMETRY__SAMPLE_RATIO", "1.5", "1"),
        ("VUTF__SERVER__JSON_DEPTH", "65", "64"),
    ] {
        assert!(from_env(&[(name, wrong)]).is_err(), "{name}={wrong}");
        assert!(from_env(&[(name, right)]).is_ok(), "{name}={right}");
    }
}

#[test]
fn fewer_passes_of_argon2_need_more_memory() {
    for (iterations, memory, fits) in [
        ("1", "47103", false),
        ("1", "47104", true),
        ("2", "19455", false),
        ("2", "19456", true),
        ("3", "12287", false),
        ("3", "12288", true),
    ] {
        let loaded = from_env(&[
            ("VUTF__IDENTITY__ARGON2__ITERATIONS", iterations),
            ("VUTF__IDENTITY__ARGON2__MEMORY_KIB", memory),
        ]);
        assert_eq!(loaded.is_ok(), fits, "t={iterations} m={memory}");
    }
}

#[test]
fn settings_that_contradict_one_another_are_refused() {
    for (pairs, path) in [
        (
            &[("VUTF__IDENTITY__REFRESH_ABSOLUTE", "1d")][..],
            "identity.refresh_idle",
        ),
        (
            &[("VUTF__IDENTITY__SESSIONS__AAL2_ABSOLUTE", "30m")],
            "identity.sessions.aal2_idle",
        ),
        (&[("VUTF__SERVER__PORT", "9464")], "management.port"),
        (
            &[("VUTF__SERVER__BEHIND_TLS_PROXY", "true")],
            "server.trusted_proxies",
        ),
        (
            &[("VUTF__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0")],
            "server.trusted_proxies",
        ),
        (
            &[("VUTF__SERVER__TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1")],
            "server.trusted_proxies",
        ),
        (
            &[
                ("VUTF__IDENTITY__ARGON2__MEMORY_KIB", "1048576"),
                ("VUTF__IDENTITY__ARGON2__ITERATIONS", "100"),
            ],
            "identity.argon2.memory_kib",
        ),
        (
            &[("VUTF__IDENTITY__LOCKOUT__DELAYS", "1m,30s")],
            "identity.lockout.delays",
        ),
        (&[("VUTF__LOG__LEVEL", "info,=")], "log.level"),
        (&[("VUTF__CACHE__URL", "memcached://x")], "cache.url"),
        (
            &[("VUTF__KEYS__KEK_KEY", "a"), ("VUTF__KEYS__KEK_PASSPHRASE", "b")],
            "keys.kek_key",
        ),
    ] {
        assert_eq!(paths(from_env(pairs)), [path], "{pairs:?}");
    }
}

#[test]
fn secrets_are_in_no_listing() {
    let loaded = production(&[
        ("VUTF__DATABASE__URL", "postgres://app:planted-secret@db/vutf"),
        ("VUTF__CACHE__URL", "rediss://:planted-secret@cache/0"),
    ])
    .unwrap();
    let everything = format!(
        "{loaded:?}{:#?}{}{}{}",
        loaded.config,
        loaded.show(),
        loaded.show_json(),
        loaded.check_report()
    );
    assert!(!everything.contains("planted-secret"));
    assert!(loaded.show().contains("postgres://app:***@db/vutf"));
}

#[test]
fn secrets_are_in_no_mistake() {
    let errors = from_env(&[
        ("VUTF__PROFILE", "planted-secret"),
        ("VUTF__DATABASE__URL", "planted-secret"),
        ("VUTF__CACHE__URL", "http://:planted-secret@x"),
        ("VUTF__KEYS__KEK_PASSPHRAS", "planted-secret"),
        ("VUTF__TELEMETRY__OTLP_ENDPOINT", "https://u:planted-secret@x"),
    ])
    .unwrap_err();
    assert_eq!(errors.0.len(), 5);
    // The profile is no secret: what was found there helps.
    assert_eq!(errors.to_string().matches("planted-secret").count(), 1);
}

#[test]
fn the_reference_names_every_setting() {
    let reference = schema();
    let loaded = from_env(&[]).unwrap();
    assert!(loaded.entries.len() > 60, "{}", loaded.entries.len());
    for entry in &loaded.entries {
        assert!(reference.contains(&format!("| `{}`<br>`{}` |", entry.path, entry.env)));
        assert!(!entry.doc.is_empty(), "{} is not documented", entry.path);
    }
}

#[test]
fn every_default_reads_back_as_itself() {
    let defaults = from_env(&[]).unwrap();
    for entry in defaults.entries.iter().filter(|entry| entry.default != "(unset)") {
        let text = entry.default.trim_matches(['[', ']']).to_owned();
        let again = from_env(&[(&entry.env, &text)]).unwrap();
        let entry_again = again
            .entries
            .iter()
            .find(|other| other.path == entry.path)
            .unwrap();
        assert_eq!(entry_again.effective, entry.default, "{}", entry.path);
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(toml in ".{0,200}") {
        let _ = from_file(&toml, &[], &[]);
    }

    #[test]
    fn arbitrary_values_never_panic(index in 0_usize..80, value in "\\PC{0,40}") {
        let entries = from_env(&[]).unwrap().entries;
        let entry = &entries[index % entries.len()];
        let _ = from_env(&[(&entry.env, &value)]);
        let _ = from_file(&format!("{} = {value}", entry.path), &[], &[]);
    }

    #[test]
    fn arbitrary_tables_never_panic(keys in proptest::collection::vec("[a-z_.]{1,12}", 0..12), value in "(-?[0-9]{1,20}|true|\"[a-z]{0,9}\"|\\[\\]|\\{\\}|1979-05-27|nan|-?inf)") {
        let toml = keys.iter().fold(String::new(), |toml, key| format!("{toml}{key} = {value}\n"));
        let _ = from_file(&toml, &[], &[]);
    }
}
