//! The three layers as sources of the `config` crate, which merges them; what it merged comes back as leaves.
//!
//! A layer hands over one flat table of leaves, keyed by whole path, under one root. Handed over as a tree, or as paths
//! of the crate's own expressions, `VUTF__SERVER=x` would wipe out the whole section and every mistake in it, and a name
//! such as `a[999999999]` would be an index to allocate for.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use config::{Map, Source, Value, ValueKind};

use super::{
    ConfigError,
    reader::{Leaf, Origin},
};

/// The only name at the top of what a layer hands over; a plain identifier in the crate's path expressions.
const ROOT: &str = "settings";
/// Precedes the origin of a date: the crate has no dates, and a date must not turn into text that a setting accepts.
const DATE: &str = "date in ";
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment ";
const FLAG: &str = "flag";

/// What the TOML file sets.
#[derive(Clone)]
pub(super) struct FileLayer {
    pub(super) path: PathBuf,
    pub(super) table: toml::Table,
}

/// What the environment sets: `(variable, path, value)`; of several that mean one path, the last counts.
#[derive(Clone)]
pub(super) struct EnvLayer(pub(super) Vec<(String, String, String)>);

/// What the flags set: `(path, value)`; of several for one path, the last counts.
#[derive(Clone)]
pub(super) struct FlagLayer(pub(super) Vec<(String, String)>);

impl FileLayer {
    fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        flatten(
            "",
            &self.table,
            &encode(&Origin::File(self.path.clone())),
            &mut settings,
        );
        settings
    }
}

impl EnvLayer {
    fn settings(&self) -> Map<String, Value> {
        let entry = |(name, path, value): &(String, String, String)| {
            let origin = encode(&Origin::Env(name.clone()));
            (path.clone(), Value::new(Some(&origin), value.as_str()))
        };
        self.0.iter().map(entry).collect()
    }
}

impl FlagLayer {
    fn settings(&self) -> Map<String, Value> {
        let origin = encode(&Origin::Flag);
        let entry =
            |(path, value): &(String, String)| (path.clone(), Value::new(Some(&origin), value.as_str()));
        self.0.iter().map(entry).collect()
    }
}

macro_rules! sources {
    ($($layer:ident),+) => {$(
        impl Source for $layer {
            fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
                Box::new(self.clone())
            }

            fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
                let root = Value::new(None, self.settings());
                Ok(Map::from_iter([(ROOT.to_owned(), root)]))
            }
        }

        /// Shows no value: any may be a secret.
        impl fmt::Debug for $layer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($layer)).finish_non_exhaustive()
            }
        }
    )+};
}
sources!(FileLayer, EnvLayer, FlagLayer);

/// Every setting of every layer, once: flags override the environment, which overrides the file.
///
/// # Errors
/// None today: no layer fails to be collected, since what can be wrong with it was reported when it was gathered.
pub(super) fn merge(
    file: Option<FileLayer>,
    environment: EnvLayer,
    flags: FlagLayer,
) -> Result<BTreeMap<String, Leaf>, ConfigError> {
    let path = file.as_ref().map(|layer| layer.path.clone()).unwrap_or_default();
    let mut builder = config::Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(file);
    }
    // The crate's own message may quote a value, and the value may be a secret.
    let unmerged = |_| {
        ConfigError::new(
            "configuration",
            "cannot be merged",
            "check its sources one by one",
        )
    };
    let merged = builder
        .add_source(environment)
        .add_source(flags)
        .build()
        .and_then(|merged| merged.cache.into_table())
        .map_err(unmerged)?
        .remove(ROOT)
        .map_or_else(|| Ok(Map::new()), Value::into_table)
        .map_err(unmerged)?;
    Ok(merged
        .into_iter()
        .map(|(name, value)| (name, leaf(value, &path)))
        .collect())
}

/// Depth is bounded by the parser's own recursion limit.
fn flatten(prefix: &str, table: &toml::Table, origin: &String, into: &mut Map<String, Value>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => flatten(&path, inner, origin, into),
            value => {
                into.insert(path, from_toml(value, origin));
            }
        }
    }
}

/// An empty section becomes nothing rather than an empty table, because merging a table drops its origin.
fn from_toml(value: &toml::Value, origin: &String) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(*flag),
        toml::Value::Datetime(date) => {
            return Value::new(Some(&format!("{DATE}{origin}")), date.to_string());
        }
        toml::Value::Array(items) => {
            ValueKind::Array(items.iter().map(|item| from_toml(item, origin)).collect())
        }
        toml::Value::Table(table) if table.is_empty() => ValueKind::Nil,
        toml::Value::Table(table) => ValueKind::Table(
            table
                .iter()
                .map(|(key, value)| (key.clone(), from_toml(value, origin)))
                .collect(),
        ),
    };
    Value::new(Some(origin), kind)
}

fn to_toml(value: Value) -> toml::Value {
    let is_date = value.origin().is_some_and(|origin| origin.starts_with(DATE));
    match value.kind {
        ValueKind::String(text) if is_date => text
            .parse()
            .map_or_else(|_| toml::Value::String(text), toml::Value::Datetime),
        ValueKind::String(text) => toml::Value::String(text),
        ValueKind::I64(number) => toml::Value::Integer(number),
        ValueKind::Float(number) => toml::Value::Float(number),
        ValueKind::Boolean(flag) => toml::Value::Boolean(flag),
        ValueKind::Array(items) => toml::Value::Array(items.into_iter().map(to_toml).collect()),
        ValueKind::Nil => toml::Value::Table(toml::Table::new()),
        ValueKind::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| (key, to_toml(value)));
            toml::Value::Table(entries.collect())
        }
        // No layer hands these over: integers of TOML have 64 bits and a sign.
        kind @ (ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_)) => {
            toml::Value::String(kind.to_string())
        }
    }
}

fn leaf(value: Value, file: &Path) -> Leaf {
    let origin = decode(value.origin().unwrap_or_default(), file);
    Leaf {
        value: to_toml(value),
        origin,
    }
}

/// The file's path is left out: it need not be UTF-8, and there is one file only.
fn encode(origin: &Origin) -> String {
    match origin {
        Origin::Default => String::new(),
        Origin::File(_) => FILE.to_owned(),
        Origin::Env(name) => format!("{ENVIRONMENT}{name}"),
        Origin::Flag => FLAG.to_owned(),
    }
}

fn decode(text: &str, file: &Path) -> Origin {
    let text = text.strip_prefix(DATE).unwrap_or(text);
    match text.strip_prefix(ENVIRONMENT) {
        Some(name) => Origin::Env(name.to_owned()),
        None if text == FLAG => Origin::Flag,
        None if text == FILE => Origin::File(file.to_owned()),
        None => Origin::Default,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use proptest::prelude::*;

    use super::*;

    fn merged(toml: &str, env: &[(&str, &str, &str)], flags: &[(&str, &str)]) -> BTreeMap<String, Leaf> {
        let file = FileLayer {
            path: PathBuf::from("/etc/vutf.toml"),
            table: toml.parse().unwrap(),
        };
        let env = env
            .iter()
            .map(|(name, path, value)| ((*name).into(), (*path).into(), (*value).into()));
        let flags = flags
            .iter()
            .map(|(path, value)| ((*path).into(), (*value).into()));
        merge(Some(file), EnvLayer(env.collect()), FlagLayer(flags.collect())).unwrap()
    }

    #[test]
    fn a_value_in_a_sections_place_hides_nothing_of_the_section() {
        let leaves = merged("[a]\nb = 1\nc = 2", &[("VUTF__A", "a", "x")], &[("a.b.d", "y")]);
        let paths: Vec<_> = leaves.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a", "a.b", "a.b.d", "a.c"]);
    }

    #[test]
    fn a_name_is_a_name_and_no_expression() {
        let leaves = merged(
            "\"a[99999999999]\" = 1\n[\"\"]\n\"x.y\" = 2",
            &[("VUTF__B[-9]", "b[-9]", "x")],
            &[("c[", "y")],
        );
        let paths: Vec<_> = leaves.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a[99999999999]", "b[-9]", "c[", "x.y"]);
    }

    #[test]
    fn every_kind_of_toml_comes_back_with_its_origin() {
        let text = "a = 1979-05-27\nb = [07:32:00, {}, {c = 1}, [-1.5]]\nd = true\n[e]";
        let table: toml::Table = text.parse().unwrap();
        let leaves = merged(text, &[], &[]);
        assert_eq!(leaves.len(), table.len());
        for (path, leaf) in leaves {
            assert_eq!(leaf.value, table[&path], "{path}");
            assert_eq!(leaf.origin, Origin::File("/etc/vutf.toml".into()), "{path}");
        }
    }

    #[test]
    fn a_layer_shows_no_value() {
        let layers = [("x", "y", "planted-secret")];
        let env = layers.map(|(name, path, value)| (name.into(), path.into(), value.into()));
        let flags = vec![("x".to_owned(), "planted-secret".to_owned())];
        let file = FileLayer {
            path: PathBuf::new(),
            table: "x = \"planted-secret\"".parse().unwrap(),
        };
        let shown = format!("{:?}{:?}{file:?}", EnvLayer(env.into()), FlagLayer(flags));
        assert!(!shown.contains("planted-secret"), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn the_path_of_the_file_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt as _;
        let path = PathBuf::from(OsString::from_vec(vec![0xff]));
        let origin = Origin::File(path.clone());
        assert_eq!(decode(&encode(&origin), &path), origin);
    }

    proptest! {
        #[test]
        fn origins_survive_being_a_string(name in ".{0,30}") {
            for origin in [Origin::Default, Origin::Env(name), Origin::Flag] {
                prop_assert_eq!(decode(&encode(&origin), Path::new("f")), origin.clone());
            }
        }
    }
}
