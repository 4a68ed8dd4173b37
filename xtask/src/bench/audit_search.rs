//! A page of a long audit log by each kind of search, and what each index costs whoever writes.

use anyhow::Result;
use serde_json::Value;

use super::lines;
use crate::output::say;

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many events the log holds.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    events: u64,
    /// How often each kind of search is made.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..))]
    samples: u64,
    /// `sqlite` or `postgres`; both unless one is named.
    #[arg(long)]
    database: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (events, samples) = (options.events.to_string(), options.samples.to_string());
    let mut arguments = vec!["--events", &events, "--samples", &samples];
    if let Some(database) = &options.database {
        arguments.extend(["--database", database]);
    }
    for line in lines("vutf-store-seaorm", "audit_search", &arguments)? {
        let database = line["database"].as_str().unwrap_or_default();
        if let Some(search) = line["search"].as_str() {
            let (first, deep) = (
                quantiles(&line["first_page_ms"]),
                quantiles(&line["deep_page_ms"]),
            );
            say(&format!(
                "{database:<9} {search:<24} first page {first}   deep page {deep}"
            ));
        } else if let Some(without) = line["without"].as_str() {
            let rate = &line["events_written_a_second"];
            say(&format!(
                "{database:<9} written without {without:<28} {rate} events/s"
            ));
        } else {
            say(&line.to_string());
        }
    }
    Ok(())
}

fn quantiles(times: &Value) -> String {
    let of = |name: &str| times[name].as_f64().unwrap_or_default();
    format!(
        "p50 {:>8.2} ms, p99 {:>8.2} ms, most {:>8.2} ms",
        of("p50"),
        of("p99"),
        of("most")
    )
}
