//! What a storm of sign-ins does to those who are signed in.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{PASSWORD, head, login, memory, percentile, register, tell};
use crate::{client::Request, output::say, service::Service};

const READERS: usize = 50;
/// Between two looks of a reader.
const PACE: Duration = Duration::from_millis(100);
/// When all sign-ins arrive, and most are refused.
const ARRIVAL: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(10);

pub(super) fn measure(service: &Service, storm: usize) -> Result<()> {
    register(service, "storm")?;
    let process = service.server.id();
    let look = service.get("/api/v1/me");
    let idle = reading(&look, || {
        thread::sleep(IDLE);
        Ok(())
    })?;
    let rested = memory(process, "VmRSS")?;
    let mut statuses = BTreeMap::new();
    let mut took = Duration::ZERO;
    let stormy = reading(&look, || {
        let began = Instant::now();
        statuses = attack(&login(service, "storm", PASSWORD), storm)?;
        took = began.elapsed();
        Ok(())
    })?;
    head("GET /api/v1/me, 50 clients at 10/s each");
    let (idle, all) = (times(&idle, |_| true), times(&stormy, |_| true));
    tell("idle", &idle);
    tell("during the storm", &all);
    tell("its first second", &times(&stormy, |look| look.at < ARRIVAL));
    tell("after that", &times(&stormy, |look| look.at >= ARRIVAL));
    say(&format!(
        "p99 during the storm over idle: {:.2}",
        percentile(&all, 99) / percentile(&idle, 99)
    ));
    say(&format!(
        "{storm} sign-ins at once, answered in {:.1} s:",
        took.as_secs_f64()
    ));
    for (answer, count) in &statuses {
        say(&format!("  {answer}: {count}"));
    }
    say(&format!(
        "resident: {rested:.0} MiB before, {:.0} MiB at most, {:.0} MiB after",
        memory(process, "VmHWM")?,
        memory(process, "VmRSS")?
    ));
    Ok(())
}

struct Look {
    /// Since the first one.
    at: Duration,
    took: Duration,
}

/// The times of those that `counts`, sorted.
fn times(looks: &[Look], counts: impl Fn(&Look) -> bool) -> Vec<Duration> {
    let counted = looks.iter().filter(|look| counts(look));
    let mut times: Vec<Duration> = counted.map(|look| look.took).collect();
    times.sort_unstable();
    times
}

/// The looks while `during` runs. Each of them must succeed.
fn reading(look: &Request, during: impl FnOnce() -> Result<()>) -> Result<Vec<Look>> {
    let (stop, began) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        let reader = |nth: u32| {
            let stop = &stop;
            move || -> Result<Vec<Look>> {
                let mut connection = look.connect()?;
                let (mut due, mut took) = (Instant::now() + PACE * nth / 50, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let asked = Instant::now();
                    let (status, _) = connection.send(look)?;
                    ensure!(status == 200, "a look was answered with {status}");
                    took.push(Look {
                        at: asked - began,
                        took: asked.elapsed(),
                    });
                    due += PACE;
                }
                Ok(took)
            }
        };
        let readers: Vec<_> = (0..READERS)
            .map(|nth| scope.spawn(reader(u32::try_from(nth).unwrap_or_default())))
            .collect();
        let done = during();
        stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for reader in readers {
            all.extend(reader.join().ok().context("a reader panicked")??);
        }
        done?;
        Ok(all)
    })
}

/// How often each answer came, with whether it says when to come again.
fn attack(request: &Request, storm: usize) -> Result<BTreeMap<String, usize>> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..storm).map(|_| scope.spawn(|| request.answer())).collect();
        let mut statuses = BTreeMap::new();
        for caller in callers {
            let (status, head, _) = caller.join().ok().context("a caller panicked")??;
            let again = head.to_ascii_lowercase().contains("\r\nretry-after:");
            let name = format!("{status}{}", if again { " with Retry-After" } else { "" });
            *statuses.entry(name).or_default() += 1;
        }
        Ok(statuses)
    })
}
