//! How much of what all cores can hash becomes sign-ins.

use std::{path::Path, process::Command, time::Duration};

use anyhow::Result;

use super::{PASSWORD, head, login, register, tell};
use crate::{bench::built, client, output::say, service::Service, workspace::output_of};

const CLIENTS: usize = 16;

pub(super) fn measure(service: &Service, length: Duration) -> Result<()> {
    register(service, "grace")?;
    let program = built("requests")?;
    let before = hashes(&program, length / 2)?;
    let request = login(service, "grace", PASSWORD);
    let warm_up = Duration::from_secs(1);
    let ran = client::run(&request, "access_token", CLIENTS, warm_up, length, || Ok(()))?;
    let after = hashes(&program, length / 2)?;
    let hashed = before.max(after);
    #[expect(clippy::cast_precision_loss, reason = "a count of sign-ins")]
    let rate = ran.latencies.len() as f64 / ran.took.as_secs_f64();
    head("sign-in");
    tell(&format!("{CLIENTS} clients"), &ran.latencies);
    say(&format!(
        "{rate:.1} sign-ins/s; all cores hash {hashed:.1} of the same parameters a second; ratio {:.2}",
        rate / hashed
    ));
    Ok(())
}

/// Hashes a second with the default parameters, a thread a core, and nothing else; in release, as the service.
fn hashes(program: &Path, length: Duration) -> Result<f64> {
    let mut command = Command::new(program);
    let text = output_of(command.args(["hashes", &length.as_millis().to_string()]))?;
    Ok(text.trim().parse()?)
}
