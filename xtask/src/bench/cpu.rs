//! CPU time of another process.

use std::fs;

use anyhow::{Context as _, Result};

use crate::workspace::output_of;

/// Reads user and system time.
pub(crate) struct Clock {
    ticks: f64,
}

impl Clock {
    pub(crate) fn new() -> Result<Self> {
        let text = output_of(std::process::Command::new("getconf").arg("CLK_TCK"))?;
        Ok(Self {
            ticks: text.trim().parse()?,
        })
    }

    /// What a process has used since its start, in seconds.
    pub(crate) fn seconds(&self, process: u32) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let used = ticks_of(&stat).context("/proc/PID/stat has no times")?;
        Ok(f64::from(used) / self.ticks)
    }
}

/// Fields 14 and 15 of proc(5); the second, the name, may hold anything but ends with the last parenthesis.
fn ticks_of(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_past_any_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1000 1 1";
        assert_eq!(ticks_of(stat), Some(300));
    }
}
