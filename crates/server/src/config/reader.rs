//! Takes typed settings out of the raw values, and remembers everything that is wrong.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use toml::Value;

use super::{ConfigError, nearest::nearest, sources::env_name, value::Setting};

/// Where a value came from. Later kinds override earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable, by name.
    Env(String),
    /// A command-line flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A raw value, and where it came from.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// What is declared about a setting beside its type and default.
pub(super) struct Rule<T> {
    pub(super) path: &'static str,
    pub(super) doc: &'static [&'static str],
    pub(super) floor: Option<T>,
    pub(super) ceiling: Option<T>,
    pub(super) source: Option<&'static str>,
}

/// A setting as the reference and `config show` list it; all values masked where they are secret.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name in the file, e.g. `server.port`.
    pub path: &'static str,
    /// Name in the environment, e.g. `VUTF__SERVER__PORT`.
    pub env: String,
    /// What it is for.
    pub doc: String,
    /// Its type in words.
    pub kind: &'static str,
    /// Its value when nobody sets it.
    pub default: String,
    /// The smallest value that is accepted.
    pub floor: Option<String>,
    /// The largest value that is accepted.
    pub ceiling: Option<String>,
    /// The standard that the numbers come from.
    pub source: Option<&'static str>,
    /// Whether its value is masked.
    pub secret: bool,
    /// The value in force.
    pub effective: String,
    /// Where that value came from.
    pub origin: Origin,
}

/// Raw values on their way to becoming a [`super::Config`].
pub(super) struct Reader {
    leaves: BTreeMap<String, Leaf>,
    entries: Vec<Entry>,
    errors: Vec<ConfigError>,
}

impl Reader {
    pub(super) fn new(leaves: BTreeMap<String, Leaf>, errors: Vec<ConfigError>) -> Self {
        Self {
            leaves,
            entries: Vec::new(),
            errors,
        }
    }

    /// The setting's value, or its default when it is unset or wrong; what is wrong is remembered.
    pub(super) fn take<T: Setting>(&mut self, rule: &Rule<T>, default: T) -> T {
        let shown_default = default.show();
        let (value, origin) = match self.leaves.remove(rule.path) {
            None => (default, Origin::Default),
            Some(leaf) if leaf.origin == Origin::Flag && T::SECRET && holds_secret(rule, &leaf.value) => {
                let problem =
                    "is a secret, and every account of this machine can read the arguments of a process";
                let mend = format!("set {} or use the configuration file", env_name(rule.path));
                self.errors.push(ConfigError::new(rule.path, problem, mend));
                (default, Origin::Default)
            }
            Some(leaf) => match judge(rule, &leaf.value) {
                Ok(value) => (value, leaf.origin),
                Err(problem) => {
                    let mend = format!("mend it in: {}", leaf.origin);
                    self.errors.push(ConfigError::new(rule.path, problem, mend));
                    (default, Origin::Default)
                }
            },
        };
        self.entries.push(Entry {
            path: rule.path,
            env: env_name(rule.path),
            doc: rule
                .doc
                .iter()
                .map(|line| line.trim())
                .collect::<Vec<_>>()
                .join(" "),
            kind: T::KIND,
            default: shown_default,
            floor: rule.floor.as_ref().map(Setting::show),
            ceiling: rule.ceiling.as_ref().map(Setting::show),
            source: rule.source,
            secret: T::SECRET,
            effective: value.show(),
            origin,
        });
        value
    }

    /// Everything that was read, and every mistake; whatever no setting took is an unknown name.
    pub(super) fn finish(self) -> (Vec<Entry>, Vec<ConfigError>) {
        let Self {
            leaves,
            entries,
            mut errors,
        } = self;
        errors.extend(
            leaves
                .iter()
                .filter_map(|(path, leaf)| unknown(path, leaf, &entries)),
        );
        (entries, errors)
    }
}

/// A URL without a password is no secret. What cannot be read may be one.
fn holds_secret<T: Setting>(rule: &Rule<T>, value: &Value) -> bool {
    let Ok(parsed) = judge(rule, value) else {
        return true;
    };
    let shown = parsed.show();
    shown.contains("***") || shown.starts_with('(')
}

fn judge<T: Setting>(rule: &Rule<T>, value: &Value) -> Result<T, String> {
    let parsed = T::parse(value)?;
    let source = rule
        .source
        .map_or_else(String::new, |source| format!(" ({source})"));
    if let Some(floor) = rule.floor.as_ref().filter(|floor| parsed.is_below(floor)) {
        return Err(format!(
            "{} is under the floor of {}{source}",
            parsed.show(),
            floor.show()
        ));
    }
    if let Some(ceiling) = rule.ceiling.as_ref().filter(|ceiling| ceiling.is_below(&parsed)) {
        return Err(format!(
            "{} is over the ceiling of {}{source}",
            parsed.show(),
            ceiling.show()
        ));
    }
    Ok(parsed)
}

fn unknown(path: &str, leaf: &Leaf, entries: &[Entry]) -> Option<ConfigError> {
    let inside = |entry: &&Entry| {
        entry
            .path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    if let Some(entry) = entries.iter().find(inside) {
        // An empty section says nothing, and is no mistake.
        let empty = matches!(&leaf.value, Value::Table(table) if table.is_empty());
        let example = format!("set what it holds, e.g. `{}`", entry.path);
        return (!empty)
            .then(|| ConfigError::new(path, "is a section and takes no value of its own", example));
    }
    let (name, near) = match &leaf.origin {
        Origin::Env(name) => (
            name.as_str(),
            nearest(name, entries.iter().map(|entry| entry.env.as_str())),
        ),
        _ => (path, nearest(path, entries.iter().map(|entry| entry.path))),
    };
    let mend = near.map_or_else(
        || {
            format!(
                "remove it from: {}; `config schema` lists all settings",
                leaf.origin
            )
        },
        |near| format!("did you mean `{near}`? (in: {})", leaf.origin),
    );
    Some(ConfigError::new(name, "unknown setting", mend))
}
