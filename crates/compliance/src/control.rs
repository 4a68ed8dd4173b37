//! Identifiers of the controls of NIST SP 800-53 revision 5.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The control families of SP 800-53 r5, table 1.
const FAMILIES: [&str; 20] = [
    "AC", "AT", "AU", "CA", "CM", "CP", "IA", "IR", "MA", "MP", "PE", "PL", "PM", "PS", "PT", "RA", "SA",
    "SC", "SI", "SR",
];

/// A control or control enhancement, written as in SP 800-53: `AC-7`, `AC-2(1)`.
///
/// The form is checked, and that the family exists; whether the catalogue has a control of that number is the catalogue's
/// to say. Ordered as the catalogue is: family, number, enhancement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlId {
    family: &'static str,
    number: u8,
    /// 0 where the control itself is meant.
    enhancement: u8,
}

/// Why a text is no control id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlIdError {
    /// Not `XX-n` or `XX-n(m)` with numbers from 1 to 99, without leading zeros or spaces.
    #[error("a control id has the form AC-7 or AC-2(1)")]
    Form,
    /// SP 800-53 r5 has no such family.
    #[error("SP 800-53 r5 has no such control family")]
    Family,
}

impl ControlId {
    /// AU-9, protection of audit information.
    pub const AU_9: Self = Self {
        family: "AU",
        number: 9,
        enhancement: 0,
    };

    /// Parses `AC-7` or `AC-2(1)`, in upper case.
    pub fn parse(text: &str) -> Result<Self, ControlIdError> {
        let (family, rest) = text.split_once('-').ok_or(ControlIdError::Form)?;
        if family.len() != 2 || !family.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(ControlIdError::Form);
        }
        let (number, enhancement) = match rest.split_once('(') {
            None => (rest, None),
            Some((number, tail)) => (number, Some(tail.strip_suffix(')').ok_or(ControlIdError::Form)?)),
        };
        Ok(Self {
            number: parse_number(number)?,
            enhancement: enhancement.map_or(Ok(0), parse_number)?,
            family: FAMILIES
                .into_iter()
                .find(|known| *known == family)
                .ok_or(ControlIdError::Family)?,
        })
    }

    /// The family, e.g. `AC`.
    pub fn family(self) -> &'static str {
        self.family
    }

    /// The control that this one enhances; itself, if it is no enhancement.
    #[must_use]
    pub fn base(self) -> Self {
        Self {
            enhancement: 0,
            ..self
        }
    }

    /// As the OSCAL catalogue writes it: `ac-7`, `ac-2.1`.
    pub fn oscal(self) -> String {
        let family = self.family.to_ascii_lowercase();
        match self.enhancement {
            0 => format!("{family}-{}", self.number),
            enhancement => format!("{family}-{}.{enhancement}", self.number),
        }
    }
}

/// 1 to 99, no leading zero, no sign.
fn parse_number(text: &str) -> Result<u8, ControlIdError> {
    let plain =
        matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if !plain {
        return Err(ControlIdError::Form);
    }
    text.parse().map_err(|_| ControlIdError::Form)
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enhancement {
            0 => write!(f, "{}-{}", self.family, self.number),
            enhancement => write!(f, "{}-{}({enhancement})", self.family, self.number),
        }
    }
}

impl FromStr for ControlId {
    type Err = ControlIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for ControlId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ControlId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_read_as_the_catalogue_writes_them() {
        let id = ControlId::parse("AC-2(13)").unwrap();
        assert_eq!((id.family(), id.to_string().as_str()), ("AC", "AC-2(13)"));
        assert_eq!(id.oscal(), "ac-2.13");
        assert_eq!(id.base(), ControlId::parse("AC-2").unwrap());
        assert_eq!(id.base().oscal(), "ac-2");
        assert_eq!(ControlId::parse("AU-9"), Ok(ControlId::AU_9));
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "",
            "AC",
            "AC-",
            "AC-0",
            "AC-07",
            "AC-100",
            "AC-+7",
            "ac-7",
            "AC-2()",
            "AC-2(0)",
            "AC-2(1",
            "AC-2(1)x",
            "AC-2 (1)",
            "AC-2(1)(2)",
            "AC 7",
            "É-7",
            "ACC-7",
            " AC-7",
        ] {
            assert_eq!(ControlId::parse(bad), Err(ControlIdError::Form), "{bad:?}");
        }
        assert_eq!(ControlId::parse("ZZ-1"), Err(ControlIdError::Family));
    }

    #[test]
    fn the_order_is_that_of_the_catalogue() {
        let order = ["AC-2", "AC-2(1)", "AC-2(13)", "AC-7", "AC-17", "AU-2"];
        let ids = order.map(|text| ControlId::parse(text).unwrap());
        assert!(ids.is_sorted());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_the_same_or_refused(text in ".{0,12}") {
            if let Ok(id) = ControlId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn every_id_round_trips(family in 0_usize..20, number in 1_u8..100, enhancement in 0_u8..100) {
            let id = ControlId { family: FAMILIES[family], number, enhancement };
            prop_assert_eq!(ControlId::parse(&id.to_string()), Ok(id));
        }
    }
}
