//! Three replicas whose leader is killed: the test of that name, at length.

use std::process::ExitCode;

use anyhow::Result;
use vutf_testkit::servers::settings;

use crate::test;

/// How long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often the leader is killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let environment = vec![
        (settings::KILLS, options.kills.to_string()),
        // The figures are what the test prints.
        ("NEXTEST_SUCCESS_OUTPUT", "final".to_owned()),
        ("RUST_TEST_NOCAPTURE", "1".to_owned()),
    ];
    test::run(&test::Options::of("leader_is_killed", environment))
}
