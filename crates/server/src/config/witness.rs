//! Witnesses: those that this service submits to, and the one that `violentutf-api witness` is.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use toml::Value;
use vutf_audit::tlog::{KeyKind, VerifierKey};

use super::{
    Config, ConfigError, HttpUrl,
    macros::settings,
    value::{Setting, text},
};

settings! {
    /// The command `witness`, which follows the logs of others; the service itself needs none of it.
    pub struct WitnessSite("witness.") {
        /// Address to listen on.
        host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        /// Port to listen on; 0 lets the system choose.
        port: u16 = 8090;
        /// Where the witness keeps its key and what it cosigned; `witness` in the data directory when unset. Never put an older one
        /// back: a witness that forgets cosigns a fork.
        data_dir: Option<PathBuf> = None, source = "C2SP tlog-witness";
        /// The name of its key, by convention a URL without scheme; needed until there is a key.
        name: Option<String> = None, source = "C2SP signed-note";
        /// The keys of the logs that it follows, each as `NAME+ID+KEY`; a log's name is its origin.
        logs: Vec<LogKey> = Vec::new(), source = "C2SP signed-note";
        /// Connections that it accepts at once.
        max_connections: u32 = 256, floor = 16, ceiling = 10_000;
    }
}

/// The key of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey(pub VerifierKey);

impl Setting for LogKey {
    const KIND: &'static str = "key of a log";
    fn parse(value: &Value) -> Result<Self, String> {
        vkey(text(value, Self::KIND)?, KeyKind::Note).map(Self)
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl LogKey {
    /// From the command line.
    pub(crate) fn from_text(text: &str) -> Result<Self, String> {
        vkey(text.trim(), KeyKind::Note).map(Self)
    }
}

/// A witness that checkpoints are submitted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAddress {
    /// By which its cosignatures are verified.
    pub key: VerifierKey,
    /// Its submission prefix.
    pub url: HttpUrl,
}

impl Setting for WitnessAddress {
    const KIND: &'static str = "witness";
    fn parse(value: &Value) -> Result<Self, String> {
        let wrong = "expected the key and the URL of a witness, a blank between them";
        let (key, url) = text(value, Self::KIND)?
            .split_once(char::is_whitespace)
            .ok_or_else(|| wrong.to_owned())?;
        Ok(Self {
            key: vkey(key, KeyKind::Cosignature)?,
            url: HttpUrl::parse(&Value::String(url.trim().to_owned()))?,
        })
    }
    fn show(&self) -> String {
        format!("{} {}", self.key, self.url.as_str())
    }
}

/// Public keys are no secrets: what is wrong may be shown.
fn vkey(text: &str, kind: KeyKind) -> Result<VerifierKey, String> {
    let key = VerifierKey::parse(text).map_err(|error| format!("{error}, found {text:?}"))?;
    match (key.kind() == kind, kind) {
        (true, _) => Ok(key),
        (false, KeyKind::Note) => Err(format!("expected the key of a log (type 0x01), found {text:?}")),
        (false, KeyKind::Cosignature) => Err(format!(
            "expected the key of a witness (type 0x04), found {text:?}"
        )),
    }
}

/// A witness counts once, and no more can be asked for than there are.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    let witnesses = &config.audit.witnesses;
    let twice = witnesses.iter().enumerate().any(|(at, witness)| {
        let same = |other: &WitnessAddress| {
            other.key.public() == witness.key.public() || other.key.name() == witness.key.name()
        };
        witnesses.iter().take(at).any(same)
    });
    if twice {
        errors.push(ConfigError::new(
            "audit.witnesses",
            "names one witness twice, by its key or its name",
            "name each once",
        ));
    }
    if usize::from(config.audit.witness_quorum) > witnesses.len() {
        errors.push(ConfigError::new(
            "audit.witness_quorum",
            format!("is larger than the number of witnesses, {}", witnesses.len()),
            "lower it, or name more in audit.witnesses",
        ));
    }
    if witnesses.len() > MAX_WITNESSES {
        errors.push(ConfigError::new(
            "audit.witnesses",
            format!("names more than {MAX_WITNESSES}"),
            "name those that your verifiers ask for",
        ));
    }
}

/// Each is a signature below every checkpoint; a note holds 64.
const MAX_WITNESSES: usize = 32;
