//! What this process has computed, and how busy the machine is besides.

use std::{fs, time::Duration};

/// User and system time of this process: its threads write, seal, sequence and verify; the database is another process.
pub(crate) fn used() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // Fields 14 and 15 of proc(5), in hundredths of a second on every Linux; the second field ends with the last parenthesis.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields = rest.split_whitespace().skip(11).take(2);
    let hundredths: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(hundredths * 10)
}

/// Of the last minute, of all processes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap_or_default().to_owned()
}
