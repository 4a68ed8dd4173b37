//! Gathers the layers: file, environment, flags; the later overrides the earlier.
//!
//! The file is parsed here rather than by the `config` crate, whose message quotes the line.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use toml::Table;

use super::{
    ConfigError,
    layers::{self, EnvLayer, FileLayer, FlagLayer},
    reader::Leaf,
};

/// Every variable that starts with this is a setting.
const ENV_PREFIX: &str = "VUTF__";
/// Read from the working directory when no file is named and this one exists.
const DEFAULT_FILE: &str = "violentutf.toml";
/// Configuration larger than this is a mistake in the path.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file; `None` for none.
    pub file: Option<PathBuf>,
    /// Environment variables; those without the prefix are ignored.
    pub env: Vec<(OsString, OsString)>,
    /// `(path, value)` from flags, e.g. `("server.port", "8081")`.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// Those of this process: `file` if one was named, else `./violentutf.toml` if it exists.
    pub fn from_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let default = || {
            let path = PathBuf::from(DEFAULT_FILE);
            path.exists().then_some(path)
        };
        Self {
            file: file.or_else(default),
            // `vars_os`, because `vars` panics on a variable that is not Unicode.
            env: std::env::vars_os().collect(),
            flags,
        }
    }

    pub(super) fn leaves(&self, errors: &mut Vec<ConfigError>) -> BTreeMap<String, Leaf> {
        let file = self.file_layer(errors);
        let environment = self.env_layer(errors);
        let flags = FlagLayer(self.flags.clone());
        layers::merge(file, environment, flags).unwrap_or_else(|error| {
            errors.push(error);
            BTreeMap::new()
        })
    }

    /// `None` for no file, and for one that cannot be used.
    fn file_layer(&self, errors: &mut Vec<ConfigError>) -> Option<FileLayer> {
        let path = self.file.clone()?;
        match read_table(&path) {
            Ok(table) => Some(FileLayer { path, table }),
            Err(error) => {
                errors.push(error);
                None
            }
        }
    }

    fn env_layer(&self, errors: &mut Vec<ConfigError>) -> EnvLayer {
        let mut settings = Vec::new();
        for (name, value) in &self.env {
            let name = name.to_string_lossy();
            let Some(rest) = name.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            let Some(value) = value.to_str() else {
                errors.push(ConfigError::new(name, "is not UTF-8", "set it to plain text"));
                continue;
            };
            // Compose files and units pass unset variables on as empty ones.
            if !value.is_empty() {
                let path = rest.to_lowercase().replace("__", ".");
                settings.push((name.into_owned(), path, value.to_owned()));
            }
        }
        EnvLayer(settings)
    }
}

/// `server.port` → `VUTF__SERVER__PORT`.
pub(super) fn env_name(path: &str) -> String {
    format!("{ENV_PREFIX}{}", path.to_uppercase().replace('.', "__"))
}

fn read_table(path: &Path) -> Result<Table, ConfigError> {
    let name = path.display().to_string();
    let unreadable = |problem: String| {
        ConfigError::new(
            name.clone(),
            problem,
            "name a readable TOML file with --config, or none",
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(unreadable(format!(
            "is {size} bytes long; at most {MAX_FILE_BYTES} are read"
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("is not UTF-8".into()))?;
    text.parse::<Table>().map_err(|error| {
        // The parser's own rendering quotes the line, and the line may hold a secret.
        let line = error.span().map_or(0, |span| line_of(&text, span.start));
        ConfigError::new(
            format!("{name}:{line}"),
            "is not valid TOML",
            format!("mend line {line}; the first mistake hides all others in the file"),
        )
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}
