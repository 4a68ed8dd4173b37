//! A set of sequence numbers as a text: `0-12,14,20-99`. Runs of an old span are mostly whole, so it is short.

use std::{fmt, str::FromStr};

/// Numbers in ascending order, in as few ranges as there can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seqs(Vec<(i64, i64)>);

/// The text is no such set, or not written the one way that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a set of sequence numbers such as 0-12,14")]
pub struct SeqsError;

impl Seqs {
    /// Adds a number above all that are in it. `false` when it is not.
    pub fn push(&mut self, seq: i64) -> bool {
        match self.0.last_mut() {
            Some((_, last)) if seq <= *last => return false,
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.0.push((seq, seq)),
        }
        true
    }

    /// First and last number of each range, in ascending order.
    pub fn ranges(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().copied()
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.abs_diff(*first) + 1).sum()
    }

    /// The lowest.
    pub fn first(&self) -> Option<i64> {
        self.0.first().map(|(first, _)| *first)
    }

    /// The highest.
    pub fn last(&self) -> Option<i64> {
        self.0.last().map(|(_, last)| *last)
    }

    /// The lowest number that is in one of the two sets alone.
    pub fn first_unlike(&self, other: &Self) -> Option<i64> {
        let (mut mine, mut theirs) = (self.0.iter(), other.0.iter());
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return None,
                (Some((first, _)), None) | (None, Some((first, _))) => return Some(*first),
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) if a.0 != b.0 => return Some(a.0.min(b.0)),
                (Some(a), Some(b)) => return Some(a.1.min(b.1) + 1),
            }
        }
    }

    /// Those at `from` and above.
    #[must_use]
    pub fn at_least(&self, from: i64) -> Self {
        let above = self.0.iter().filter(|(_, last)| *last >= from);
        Self(above.map(|(first, last)| ((*first).max(from), *last)).collect())
    }

    /// Whether the number is in it.
    pub fn contains(&self, seq: i64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < seq);
        self.0.get(at).is_some_and(|(first, _)| *first <= seq)
    }
}

impl fmt::Display for Seqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Seqs {
    type Err = SeqsError;

    fn from_str(text: &str) -> Result<Self, SeqsError> {
        let mut ranges = Vec::new();
        for range in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let range: (i64, i64) = (number(first)?, number(last)?);
            let apart = |(_, before): &(i64, i64)| before.saturating_add(1) < range.0;
            if range.0 > range.1 || !ranges.last().is_none_or(apart) {
                return Err(SeqsError);
            }
            ranges.push(range);
        }
        let read = Self(ranges);
        if read.to_string() == text {
            Ok(read)
        } else {
            Err(SeqsError)
        }
    }
}

/// Below the largest, so that there is always a next one.
fn number(text: &str) -> Result<i64, SeqsError> {
    let number: i64 = text.parse().map_err(|_| SeqsError)?;
    if (0..i64::MAX).contains(&number) {
        Ok(number)
    } else {
        Err(SeqsError)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    fn of(numbers: &BTreeSet<i64>) -> Seqs {
        let mut seqs = Seqs::default();
        assert!(numbers.iter().all(|seq| seqs.push(*seq)));
        seqs
    }

    #[test]
    fn the_text_is_pinned() {
        let seqs = of(&BTreeSet::from([0, 1, 2, 5, 7, 8]));
        assert_eq!(seqs.to_string(), "0-2,5,7-8");
        assert_eq!(Seqs::default().to_string(), "");
        for bad in [
            "1-",
            "-1",
            "2-1",
            "1,1",
            "1,2",
            "1-2,3",
            "01",
            "1, 3",
            "1-1",
            "9223372036854775807",
            "a",
        ] {
            assert_eq!(bad.parse::<Seqs>(), Err(SeqsError), "{bad}");
        }
    }

    #[test]
    fn numbers_ascend() {
        let mut seqs = of(&BTreeSet::from([3]));
        assert!(!seqs.push(3) && !seqs.push(2) && seqs.push(4));
        assert_eq!(seqs.to_string(), "3-4");
    }

    proptest! {
        #[test]
        fn it_is_the_set(a in btree_set(0_i64..60, 0..40), b in btree_set(0_i64..60, 0..40), at in 0_i64..60) {
            let (one, two) = (of(&a), of(&b));
            prop_assert_eq!(one.to_string().parse::<Seqs>().unwrap(), one.clone());
            prop_assert_eq!(one.count(), a.len() as u64);
            prop_assert_eq!((one.first(), one.last()), (a.first().copied(), a.last().copied()));
            prop_assert_eq!(one.contains(at), a.contains(&at));
            prop_assert_eq!(one.first_unlike(&two), a.symmetric_difference(&b).min().copied());
            prop_assert_eq!(one.at_least(at), of(&a.range(at..).copied().collect()));
        }

        #[test]
        fn any_text_is_a_set_or_an_error(text in "[0-9,-]{0,24}") {
            if let Ok(seqs) = text.parse::<Seqs>() {
                prop_assert_eq!(seqs.to_string(), text);
            }
        }
    }
}
