//! What production says to other machines in the clear only on a network of its own.

use url::{Host, Url};

use super::{Config, ConfigError, SyslogTransport};

const MEND: &str = "or set private_network = true if only this deployment can reach that network";

pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
    if config.private_network {
        return;
    }
    let mut refuse = |path: &str, problem: &str, mend: &str| {
        let problem = format!("profile `production` refuses it: {problem}");
        errors.push(ConfigError::new(path, problem, format!("{mend}, {MEND}")));
    };
    match database_tls(config) {
        Tls::Never => refuse("database.url", "it reaches another machine in the clear", "use sslmode=verify-full"),
        Tls::Perhaps => warnings.push(
            "database.url does not demand TLS, which whoever is between can turn off: use sslmode=verify-full".into(),
        ),
        Tls::Always => {}
    }
    let cache = config.cache.url.as_ref();
    if cache.is_some_and(|url| url.scheme() == "redis" && !is_local(url.secret().expose())) {
        refuse(
            "cache.url",
            "it reaches another machine in the clear",
            "use rediss://",
        );
    }
    let collector = config.telemetry.otlp_endpoint.as_ref();
    if collector.is_some_and(|url| !url.is_https() && !is_local(url.as_str())) {
        refuse(
            "telemetry.otlp_endpoint",
            "it reaches another machine in the clear",
            "use https://",
        );
    }
    let keys = &config.keys;
    for (path, url) in [
        ("keys.vault_transit.address", &keys.vault_transit.address),
        ("keys.aws_kms.endpoint", &keys.aws_kms.endpoint),
    ] {
        if url
            .as_ref()
            .is_some_and(|url| !url.is_https() && !is_local(url.as_str()))
        {
            refuse(
                path,
                "keys would reach another machine in the clear",
                "use https://",
            );
        }
    }
    let mut witnesses = config.audit.witnesses.iter();
    if witnesses.any(|witness| !witness.url.is_https() && !is_local(witness.url.as_str())) {
        refuse(
            "audit.witnesses",
            "whoever is between could raise false alarms",
            "use https://",
        );
    }
    let export = &config.audit.export;
    for (path, url) in [
        ("audit.export.http.url", &export.http.url),
        ("audit.export.otlp.url", &export.otlp.url),
    ] {
        if url
            .as_ref()
            .is_some_and(|url| !url.is_https() && !is_local(url.as_str()))
        {
            refuse(path, "the audit log would leave in the clear", "use https://");
        }
    }
    let syslog = export.syslog.address.as_ref();
    if syslog.is_some_and(|address| !address.is_local()) && export.syslog.transport == SyslogTransport::Tcp {
        let problem = "the audit log would leave in the clear";
        refuse("audit.export.syslog.transport", problem, "use tls");
    }
    if !config.management.host.is_loopback() {
        refuse(
            "management.host",
            "everybody who can reach that address can read metrics",
            "use 127.0.0.1",
        );
    }
}

enum Tls {
    Always,
    Perhaps,
    Never,
}

/// As the driver reads it: the last of several counts, and nothing is `prefer`.
fn database_tls(config: &Config) -> Tls {
    let url = config.database_url();
    let Ok(url) = Url::parse(url.expose()) else {
        return Tls::Always;
    };
    let in_query = |name: &str| url.query_pairs().filter(|(key, _)| key == name).last();
    let socket = in_query("host").is_some_and(|(_, host)| host.starts_with('/'));
    if url.scheme() == "sqlite" || socket || is_local(url.as_str()) {
        return Tls::Always;
    }
    let mode = url
        .query_pairs()
        .filter(|(key, _)| matches!(key.as_ref(), "sslmode" | "ssl-mode"))
        .last();
    match mode
        .as_ref()
        .map(|(_, mode)| mode.to_ascii_lowercase())
        .as_deref()
    {
        Some("require" | "verify-ca" | "verify-full") => Tls::Always,
        Some("disable" | "allow") => Tls::Never,
        _ => Tls::Perhaps,
    }
}

/// Whether the URL stays on this machine.
pub(crate) fn is_local(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    // Schemes without a standard keep an address as a name.
    let address = |name: &str| name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
    match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost" || address(name).is_some_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
