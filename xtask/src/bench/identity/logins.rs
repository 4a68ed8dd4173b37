//! How much of what all cores can hash becomes sign-ins.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use vutf_identity::password::{Argon2Params, Argon2Scheme};

use super::{PASSWORD, head, login, register, tell};
use crate::{client, output::say, service::Service};

const CLIENTS: usize = 16;

pub(super) fn measure(service: &Service, length: Duration) -> Result<()> {
    register(service, "grace")?;
    let before = hashes(length / 2)?;
    let request = login(service, "grace", PASSWORD);
    let warm_up = Duration::from_secs(1);
    let ran = client::run(&request, "access_token", CLIENTS, warm_up, length, || Ok(()))?;
    let after = hashes(length / 2)?;
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

/// Hashes a second with the default parameters, a thread a core, and nothing else.
fn hashes(length: Duration) -> Result<f64> {
    let cores = thread::available_parallelism()?.get();
    let scheme = Argon2Scheme::new(Argon2Params::default(), cores);
    let (count, began) = (AtomicU64::new(0), Instant::now());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let password = PASSWORD.to_owned().into();
                    while began.elapsed() < length {
                        scheme.hash(&password, [7; 16])?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        for thread in threads {
            let ended: Result<()> = thread.join().ok().context("a thread panicked")?;
            ended?;
        }
        anyhow::Ok(())
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a count of hashes")]
    Ok(count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
