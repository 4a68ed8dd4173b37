//! SPDX licence expressions (annex D of the SPDX specification 2.3), as far as crates use them.

/// Whether `expression` can be met with licences for which `allowed` is true. `/` is an old way to write `OR`.
pub(crate) fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        words: &words,
        allowed,
    };
    parser.either() == Some(true) && parser.words.is_empty()
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

/// Each reads one construct and tells whether it is met; `None` when it is malformed.
impl<'a> Parser<'a> {
    fn either(&mut self) -> Option<bool> {
        let mut met = self.both()?;
        while self.take("OR") {
            // Not `||`: the right side has to be read in any case.
            met |= self.both()?;
        }
        Some(met)
    }

    fn both(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.either()?;
            return self.take(")").then_some(met);
        }
        let licence = self.next()?;
        if self.take("WITH") {
            let exception = self.next()?;
            return Some((self.allowed)(&format!("{licence} WITH {exception}")));
        }
        Some((self.allowed)(licence))
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> bool {
        is_met(expression, &|licence| {
            ["MIT", "Apache-2.0", "Unicode-3.0"].contains(&licence)
        })
    }

    #[test]
    fn an_alternative_needs_one_and_a_sum_needs_all() {
        assert!(met("MIT"));
        assert!(met("GPL-3.0 OR MIT"));
        assert!(met("GPL-3.0/MIT"));
        assert!(met("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(!met("MIT AND GPL-3.0"));
        assert!(met("GPL-3.0 AND ISC OR MIT"), "AND binds closer than OR");
        assert!(!met("(GPL-3.0 OR MIT) AND ISC"));
    }

    #[test]
    fn an_exception_has_to_be_allowed_as_a_whole() {
        assert!(!met("Apache-2.0 WITH LLVM-exception"));
        assert!(is_met("A WITH B", &|licence| licence == "A WITH B"));
    }

    #[test]
    fn malformed_expressions_are_not_met() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT MIT"] {
            assert!(!met(expression), "{expression}");
        }
    }
}
