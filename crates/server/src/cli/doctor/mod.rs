//! `doctor`: one line for each thing that must be right. Changes and creates nothing.

mod database;
mod machine;

use std::sync::Arc;

use clap::builder::styling::AnsiColor;
use serde_json::json;
use vutf_crypto_keys::{KeyWrapper, Suite, SuitePolicy};
use vutf_kernel::Ambient;

use super::{
    answer::count,
    failure::{FAILED, Failure, Outcome, USAGE},
    output::Output,
    start,
};
use crate::{
    config::{Config, KeyProvider, Sources, load},
    service::{self, StartError},
};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
    fn colour(self) -> AnsiColor {
        match self {
            Self::Ok => AnsiColor::Green,
            Self::Warn => AnsiColor::Yellow,
            Self::Fail => AnsiColor::Red,
        }
    }
}

/// What one look found.
struct Check {
    level: Level,
    name: &'static str,
    found: String,
    mend: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(Level::Ok, name, found, "")
    }
    fn warn(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(Level::Warn, name, found, mend)
    }
    fn fail(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(Level::Fail, name, found, mend)
    }
    fn new(level: Level, name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            level,
            name,
            found: found.into(),
            mend: mend.into(),
        }
    }
}

pub(super) async fn run(sources: &Sources, out: &mut Output) -> Outcome {
    let loaded = match load(sources) {
        Ok(loaded) => loaded,
        Err(errors) => {
            let mistakes = errors.0.into_iter().map(|error| {
                let found = format!("{}: {}", error.path, error.problem);
                Check::fail("configuration", found, error.mend)
            });
            return report(&mistakes.collect::<Vec<_>>(), USAGE, out);
        }
    };
    // Its log would only repeat the findings.
    let mut quiet = sources.clone();
    quiet.flags.push(("log.level".to_owned(), "off".to_owned()));
    let config = start::command(&quiet)?;
    let settings = count(u64::try_from(loaded.entries.len()).unwrap_or_default(), "setting");
    let mut checks = vec![Check::ok(
        "configuration",
        format!("{settings}, profile {}", config.profile.as_str()),
    )];
    let warnings = loaded.warnings.iter();
    checks.extend(warnings.map(|warning| Check::warn("configuration", warning, "")));
    checks.push(machine::data_directory(&config));
    checks.push(machine::disk(&config));
    let (wrapper, check) = key_encryption_key(&config).await;
    checks.push(check);
    checks.push(suites(config.keys.suites.policy()));
    database::look(&config, wrapper, &mut checks).await;
    checks.push(cache(&config).await);
    checks.extend(machine::listeners(&config));
    report(&checks, FAILED, out)
}

fn report(checks: &[Check], code: u8, out: &mut Output) -> Outcome {
    let mut text = String::new();
    let mut values = Vec::new();
    for Check {
        level,
        name,
        found,
        mend,
    } in checks
    {
        let word = out.paint(&format!("{:<4}", level.word()), level.colour());
        let mend_text = if mend.is_empty() {
            String::new()
        } else {
            format!("; {mend}")
        };
        text.push_str(&format_line(&word, name, found, &mend_text));
        values
            .push(json!({"level": level.word().to_lowercase(), "name": name, "found": found, "mend": mend}));
    }
    let failed = checks.iter().any(|check| check.level == Level::Fail);
    out.answer(&text, &json!({"ok": !failed, "checks": values}))?;
    out.flush()?;
    if failed { Err(Failure::Told(code)) } else { Ok(()) }
}

fn format_line(word: &str, name: &str, found: &str, mend: &str) -> String {
    format!("{word}  {name:<17}  {found}{mend}\n")
}

/// Opens the key, or the keys, without making one.
async fn key_encryption_key(config: &Config) -> (Option<Arc<dyn KeyWrapper>>, Check) {
    const NAME: &str = "key-encryption";
    let keys = &config.keys;
    let from_file = keys.uses(KeyProvider::File) && keys.kek_key.is_none();
    if from_file && !config.kek_file().exists() {
        let file = config.kek_file();
        let found = format!(
            "there is no key file at {}; the first start makes one",
            file.display()
        );
        return (None, Check::ok(NAME, found));
    }
    match service::open_kek(config, &Ambient::system()).await {
        Ok(wrapper) => {
            let found = if from_file && keys.kek_passphrase.is_none() {
                "the key opens; its file is not sealed"
            } else {
                "the key opens"
            };
            (Some(wrapper), Check::ok(NAME, found))
        }
        Err(StartError::Kek(problem)) => (None, Check::fail(NAME, problem, "")),
        Err(error) => (None, Check::fail(NAME, error.to_string(), "")),
    }
}

/// Approved algorithms are not a validated module, and nobody should read it here.
fn suites(policy: SuitePolicy) -> Check {
    let admitted = Suite::ALL.into_iter().filter(|suite| policy.admits(*suite));
    let admitted: Vec<String> = admitted.map(|suite| suite.to_string()).collect();
    let found = format!(
        "{policy}: {} admitted, new keys get {}",
        admitted.join(" and "),
        policy.new_keys()
    );
    Check::ok("suites", found)
}

async fn cache(config: &Config) -> Check {
    const NAME: &str = "cache";
    if config.cache.url.is_none() {
        return Check::ok(NAME, "in the process; several replicas need Redis");
    }
    let answer = match service::connect_cache(config).await {
        Ok(cache) => cache.ping().await.map_err(|error| error.chain()),
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(()) => Check::ok(NAME, "Redis answers"),
        Err(problem) => Check::fail(NAME, problem, "check VUTF__CACHE__URL and that the server runs"),
    }
}
