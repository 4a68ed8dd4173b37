//! Settings of what takes two persons, and of the way in for emergencies.

use std::time::Duration;

use super::macros::{choice, settings};

choice! {
    /// Whether the most dangerous acts take two persons.
    pub enum TwoPerson: "`auto`, `on` or `off`" {
        /// `on` in production, `off` in development.
        Auto = "auto",
        /// They do.
        On = "on",
        /// One person is enough.
        Off = "off",
    }
}

settings! {
    /// What takes two persons, and the way in for emergencies.
    pub struct Authorization("authorization.") {
        /// Whether it takes two persons to give or take the role of super administrators, and to switch off or silence a rule that
        /// watches over the audit log. To destroy a key always does.
        two_person: TwoPerson = TwoPerson::Auto, source = "NIST SP 800-53, AC-3(2), AC-5";
        /// How long the session lasts that comes of breaking the glass.
        break_glass_life: Duration = Duration::from_hours(1), floor = Duration::from_mins(5), ceiling = Duration::from_hours(8), source = "NIST SP 800-53, AC-2(2)";
    }
}
