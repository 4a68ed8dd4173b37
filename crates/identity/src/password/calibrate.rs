//! Which parameters take as long as they should on this machine.

use std::time::Duration;

use super::Argon2Params;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// How long a hash should take.
    pub target: Duration,
    /// The most memory of one hash, in KiB.
    pub max_memory_kib: u32,
}

/// Parameters, and how long a hash with them took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// They.
    pub params: Argon2Params,
    /// How long.
    pub took: Duration,
}

/// The fewest passes, whatever the memory: 3, as the default has.
const PASSES: u32 = 3;
const MAX_PASSES: u32 = 100;

/// Looks for parameters of which one hash takes about `target`: first as much memory as that allows, since memory is what makes
/// a guesser's hardware dear, then more passes. Never under the floor of OWASP ASVS 5.0; on a machine so slow that even that takes longer,
/// the floor is the answer. All that was measured, the answer last.
pub fn calibrate<E>(
    wanted: Wanted,
    mut measure: impl FnMut(Argon2Params) -> Result<Duration, E>,
) -> Result<Vec<Measured>, E> {
    let mut tried = Vec::new();
    let mut attempt = |params: Argon2Params| {
        let took = measure(params)?;
        let measured = Measured { params, took };
        tried.push(measured);
        Ok(measured)
    };
    let mut best = attempt(Argon2Params::floor())?;
    for memory in ladder(wanted.max_memory_kib) {
        let Ok(params) = Argon2Params::new(memory, PASSES, 1) else {
            break;
        };
        let next = attempt(params)?;
        if next.took > wanted.target {
            break;
        }
        best = next;
    }
    let passes = passes_within(wanted.target, best);
    if passes > PASSES
        && let Ok(params) = Argon2Params::new(best.params.memory_kib(), passes, 1)
    {
        best = attempt(params)?;
    }
    tried.retain(|measured| *measured != best);
    tried.push(best);
    Ok(tried)
}

/// From 19 MiB up to the most, each step a half or a third more.
fn ladder(max: u32) -> impl Iterator<Item = u32> {
    let mebibytes = [19, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024];
    mebibytes
        .into_iter()
        .map(|mib| mib * 1_024)
        .take_while(move |kib| *kib <= max)
}

/// Passes cost the same each.
fn passes_within(target: Duration, measured: Measured) -> u32 {
    let each = measured.took.as_micros() / u128::from(measured.params.iterations().max(1));
    let passes = target.as_micros() / each.max(1);
    u32::try_from(passes)
        .unwrap_or(MAX_PASSES)
        .clamp(PASSES, MAX_PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(nanos_per_kib: u64, target_ms: u64, max_mib: u32) -> Vec<Measured> {
        let wanted = Wanted {
            target: Duration::from_millis(target_ms),
            max_memory_kib: max_mib * 1_024,
        };
        let cost = |params: Argon2Params| {
            let work = u64::from(params.memory_kib()) * u64::from(params.iterations());
            Ok::<_, ()>(Duration::from_nanos(work * nanos_per_kib))
        };
        calibrate(wanted, cost).unwrap()
    }

    #[test]
    fn memory_grows_first_and_passes_fill_up_the_rest() {
        // 64 MiB in 3 passes take 98 ms: a machine of today.
        let found = on(500, 375, 128);
        let best = found.last().unwrap();
        assert_eq!(best.params.memory_kib(), 131_072);
        assert_eq!(best.params.iterations(), 5);
        assert!((250..=500).contains(&best.took.as_millis()), "{best:?}");
        let best = *on(500, 375, 1_024).last().unwrap();
        assert_eq!((best.params.memory_kib(), best.params.iterations()), (196_608, 3));
    }

    #[test]
    fn whatever_the_machine_the_answer_is_within_bounds() {
        for nanos in [1, 10, 100, 1_000, 3_000, 10_000, 100_000] {
            for max in [12, 19, 64, 256, 1_024] {
                let found = on(nanos, 375, max);
                let Measured { params, took } = *found.last().unwrap();
                assert!(Argon2Params::new(params.memory_kib(), params.iterations(), 1).is_ok());
                assert!(params.memory_kib() <= (max * 1_024).max(12_288));
                assert!(
                    took.as_millis() <= 375 || params == Argon2Params::floor(),
                    "{nanos} {max}: {took:?}"
                );
            }
        }
    }

    #[test]
    fn a_slow_machine_is_told_the_floor_and_a_failure_is_passed_on() {
        assert_eq!(
            on(100_000, 250, 1_024).last().unwrap().params,
            Argon2Params::floor()
        );
        let wanted = Wanted {
            target: Duration::from_millis(250),
            max_memory_kib: 65_536,
        };
        assert_eq!(calibrate(wanted, |_| Err("no memory")), Err("no memory"));
    }
}
