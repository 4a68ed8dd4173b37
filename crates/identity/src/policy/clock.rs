//! Times of the day and days of the week, UTC.

use std::fmt;

use serde::{Deserialize, Serialize};
use vutf_kernel::Timestamp;

use crate::ValueError;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// A minute of the day, `07:30`; `24:00` is the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Reads `HH:MM`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let read = || {
            let (hour, minute) = text.split_once(':')?;
            let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            let (hour, minute) = (digits(hour) && digits(minute)).then_some((hour, minute))?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            let of_day = hour * 60 + minute;
            (minute < 60 && of_day <= 24 * 60).then_some(Self(of_day))
        };
        read()
            .ok_or_else(|| ValueError::new("policy_condition", "a time of the day is HH:MM, 00:00 to 24:00"))
    }

    /// Whether `minute` is at or after `from` and before `to`; across midnight where `from` is later.
    pub(super) fn between(from: Self, to: Self, minute: u16) -> bool {
        if from <= to {
            (from.0..to.0).contains(&minute)
        } else {
            minute >= from.0 || minute < to.0
        }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::parse(&text)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say what they are")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// The first of January 1970 was a Thursday.
const FROM_EPOCH: [Weekday; 7] = [
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
];

/// The day of the week of an instant.
pub(super) fn weekday(at: Timestamp) -> Weekday {
    let day = at.as_secs().div_euclid(DAY).rem_euclid(7);
    let index = usize::try_from(day).unwrap_or(0);
    FROM_EPOCH.get(index).copied().unwrap_or(Weekday::Thu)
}

/// The minute of its day.
pub(super) fn minute_of_day(at: Timestamp) -> u16 {
    u16::try_from(at.as_secs().rem_euclid(DAY) / MINUTE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn days_and_minutes_are_those_of_the_calendar() {
        for (text, day, minute) in [
            ("1970-01-01T00:00:00Z", Weekday::Thu, 0),
            ("2026-11-30T23:59:59Z", Weekday::Mon, 1_439),
            ("2024-02-29T12:30:00Z", Weekday::Thu, 750),
            ("1969-12-31T23:59:59Z", Weekday::Wed, 1_439),
            ("2000-01-01T00:01:00Z", Weekday::Sat, 1),
        ] {
            assert_eq!(
                (weekday(at(text)), minute_of_day(at(text))),
                (day, minute),
                "{text}"
            );
        }
    }

    #[test]
    fn hours_may_span_midnight() {
        let time = |text| TimeOfDay::parse(text).unwrap();
        for (from, to, now, inside) in [
            ("07:00", "19:00", "07:00", true),
            ("07:00", "19:00", "19:00", false),
            ("22:00", "06:00", "23:30", true),
            ("22:00", "06:00", "05:59", true),
            ("22:00", "06:00", "06:00", false),
            ("18:00", "24:00", "23:59", true),
        ] {
            let now = time(now).0;
            assert_eq!(
                TimeOfDay::between(time(from), time(to), now),
                inside,
                "{from} {to} {now}"
            );
        }
    }

    #[test]
    fn other_forms_of_a_time_are_refused() {
        for bad in [
            "", "7:00", "07:60", "24:01", "25:00", "+7:00", "07:00:00", "07.00", "0７:00",
        ] {
            assert!(TimeOfDay::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(TimeOfDay::parse("24:00").unwrap().to_string(), "24:00");
    }
}
