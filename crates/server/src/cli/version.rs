//! `version`: which program this is.

use serde_json::json;

use super::{failure::Outcome, output::Output};
use crate::config::KeyProvider;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const RUSTC: &str = env!("VUTF_RUSTC");
const PROFILE: &str = env!("VUTF_PROFILE");
const TARGET: &str = env!("VUTF_TARGET");
/// What every build has.
const ALWAYS: [&str; 5] = ["sqlite", "postgresql", "redis", "kek-file", "otlp"];
/// What a build may have been made without.
const CHOSEN: [KeyProvider; 3] = [
    KeyProvider::Pkcs11,
    KeyProvider::AwsKms,
    KeyProvider::VaultTransit,
];

pub(super) fn run(out: &mut Output) -> Outcome {
    let chosen = CHOSEN.iter().filter(|provider| provider.is_built_in());
    let list: Vec<&str> = ALWAYS
        .into_iter()
        .chain(chosen.map(|provider| provider.as_str()))
        .collect();
    let features = list.join(", ");
    let text = format!(
        "violentutf-api {VERSION}\nrustc     {RUSTC}\nprofile   {PROFILE}\ntarget    {TARGET}\nfeatures  {features}"
    );
    let value = json!({
        "version": VERSION,
        "rustc": RUSTC,
        "profile": PROFILE,
        "target": TARGET,
        "features": list,
    });
    Ok(out.answer(&text, &value)?)
}
