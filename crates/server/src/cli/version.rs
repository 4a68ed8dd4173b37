//! `version`: which program this is.

use serde_json::json;

use super::{failure::Outcome, output::Output};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const RUSTC: &str = env!("VUTF_RUSTC");
const PROFILE: &str = env!("VUTF_PROFILE");
const TARGET: &str = env!("VUTF_TARGET");
/// What is compiled in. There is nothing to choose yet: every build has all of it.
const FEATURES: [&str; 5] = ["sqlite", "postgresql", "redis", "kek-file", "otlp"];

pub(super) fn run(out: &mut Output) -> Outcome {
    let features = FEATURES.join(", ");
    let text = format!(
        "violentutf-api {VERSION}\nrustc     {RUSTC}\nprofile   {PROFILE}\ntarget    {TARGET}\nfeatures  {features}"
    );
    let value = json!({
        "version": VERSION,
        "rustc": RUSTC,
        "profile": PROFILE,
        "target": TARGET,
        "features": FEATURES,
    });
    Ok(out.answer(&text, &value)?)
}
