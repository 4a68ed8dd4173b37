//! What the production profile refuses, and what it only remarks on.

use std::collections::BTreeSet;

use tracing_subscriber::filter::LevelFilter;
use vutf_kernel::Secret;

use super::{Config, ConfigError, EmailVerification, KeyProvider, Registration, private};

/// Fewest characters of a passphrase; 24 of base64 hold 144 bits.
const PASSPHRASE: usize = 24;
/// Fewest different characters of a passphrase.
const DISTINCT: usize = 8;

pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    secrets(config, errors);
    transport(config, errors);
    private::check(config, errors, warnings);
    guessing(config, errors);
    logging(config, errors);
    remarks(config, warnings);
}

fn secrets(config: &Config, errors: &mut Vec<ConfigError>) {
    let file = config.keys.uses(KeyProvider::File);
    if file && config.keys.kek_passphrase.is_none() && config.keys.kek_key.is_none() {
        errors.push(ConfigError::new(
            "keys.kek_passphrase",
            "profile `production` needs the secret that seals the key-encryption key",
            "set VUTF__KEYS__KEK_PASSPHRASE or VUTF__KEYS__KEK_KEY; make either with: openssl rand -base64 32",
        ));
    }
    let weak = |passphrase: &Secret<String>| {
        let distinct: BTreeSet<char> = passphrase.expose().chars().collect();
        passphrase.expose().chars().count() < PASSPHRASE || distinct.len() < DISTINCT
    };
    if config.keys.kek_passphrase.as_ref().is_some_and(weak) {
        errors.push(ConfigError::new(
            "keys.kek_passphrase",
            format!(
                "profile `production` refuses a passphrase of fewer than {PASSPHRASE} characters, or fewer than \
                 {DISTINCT} different ones: whoever has the file can guess without limit"
            ),
            "make one with: openssl rand -base64 32",
        ));
    }
}

fn guessing(config: &Config, errors: &mut Vec<ConfigError>) {
    if !config.rate_limit.enabled {
        errors.push(ConfigError::new(
            "rate_limit.enabled",
            "profile `production` refuses to serve without rate limits (OWASP ASVS 5.0, 6.3.1)",
            "set it to true, and raise the limits that are too low",
        ));
    }
    let identity = &config.identity;
    if identity.registration == Registration::Open && identity.email_verification == EmailVerification::Off {
        errors.push(ConfigError::new(
            "identity.email_verification",
            "profile `production` refuses accounts for anybody under any address",
            "set it to required, or set identity.registration to closed",
        ));
    }
}

fn transport(config: &Config, errors: &mut Vec<ConfigError>) {
    let server = &config.server;
    if !server.host.is_loopback() && !server.behind_tls_proxy {
        errors.push(ConfigError::new(
            "server.host",
            format!(
                "profile `production` refuses plain HTTP on the public address {}",
                server.host
            ),
            "put a TLS proxy in front and set server.behind_tls_proxy = true with server.trusted_proxies, \
             or listen on 127.0.0.1",
        ));
    }
    if let Some(url) = server.public_url.as_ref().filter(|url| !url.is_https()) {
        errors.push(ConfigError::new(
            "server.public_url",
            format!("profile `production` refuses `{}`: it is not https", url.as_str()),
            "name the https:// URL that clients use",
        ));
    }
    if let Some(origin) = server.cors_origins.iter().find(|origin| !origin.is_https()) {
        errors.push(ConfigError::new(
            "server.cors_origins",
            format!(
                "profile `production` refuses `{}`: it is not https",
                origin.as_str()
            ),
            "remove it, or use https",
        ));
    }
}

fn logging(config: &Config, errors: &mut Vec<ConfigError>) {
    let mut directives = config.log.level.split(',').map(str::trim);
    if let Some(directive) = directives.find(|directive| !directive.is_empty() && may_show_bodies(directive))
    {
        errors.push(ConfigError::new(
            "log.level",
            format!(
                "profile `production` refuses `{directive}`: libraries print request bodies at it, which hold \
                 passwords and personal data"
            ),
            "use info or coarser; debug is allowed for our own crates, e.g. info,vutf_server=debug",
        ));
    }
}

/// Our own crates log no body at any level, but show more at `trace` than anybody should keep.
fn may_show_bodies(directive: &str) -> bool {
    let (target, level) = match directive.rsplit_once('=') {
        Some(parts) => parts,
        None if directive.parse::<LevelFilter>().is_ok() => ("", directive),
        // A target alone stands for all of its levels.
        None => (directive, "trace"),
    };
    match level.trim().parse::<LevelFilter>() {
        Ok(LevelFilter::DEBUG) => !target.starts_with("vutf_"),
        Ok(level) => level > LevelFilter::INFO,
        Err(_) => true,
    }
}

fn remarks(config: &Config, warnings: &mut Vec<String>) {
    if config.database_url().expose().starts_with("sqlite") {
        warnings.push("database.url is SQLite: one machine, one process; use PostgreSQL for replicas".into());
    }
    if !config.audit.relaxed.is_empty() {
        let reads: Vec<_> = config.audit.relaxed.iter().map(|reads| reads.as_str()).collect();
        warnings.push(format!(
            "audit.relaxed lets reads of {} be answered without their event: what waits is lost with the process",
            reads.join(", ")
        ));
    }
    if config.cache.url.is_none() {
        warnings.push("cache.url is unset: claims and rate limits hold in this process only".into());
    }
    if config.identity.registration == Registration::Open {
        warnings.push("identity.registration is open: anybody may create an account".into());
    }
    if config.identity.email_verification == EmailVerification::Off {
        warnings.push("identity.email_verification is off: addresses are believed unproved".into());
    }
    if config.log.level.to_ascii_lowercase().contains("debug") {
        warnings.push("log.level is debug: logs grow fast and show internal detail".into());
    }
}
