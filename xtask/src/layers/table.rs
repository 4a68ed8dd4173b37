//! The table of `docs/ARCHITECTURE.md` as data. What is not named here is forbidden: a new crate, or a new import of
//! a crate, starts with a line here; and a line that nobody needs is a fault, too.

/// For each crate, the crates of ours that it may import.
pub(super) const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("vutf-kernel", &[]),
    ("vutf-identity", &["vutf-kernel"]),
    ("vutf-audit", &["vutf-kernel"]),
    ("vutf-crypto-keys", &["vutf-kernel"]),
    ("vutf-compliance", &["vutf-kernel"]),
    (
        "vutf-app",
        &["vutf-kernel", "vutf-identity", "vutf-audit", "vutf-crypto-keys"],
    ),
    (
        "vutf-store-seaorm",
        &[
            "vutf-kernel",
            "vutf-identity",
            "vutf-audit",
            "vutf-crypto-keys",
            "vutf-compliance",
            "vutf-app",
            "vutf-migration",
        ],
    ),
    ("vutf-cache-redis", &["vutf-kernel"]),
    ("vutf-kms", &["vutf-kernel", "vutf-crypto-keys"]),
    ("vutf-mail-smtp", &["vutf-kernel"]),
    ("vutf-webauthn", &["vutf-identity"]),
    ("vutf-migration", &[]),
    (
        "vutf-server",
        &[
            "vutf-kernel",
            "vutf-identity",
            "vutf-audit",
            "vutf-crypto-keys",
            "vutf-compliance",
            "vutf-app",
            "vutf-store-seaorm",
            "vutf-cache-redis",
            "vutf-kms",
            "vutf-mail-smtp",
            "vutf-webauthn",
        ],
    ),
    (
        "vutf-testkit",
        &[
            "vutf-kernel",
            "vutf-identity",
            "vutf-audit",
            "vutf-crypto-keys",
            "vutf-app",
            "vutf-migration",
        ],
    ),
    ("xtask", &["vutf-identity", "vutf-kernel", "vutf-testkit"]),
];

/// The crate that every crate may import for its tests.
pub(super) const TESTKIT: &str = "vutf-testkit";

/// The crates that hold rules: no runtime, no HTTP, no ORM.
pub(super) const DOMAIN: &[&str] = &[
    "vutf-kernel",
    "vutf-identity",
    "vutf-audit",
    "vutf-crypto-keys",
    "vutf-compliance",
    "vutf-app",
];

/// The folders of those crates.
pub(super) const DOMAIN_FOLDERS: &[&str] = &[
    "crates/kernel/src",
    "crates/identity/src",
    "crates/audit/src",
    "crates/crypto-keys/src",
    "crates/compliance/src",
    "crates/app/src",
];

/// The crates from outside that domain crates may import; each is plain computation.
pub(super) const DOMAIN_EXTERNAL: &[&str] = &[
    "argon2",
    "async-trait",
    "aws-lc-rs",
    "base64",
    "bcrypt",
    "chacha20",
    "chacha20poly1305",
    "ed25519-compact",
    "getrandom",
    "hmac",
    "moka",
    "pasetors",
    "pbkdf2",
    "scrypt",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "subtle",
    "thiserror",
    "time",
    "toml",
    "totp-rs",
    "unicode-normalization",
    "uuid",
    "validator",
    "zeroize",
    "zxcvbn",
];

/// A crate from outside that only its home may import.
pub(super) struct Home {
    /// Its name; a trailing `*` stands for any ending.
    pub(super) external: &'static str,
    /// Who may import it.
    pub(super) homes: &'static [&'static str],
    /// Whether tests may import it anywhere.
    pub(super) free_in_tests: bool,
}

const fn home(external: &'static str, homes: &'static [&'static str]) -> Home {
    Home {
        external,
        homes,
        free_in_tests: false,
    }
}

/// External crates with one home.
pub(super) const HOMES: &[Home] = &[
    home("sea-orm*", &["vutf-store-seaorm", "vutf-migration", TESTKIT]),
    home("sqlx*", &["vutf-store-seaorm"]),
    home("actix-*", &["vutf-server"]),
    home("utoipa*", &["vutf-server"]),
    home("redis", &["vutf-cache-redis"]),
    home("cryptoki", &["vutf-kms"]),
    home("aws-sdk-*", &["vutf-kms"]),
    home("aws-config", &["vutf-kms"]),
    home("aws-smithy-*", &["vutf-kms"]),
    home("lettre", &["vutf-mail-smtp"]),
    home("ciborium*", &["vutf-webauthn"]),
    home("anyhow", &[TESTKIT, "xtask"]),
    home("clap*", &["vutf-server", "xtask"]),
    Home {
        external: "reqwest",
        homes: &["vutf-kms", "vutf-server", TESTKIT],
        free_in_tests: true,
    },
    Home {
        external: "tokio",
        homes: &[
            "vutf-store-seaorm",
            "vutf-cache-redis",
            "vutf-kms",
            "vutf-mail-smtp",
            "vutf-server",
            TESTKIT,
        ],
        free_in_tests: true,
    },
];

/// Crates that no crate of ours may name: there is one provider of TLS and cryptography, aws-lc-rs.
pub(super) const BANNED: &[&str] = &["openssl", "native-tls", "ring", "rsa"];
