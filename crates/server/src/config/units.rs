//! Durations and sizes, always with their unit.

use std::time::Duration;

use toml::Value;

use super::value::{Setting, text};

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const SIZE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Whole mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
    /// Whole kibibytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }
    /// As a length in memory; saturates on machines whose addresses are smaller.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Setting for ByteSize {
    const KIND: &'static str = "size";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, "a size with its unit such as \"1MiB\"")?;
        scaled(text, &SIZE_UNITS)
            .map(Self)
            .ok_or_else(|| format!("expected a size such as 512B, 8KiB or 1MiB, found {text:?}"))
    }
    fn show(&self) -> String {
        unscaled(self.0, &SIZE_UNITS)
    }
    fn is_below(&self, floor: &Self) -> bool {
        self < floor
    }
}

impl Setting for Duration {
    const KIND: &'static str = "duration";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, "a duration with its unit such as \"30s\"")?;
        scaled(text, &DURATION_UNITS)
            .map(Self::from_millis)
            .ok_or_else(|| format!("expected a duration such as 250ms, 30s, 10m, 1h or 14d, found {text:?}"))
    }
    fn show(&self) -> String {
        unscaled(
            u64::try_from(self.as_millis()).unwrap_or(u64::MAX),
            &DURATION_UNITS,
        )
    }
    fn is_below(&self, floor: &Self) -> bool {
        self < floor
    }
}

/// A duration as settings write it, e.g. `90d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Duration::parse(&Value::String(text.to_owned()))
}

/// The same, back.
pub(crate) fn shown(duration: Duration) -> String {
    duration.show()
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The largest unit that leaves no remainder.
fn unscaled(amount: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| amount >= *factor && amount.is_multiple_of(*factor))
        .copied()
        .unwrap_or(units[0]);
    format!("{}{name}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written_alike() {
        for text in ["250ms", "30s", "10m", "1h", "14d", "90s"] {
            assert_eq!(Duration::parse(&Value::String(text.into())).unwrap().show(), text);
        }
        for text in ["512B", "8KiB", "1MiB"] {
            assert_eq!(ByteSize::parse(&Value::String(text.into())).unwrap().show(), text);
        }
        assert_eq!(Duration::ZERO.show(), "0ms");
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for value in [
            Value::Integer(30),
            Value::String("30".into()),
            Value::String("-1s".into()),
            Value::String("18446744073709551615d".into()),
        ] {
            assert!(Duration::parse(&value).is_err(), "{value}");
        }
    }
}
