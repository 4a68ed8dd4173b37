//! Where the audit log is exported to, as it grows. One sink of each kind: what has several receivers of one kind has a
//! collector in front of them, and a sink's name is the key of its position in the database.

use std::{fmt, path::PathBuf, time::Duration};

use toml::Value;
use vutf_audit::export::{Format, Source};
use vutf_kernel::Secret;

use super::{
    ByteSize, Config, ConfigError, HttpUrl,
    macros::{choice, settings},
    value::{Setting, text},
};

choice! {
    /// How a syslog receiver is reached.
    pub enum SyslogTransport: "`tls` or `tcp`" {
        /// RFC 5425.
        Tls = "tls",
        /// RFC 6587, in the clear.
        Tcp = "tcp",
    }
}

settings! {
    /// Export of the audit log as it grows; docs/guides/export-to-a-siem.md.
    pub struct Export("audit.export.") {
        /// Events that a sink is sent at once.
        batch: u32 = 500, floor = 1, ceiling = 5_000;
        /// How often a sink that has everything looks for more.
        interval: Duration = Duration::from_secs(1), floor = Duration::from_millis(10), ceiling = Duration::from_mins(1);
        /// How long a receiver may take to connect and acknowledge a batch.
        timeout: Duration = Duration::from_secs(10), floor = Duration::from_millis(100), ceiling = Duration::from_mins(2);
        /// The longest pause between attempts while a receiver is down; they begin at half a second.
        longest_pause: Duration = Duration::from_mins(1), floor = Duration::from_secs(1), ceiling = Duration::from_hours(1);
    }
    nest {
        /// A file.
        file: FileSink,
        /// A syslog receiver.
        syslog: SyslogSink,
        /// A receiver of lines by HTTP.
        http: HttpSink,
        /// A collector of OpenTelemetry.
        otlp: OtlpSink,
    }
}

settings! {
    /// The sink `file`: lines in a file on the machine of the replica that works.
    pub struct FileSink("audit.export.file.") {
        /// The file; no such sink when unset. Its folder must be there.
        path: Option<PathBuf> = None;
        /// `jsonl`, `ocsf`, `cef`, `ecs` or `syslog`.
        format: Format = Format::Jsonl;
        /// At which size it is set aside under its name and the last number in it. Nothing is ever removed.
        rotate_size: ByteSize = ByteSize::mib(256), floor = ByteSize::kib(4);
    }
}

settings! {
    /// The sink `syslog`: RFC 5424, framed by counted octets.
    pub struct SyslogSink("audit.export.syslog.") {
        /// `HOST:PORT`, e.g. `siem.example.com:6514`; no such sink when unset.
        address: Option<HostPort> = None, source = "RFC 5425, section 4.1";
        /// `tls` or `tcp`.
        transport: SyslogTransport = SyslogTransport::Tls, source = "RFC 5425";
        /// The format of each message's text.
        format: Format = Format::Cef;
        /// Certificate authorities (PEM) to trust instead of the system's.
        ca_file: Option<PathBuf> = None;
        /// The certificate (PEM, with its chain) that this client shows, for receivers that ask for one.
        cert_file: Option<PathBuf> = None, source = "RFC 5425, section 4.2.1";
        /// Its private key (PEM).
        key_file: Option<PathBuf> = None;
    }
}

settings! {
    /// The sink `http`: POST of lines; any 2xx acknowledges.
    pub struct HttpSink("audit.export.http.") {
        /// Where to; no such sink when unset.
        url: Option<HttpUrl> = None;
        /// The format of each line.
        format: Format = Format::Ocsf;
        /// The value of the `Authorization` header, e.g. `Splunk 0123…`.
        authorization: Option<Secret<String>> = None;
        /// Certificate authorities (PEM) to trust instead of the system's.
        ca_file: Option<PathBuf> = None;
    }
}

settings! {
    /// The sink `otlp`: logs by OTLP/HTTP, in JSON.
    pub struct OtlpSink("audit.export.otlp.") {
        /// The collector's base URL, e.g. `http://127.0.0.1:4318`; no such sink when unset.
        url: Option<HttpUrl> = None, source = "OpenTelemetry protocol 1.x";
        /// The value of the `Authorization` header.
        authorization: Option<Secret<String>> = None;
        /// Certificate authorities (PEM) to trust instead of the system's.
        ca_file: Option<PathBuf> = None;
    }
}

impl Config {
    /// Where exported records come from: this program, under its public name, else on this machine.
    pub fn audit_source(&self) -> Source {
        let named = self.server.public_url.as_ref();
        let named = named.and_then(|url| url::Url::parse(url.as_str()).ok());
        let host = named.and_then(|url| url.host_str().map(str::to_owned));
        let machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        Source {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host.unwrap_or_else(machine),
        }
    }
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host; an address of IPv6 without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    fn parse_text(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains(':') {
            return None;
        }
        let host = bare.unwrap_or(host);
        let fits = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"/@[]".contains(&b));
        let port = port.parse().ok().filter(|port| *port != 0)?;
        fits.then(|| Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Whether it stays on this machine.
    pub fn is_local(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Setting for HostPort {
    const KIND: &'static str = "host and port";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        Self::parse_text(text).ok_or_else(|| {
            format!("expected a host and a port such as siem.example.com:6514, found {text:?}")
        })
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Format {
    const KIND: &'static str = "`jsonl`, `ocsf`, `cef`, `ecs` or `syslog`";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, Self::KIND)?;
        text.parse()
            .map_err(|_| format!("expected {}, found {text:?}", Self::KIND))
    }
    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

/// Rules that hold between the settings of a sink.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    let syslog = &config.audit.export.syslog;
    let (cert, key) = ("audit.export.syslog.cert_file", "audit.export.syslog.key_file");
    match (&syslog.cert_file, &syslog.key_file) {
        (Some(_), None) => errors.push(alone(cert, key)),
        (None, Some(_)) => errors.push(alone(key, cert)),
        _ => {}
    }
    let files = [&syslog.ca_file, &syslog.cert_file, &syslog.key_file];
    if syslog.transport == SyslogTransport::Tcp && files.iter().any(|file| file.is_some()) {
        let problem = "is `tcp` although files for TLS are named";
        let mend = "set it to tls, or remove ca_file, cert_file and key_file";
        errors.push(ConfigError::new("audit.export.syslog.transport", problem, mend));
    }
    let http = &config.audit.export.http.authorization;
    let otlp = &config.audit.export.otlp.authorization;
    for (path, value) in [
        ("audit.export.http.authorization", http),
        ("audit.export.otlp.authorization", otlp),
    ] {
        let printable = |text: &String| text.bytes().all(|b| (b' '..=b'~').contains(&b));
        if value.as_ref().is_some_and(|value| !printable(value.expose())) {
            let problem = "holds what no header may";
            errors.push(ConfigError::new(path, problem, "use printable ASCII only"));
        }
    }
}

fn alone(path: &'static str, other: &str) -> ConfigError {
    ConfigError::new(
        path,
        format!("is set without `{other}`"),
        format!("set `{other}` as well"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn loaded(settings: &[(&str, &str)]) -> Result<Config, String> {
        let flags = settings
            .iter()
            .map(|(path, value)| ((*path).into(), (*value).into()));
        let sources = Sources {
            flags: flags.collect(),
            ..Sources::default()
        };
        load(&sources)
            .map(|loaded| loaded.config)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn nothing_is_exported_unless_told_so() {
        let export = loaded(&[]).unwrap().audit.export;
        assert!(export.file.path.is_none() && export.syslog.address.is_none());
        assert!(export.http.url.is_none() && export.otlp.url.is_none());
    }

    #[test]
    fn hosts_and_ports_are_read_and_shown_alike() {
        for text in ["siem.example.com:6514", "127.0.0.1:1", "[::1]:6514"] {
            let parsed = HostPort::parse_text(text).unwrap();
            assert_eq!(parsed.to_string(), text);
        }
        for bad in [
            "", "host", "host:0", "host:x", ":1", "::1:6514", "a/b:1", "u@h:1", "h:70000",
        ] {
            assert_eq!(HostPort::parse_text(bad), None, "{bad}");
        }
        assert!(HostPort::parse_text("[::1]:1").unwrap().is_local());
        assert!(!HostPort::parse_text("localhost.example:1").unwrap().is_local());
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_name() {
        for (settings, named) in [
            (
                &[("audit.export.syslog.cert_file", "a.pem")][..],
                "audit.export.syslog.cert_file",
            ),
            (
                &[("audit.export.syslog.key_file", "a.key")][..],
                "audit.export.syslog.key_file",
            ),
            (
                &[
                    ("audit.export.syslog.transport", "tcp"),
                    ("audit.export.syslog.ca_file", "a.pem"),
                ][..],
                "audit.export.syslog.transport",
            ),
            (
                &[("audit.export.file.format", "xml")][..],
                "audit.export.file.format",
            ),
            (
                &[("audit.export.syslog.address", "siem")][..],
                "audit.export.syslog.address",
            ),
        ] {
            let problem = loaded(settings).unwrap_err();
            assert!(problem.contains(named), "{problem}");
        }
    }

    #[test]
    fn production_exports_nothing_in_the_clear() {
        let production = [("profile", "production")];
        for (path, value) in [
            ("audit.export.syslog.transport", "tcp"),
            ("audit.export.http.url", "http://siem.example.com/in"),
            ("audit.export.otlp.url", "http://siem.example.com:4318"),
        ] {
            let address = ("audit.export.syslog.address", "siem.example.com:6514");
            let settings = [production[0], address, (path, value)];
            let problem = loaded(&settings).unwrap_err();
            assert!(
                problem.contains(path) && problem.contains("in the clear"),
                "{problem}"
            );
        }
    }
}
