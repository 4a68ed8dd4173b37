//! Rules that hold between settings, whatever the profile.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use vutf_audit::tlog::KeyName;
use vutf_identity::password::Argon2Params;

use super::{
    Cidr, Config, ConfigError, HeadPlace, alerts, export, mail, passkeys, passwords, private::is_local,
    production, providers, witness,
};

/// Adds every broken rule to `errors`, and everything allowed but unwise to `warnings`.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    schemes(config, errors);
    keys(config, errors);
    providers::check(config, errors, warnings);
    alerts::check(config, errors);
    mail::check(config, errors, warnings);
    passkeys::check(config, errors);
    argon2(config, errors);
    passwords::check(config, errors, warnings);
    breaches(config, errors);
    lifetimes(config, errors);
    people(config, errors);
    proxies(config, errors);
    listeners(config, errors);
    audit(config, errors);
    witness::check(config, errors);
    export::check(config, errors);
    if EnvFilter::try_new(&config.log.level).is_err() {
        let mend = "use error, warn, info, debug, trace, or directives such as info,vutf_server=debug";
        errors.push(ConfigError::new("log.level", "is no level", mend));
    }
    if config.is_production() {
        production::check(config, errors, warnings);
    } else {
        exposed(config, warnings);
    }
}

fn audit(config: &Config, errors: &mut Vec<ConfigError>) {
    let audit = &config.audit;
    if audit
        .origin
        .as_deref()
        .is_some_and(|name| KeyName::parse(name).is_none())
    {
        let problem = "is not the name of a log";
        let mend =
            "use 1 to 255 bytes without spaces, control characters and `+`, such as api.example.org/audit";
        errors.push(ConfigError::new("audit.origin", problem, mend));
    }
    if audit.head_store == HeadPlace::Cache && config.cache.url.is_none() {
        let problem = "is `cache` although there is no `cache.url`";
        let mend = "set `cache.url` to a Redis that persists every write and that the database's administrators cannot \
             write to, or use `file`";
        errors.push(ConfigError::new("audit.head_store", problem, mend));
    }
}

fn schemes(config: &Config, errors: &mut Vec<ConfigError>) {
    let mut demand = |path: &str, url: Option<&super::SecretUrl>, known: &[&str]| {
        if let Some(url) = url.filter(|url| !known.contains(&url.scheme())) {
            let problem = format!("scheme `{}` is not supported", url.scheme());
            errors.push(ConfigError::new(
                path,
                problem,
                format!("use one of: {}", known.join(", ")),
            ));
        }
    };
    demand(
        "database.url",
        config.database.url.as_ref(),
        &["postgres", "postgresql", "sqlite"],
    );
    demand("cache.url", config.cache.url.as_ref(), &["redis", "rediss"]);
}

fn keys(config: &Config, errors: &mut Vec<ConfigError>) {
    let keys = &config.keys;
    if keys.kek_key.is_some() && keys.kek_passphrase.is_some() {
        let problem = "is set together with `keys.kek_passphrase`";
        errors.push(ConfigError::new("keys.kek_key", problem, "keep one of the two"));
    }
    if keys.kek_key.is_some() && keys.kek_file.is_some() {
        let problem = "is set although `keys.kek_key` gives the key itself";
        errors.push(ConfigError::new("keys.kek_file", problem, "keep one of the two"));
    }
    if keys.read_grace < keys.write_grace {
        let mend = "make it at least as long as `keys.write_grace`";
        errors.push(ConfigError::new(
            "keys.read_grace",
            "ends before writing does",
            mend,
        ));
    }
}

/// OWASP ASVS 5.0, appendix C: fewer passes need more memory.
fn argon2(config: &Config, errors: &mut Vec<ConfigError>) {
    let argon2 = &config.identity.argon2;
    let floor = match argon2.iterations {
        0 | 1 => 47_104,
        2 => 19_456,
        _ => 12_288,
    };
    if argon2.memory_kib < floor {
        errors.push(ConfigError::new(
            "identity.argon2.memory_kib",
            format!(
                "{} is under the floor of {floor} for {} iterations (OWASP ASVS 5.0, appendix C)",
                argon2.memory_kib, argon2.iterations
            ),
            format!("set it to at least {floor}, or set `identity.argon2.iterations` to 3"),
        ));
    } else if let Err(error) = Argon2Params::new(argon2.memory_kib, argon2.iterations, argon2.parallelism) {
        let mend = "lower it, or `identity.argon2.iterations`";
        errors.push(ConfigError::new(
            "identity.argon2.memory_kib",
            error.to_string(),
            mend,
        ));
    }
}

fn breaches(config: &Config, errors: &mut Vec<ConfigError>) {
    let url = config.identity.breaches.range_url.as_ref();
    if url.is_some_and(|url| !url.is_https() && !is_local(url.as_str()) && !config.private_network) {
        errors.push(ConfigError::new(
            "identity.breaches.range_url",
            "it reaches another machine in the clear",
            "use https://, or set private_network = true if only this deployment can reach that network",
        ));
    }
}

/// A notice that nobody can read is agreed to by nobody.
fn people(config: &Config, errors: &mut Vec<ConfigError>) {
    let notice = &config.identity.system_use;
    if notice.required && notice.text.trim().is_empty() {
        errors.push(ConfigError::new(
            "identity.system_use.required",
            "demands a notice that says nothing",
            "set `identity.system_use.text`",
        ));
    }
    if notice.text.chars().count() > 4_000 {
        let mend = "shorten it to 4,000 characters, and link the rest";
        errors.push(ConfigError::new(
            "identity.system_use.text",
            "is too long to be read",
            mend,
        ));
    }
    if notice.version.is_empty() || notice.version.len() > 64 || !notice.version.is_ascii() {
        let mend = "use 1 to 64 characters of ASCII, such as a date";
        errors.push(ConfigError::new(
            "identity.system_use.version",
            "is no version",
            mend,
        ));
    }
    let inactivity = &config.identity.inactivity;
    if inactivity.warning >= inactivity.after {
        errors.push(ConfigError::new(
            "identity.inactivity.warning",
            "is as long as the time itself",
            "make it shorter than `identity.inactivity.after`",
        ));
    }
}

fn lifetimes(config: &Config, errors: &mut Vec<ConfigError>) {
    let identity = &config.identity;
    if identity.refresh_idle > identity.refresh_absolute {
        let mend = "make it at most as long as `identity.refresh_absolute`";
        errors.push(ConfigError::new(
            "identity.refresh_idle",
            "outlives the token family",
            mend,
        ));
    }
    for (path, idle, absolute, name) in [
        (
            "identity.sessions.aal2_idle",
            identity.sessions.aal2_idle,
            identity.sessions.aal2_absolute,
            "identity.sessions.aal2_absolute",
        ),
        (
            "identity.sessions.aal3_idle",
            identity.sessions.aal3_idle,
            identity.sessions.aal3_absolute,
            "identity.sessions.aal3_absolute",
        ),
    ] {
        if idle > absolute {
            let mend = format!("make it at most as long as `{name}`");
            errors.push(ConfigError::new(path, "outlasts the session", mend));
        }
    }
    if identity.access_token_ttl >= identity.refresh_absolute {
        let mend = "make it shorter than `identity.refresh_absolute`";
        errors.push(ConfigError::new(
            "identity.access_token_ttl",
            "outlives the session",
            mend,
        ));
    }
    let keys = &identity.api_keys;
    for (path, span, most, limit) in [
        (
            "identity.api_keys.ttl",
            keys.ttl,
            keys.max_ttl,
            "identity.api_keys.max_ttl",
        ),
        (
            "identity.api_keys.overlap",
            keys.overlap,
            keys.max_overlap,
            "identity.api_keys.max_overlap",
        ),
    ] {
        if span > most {
            let mend = format!("make it at most as long as `{limit}`");
            errors.push(ConfigError::new(path, "is longer than anybody may ask for", mend));
        }
    }
    let delays = &identity.lockout.delays;
    if delays.is_empty() || delays.iter().any(|delay| *delay < Duration::from_secs(1)) {
        errors.push(ConfigError::new(
            "identity.lockout.delays",
            "must name at least one wait, each of 1s or more",
            "remove it to use the default",
        ));
    }
    if delays.windows(2).any(|pair| pair[0] > pair[1]) {
        let mend = "list the waits from the shortest to the longest";
        errors.push(ConfigError::new(
            "identity.lockout.delays",
            "must not decrease",
            mend,
        ));
    }
}

fn proxies(config: &Config, errors: &mut Vec<ConfigError>) {
    let server = &config.server;
    if server.trusted_proxies.iter().any(Cidr::is_too_wide) {
        errors.push(ConfigError::new(
            "server.trusted_proxies",
            "trusts more addresses than anybody owns, so that strangers can forge the client's (RFC 7239, section 8.1)",
            "name the addresses of your proxies",
        ));
    }
    if server.behind_tls_proxy && server.trusted_proxies.is_empty() {
        errors.push(ConfigError::new(
            "server.trusted_proxies",
            "is empty although `server.behind_tls_proxy` is true",
            "name the addresses of the proxies, e.g. 10.0.0.0/8",
        ));
    }
}

fn listeners(config: &Config, errors: &mut Vec<ConfigError>) {
    let (server, management) = (&config.server, &config.management);
    if server.port != 0 && server.port == management.port && server.host == management.host {
        errors.push(ConfigError::new(
            "management.port",
            "is the port of the public listener",
            "choose another, e.g. 9464",
        ));
    }
}

/// What production refuses.
fn exposed(config: &Config, warnings: &mut Vec<String>) {
    let management = &config.management;
    if !management.host.is_loopback() {
        warnings.push(format!(
            "management.host is {}: metrics are readable by everybody who can reach that address",
            management.host
        ));
    }
    if !config.rate_limit.enabled {
        warnings.push("rate_limit.enabled is false: only account lockout slows guessing down".into());
    }
}
