//! What the kernel knows about this process (`/proc`, Linux only).

use std::fs;

/// Memory and descriptors of this process; what cannot be read is absent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessFacts {
    pub(super) resident_bytes: Option<i64>,
    pub(super) open_descriptors: Option<i64>,
    pub(super) threads: Option<i64>,
}

impl ProcessFacts {
    pub(super) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            resident_bytes: field(&status, "VmRSS:").and_then(|kib| kib.checked_mul(1_024)),
            open_descriptors: fs::read_dir("/proc/self/fd")
                .ok()
                // The directory handle that counts is one of them.
                .and_then(|entries| i64::try_from(entries.count()).ok())
                .map(|count| count.saturating_sub(1)),
            threads: field(&status, "Threads:"),
        }
    }
}

fn field(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let status = "Name:\tx\nVmRSS:\t    5120 kB\nThreads:\t3\n";
        assert_eq!(field(status, "VmRSS:"), Some(5_120));
        assert_eq!(field(status, "Threads:"), Some(3));
        assert_eq!(field(status, "VmSwap:"), None);
        assert_eq!(field("VmRSS:\tmany kB", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_descriptors() {
        let facts = ProcessFacts::read();
        assert!(facts.resident_bytes.unwrap() > 0);
        assert!(facts.open_descriptors.unwrap() > 0);
        assert!(facts.threads.unwrap() > 0);
    }
}
