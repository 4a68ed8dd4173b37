//! What encryption of fields costs: each suite beside the bare cipher that it is made of and beside two others, in one run; blind
//! indexes; and the cold unwrapping of a tenant key with each provider, on the real components.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{lines, lines_with};
use crate::output::say;

/// A suite, and what it is made of; both as the bench names them.
const SUITES: [&str; 2] = ["xchacha20-poly1305", "xaes-256-gcm"];
const OTHERS: [&str; 2] = ["xchacha20-poly1305-rustcrypto", "aes-256-gcm"];

pub(crate) fn run(rounds: usize, calls: usize) -> Result<()> {
    ensure!(rounds > 0 && calls > 0, "--rounds and --calls must be at least 1");
    let measures = Measures(lines(
        "vutf-crypto-keys",
        "fields",
        &["--rounds", &rounds.to_string()],
    )?);
    let mut results = Vec::new();
    say(&format!(
        "{:6} {:30} {:>9} {:>9} {:>7} {:>12} {:>11} {:>12}",
        "64 B", "", "field ns", "bare ns", "ratio", "allocations", "RustCrypto", "AES-256-GCM"
    ));
    for operation in ["seal", "open"] {
        for suite in SUITES {
            results.push(measures.told(operation, suite)?);
        }
    }
    let (index, _) = measures.find("blind-index/hmac-sha-256")?;
    say(&format!(
        "blind index: {index:.0} ns, {:.0} a second",
        1e9 / index
    ));
    let features = "pkcs11,aws-kms,vault-transit";
    let providers = lines_with("vutf-kms", features, "unwrap", &["--calls", &calls.to_string()])?;
    say("cold unwrapping of a tenant key:");
    for line in &providers {
        say(&format!("  {}", unwrapping(line)));
    }
    say(&serde_json::to_string_pretty(&json!({
        "cores": std::thread::available_parallelism()?.get(),
        "rounds": rounds,
        "fields": results,
        "blind_index": {"ns": index, "per_second": (1e9 / index).round()},
        "random_24_bytes_ns": measures.find("random/24-bytes")?.0,
        "unwrap": providers,
    }))?);
    Ok(())
}

struct Measures(Vec<Value>);

impl Measures {
    /// Nanoseconds and allocations a call.
    fn find(&self, name: &str) -> Result<(f64, u64)> {
        let found = self.0.iter().find(|line| line["name"] == name);
        let number = |field: &str| found.and_then(|line| line[field].as_f64());
        let allocations = found.and_then(|line| line["allocations_per_call"].as_u64());
        number("ns_per_call")
            .zip(allocations)
            .with_context(|| format!("the bench did not measure {name}"))
    }

    fn told(&self, operation: &str, suite: &str) -> Result<Value> {
        let (field, allocations) = self.find(&format!("{operation}/{suite}"))?;
        let bare = |name: &str| Ok::<_, anyhow::Error>(self.find(&format!("bare-{operation}/{name}"))?.0);
        let own = bare(suite)?;
        let [rustcrypto, gcm] = OTHERS.map(bare);
        let (rustcrypto, gcm) = (rustcrypto?, gcm?);
        say(&format!(
            "{operation:6} {suite:30} {field:>9.0} {own:>9.0} {:>7.2} {allocations:>12} {rustcrypto:>11.0} {gcm:>12.0}",
            own / field
        ));
        Ok(json!({
            "operation": operation, "suite": suite, "field_ns": field, "bare_ns": own, "ratio": own / field,
            "allocations": allocations, "rustcrypto_xchacha20_poly1305_ns": rustcrypto, "aes_256_gcm_ns": gcm,
        }))
    }
}

fn unwrapping(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let provider = text("provider");
    if line["skipped"].is_string() {
        return format!("{provider:14} skipped: {}", text("skipped"));
    }
    format!(
        "{provider:14} {:38} median {:>9} µs, p99 {:>9} µs",
        text("component"),
        line["median_us"],
        line["p99_us"]
    )
}
