//! `passwords`: what they cost on this machine.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vutf_identity::password::{
    Argon2Params, Argon2Scheme,
    calibrate::{Measured, Wanted, calibrate},
};
use vutf_kernel::{PortError, Secret};

use super::{
    args,
    failure::{Failure, Outcome},
    output::Output,
};

/// The middle one of so many counts.
const RUNS: usize = 3;
/// Longer than this a sign-in should not take.
const SLOW: Duration = Duration::from_millis(500);

pub(super) fn run(action: &args::Passwords, out: &mut Output) -> Outcome {
    let args::Passwords::Calibrate {
        target_ms,
        max_memory_mib,
    } = action;
    let wanted = Wanted {
        target: Duration::from_millis(u64::from(*target_ms)),
        max_memory_kib: max_memory_mib * 1_024,
    };
    let tried = calibrate(wanted, measure)?;
    let Some(best) = tried.last() else {
        return Err(Failure::Failed("nothing was measured".to_owned()));
    };
    Ok(out.answer(&told(&tried, best), &described(&tried, best))?)
}

/// The first hash finds fresh memory, as none does in a service that runs; it does not count.
fn measure(params: Argon2Params) -> Result<Duration, PortError> {
    let scheme = Argon2Scheme::new(params, 1);
    let password = Secret::new("correct horse battery staple".to_owned());
    scheme.hash(&password, [0; 16])?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        scheme.hash(&password, [0; 16])?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(RUNS / 2).copied().unwrap_or_default())
}

fn told(tried: &[Measured], best: &Measured) -> String {
    let mut text = String::from("memory     passes  one hash\n");
    for Measured { params, took } in tried {
        let _infallible = writeln!(
            text,
            "{:>5} MiB  {:>6}  {:>5} ms",
            params.memory_kib() / 1_024,
            params.iterations(),
            took.as_millis()
        );
    }
    let Measured { params, took } = best;
    let _infallible = write!(
        text,
        "\n[identity.argon2]\nmemory_kib = {}\niterations = {}\nparallelism = {}\n",
        params.memory_kib(),
        params.iterations(),
        params.parallelism()
    );
    if *took > SLOW {
        text.push_str(
            "\nThis is the floor, which may not be undercut: sign-ins take long on this machine.\n",
        );
    }
    text.push_str("\nPasswords are hashed anew with these at their next sign-in.");
    text
}

fn described(tried: &[Measured], best: &Measured) -> Value {
    let one = |Measured { params, took }: &Measured| {
        json!({
            "memory_kib": params.memory_kib(),
            "iterations": params.iterations(),
            "parallelism": params.parallelism(),
            "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
    };
    json!({
        "settings": one(best),
        "measured": tried.iter().map(one).collect::<Vec<_>>(),
        "within_target": best.took <= SLOW,
    })
}
