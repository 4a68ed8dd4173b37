//! How many bits of a blind index a column of few values may keep.
//!
//! An index of `b` bits over `n` rows gives each query `C = n · 2^-b` rows that only happen to share it. Too few, and the
//! index is as good as the value: whoever steals the database counts how often each occurs. Too many, and every query reads
//! half of the table. The rule is `2 ≤ C < √n` (Fuller et al., SoK: Cryptographically Protected Database Search, 2017; the
//! planner of CipherSweet). Several indexes over one column are joined by whoever reads them all, so their bits add up.

use std::ops::RangeInclusive;

/// Bits of a truncated index: 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(u8);

impl Bits {
    /// The most that an index may keep: beyond it, it is not truncated in any useful sense.
    pub const MAX: u8 = 64;

    /// `None` outside of 1 to [`Bits::MAX`].
    pub const fn new(count: u8) -> Option<Self> {
        if count >= 1 && count <= Self::MAX {
            Some(Self(count))
        } else {
            None
        }
    }

    /// How many.
    pub const fn count(self) -> u8 {
        self.0
    }

    /// How many of `rows` share an index with a given one by coincidence, on average; rounded down.
    pub const fn coincidences(self, rows: u64) -> u64 {
        match rows.checked_shr(self.0 as u32) {
            Some(count) => count,
            None => 0,
        }
    }
}

/// Index sizes that are safe and useful for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The fewest bits: the most coincidences, the least that shows.
    pub least: Bits,
    /// The most bits: the fewest rows that a query reads in vain.
    pub most: Bits,
}

/// Why there is no truncated index for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// So few rows that any index shows which of them are equal. Read them all.
    #[error("{rows} rows are too few for a truncated index: decrypt and compare them all")]
    TooFewRows {
        /// The fewest rows that the column is to have.
        rows: u64,
    },
    /// An index that is safe while the column is small lets a query read too much once it is large.
    #[error(
        "no index size fits from {from} to {until} rows: plan for a shorter growth, and make the index anew after it"
    )]
    GrowsTooMuch {
        /// The fewest rows that the column is to have.
        from: u64,
        /// The most.
        until: u64,
    },
    /// The other indexes of the column leave no bit.
    #[error("the column's other indexes keep {taken} bits, and {safe} are safe in all")]
    Taken {
        /// Bits of the column's other indexes.
        taken: u8,
        /// How many are safe at most.
        safe: u8,
    },
}

/// Plans an index for a column that is to have this many rows, now and later, and whose other indexes keep `taken` bits.
///
/// Rows are those that are spread evenly: of a column in which one value is in every other row, count the rows of the rest.
pub fn plan(rows: RangeInclusive<u64>, taken: u8) -> Result<Plan, PlanError> {
    let (from, until) = (*rows.start(), (*rows.start()).max(*rows.end()));
    // 2 ≤ n · 2^-b at the fewest rows, all indexes of the column together.
    let safe = from.checked_ilog2().unwrap_or(0).saturating_sub(1);
    // n · 2^-b < √n at the most rows, for this index alone: 2^2b > n.
    let useful = until.checked_ilog2().unwrap_or(0) / 2 + 1;
    if from.checked_ilog2().unwrap_or(0) / 2 + 1 > safe {
        return Err(PlanError::TooFewRows { rows: from });
    }
    if useful > safe {
        return Err(PlanError::GrowsTooMuch { from, until });
    }
    let left = safe.saturating_sub(u32::from(taken));
    if useful > left {
        let safe = u8::try_from(safe).unwrap_or(u8::MAX);
        return Err(PlanError::Taken { taken, safe });
    }
    let bits = |count: u32| u8::try_from(count).ok().and_then(Bits::new);
    match (bits(useful), bits(left)) {
        (Some(least), Some(most)) => Ok(Plan { least, most }),
        _ => Err(PlanError::TooFewRows { rows: from }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(bits: u32, rows: u64) -> (bool, bool) {
        let (n, size) = (u128::from(rows), 1_u128 << bits);
        // 2 ≤ n / 2^b, and (n / 2^b)² < n.
        (
            2 * size <= n,
            size.checked_mul(size).is_none_or(|square| n < square),
        )
    }

    #[test]
    fn known_sizes() {
        let sizes = |rows| plan(rows..=rows, 0).map(|plan| (plan.least.count(), plan.most.count()));
        assert_eq!(sizes(4), Err(PlanError::TooFewRows { rows: 4 }));
        assert_eq!(sizes(8), Ok((2, 2)));
        assert_eq!(sizes(10_000), Ok((7, 12)));
        assert_eq!(sizes(1_000_000), Ok((10, 18)));
        assert_eq!(Bits::new(12).map(|bits| bits.coincidences(10_000)), Some(2));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        assert_eq!(plan(0..=0, 0), Err(PlanError::TooFewRows { rows: 0 }));
        let from_to = PlanError::GrowsTooMuch {
            from: 100,
            until: 1 << 40,
        };
        assert_eq!(plan(100..=1 << 40, 0), Err(from_to));
        assert_eq!(
            plan(10_000..=10_000, 6),
            Err(PlanError::Taken { taken: 6, safe: 12 })
        );
        assert!(Bits::new(0).is_none() && Bits::new(65).is_none());
    }

    proptest! {
        #[test]
        fn every_size_of_a_plan_keeps_the_rule_and_no_other_size_does(
            from in 0_u64..1 << 50, more in 0_u64..1 << 50, taken in 0_u8..20,
        ) {
            let until = from + more;
            let fits = |bits: u32| {
                let (safe, _) = holds(bits + u32::from(taken), from);
                let (_, useful) = holds(bits, until);
                safe && useful
            };
            match plan(from..=until, taken) {
                Ok(plan) => {
                    for bits in 1..=60_u32 {
                        let within = (u32::from(plan.least.count())..=u32::from(plan.most.count())).contains(&bits);
                        prop_assert_eq!(within, fits(bits), "{} bits", bits);
                    }
                }
                Err(_) => prop_assert!((1..=60).all(|bits| !fits(bits))),
            }
        }
    }
}
