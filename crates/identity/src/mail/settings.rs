//! Numbers of mails and links.

use std::time::Duration;

/// Numbers of mails and links. Defaults and sources: docs/configuration.md, section `identity.links`.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Whether anybody sends mail. Without it nothing is queued, and what cannot be done without mail is refused.
    pub enabled: bool,
    /// Life of a link that sets a password; default 15 min.
    pub reset_life: Duration,
    /// Life of a link that verifies an address; default 24 h.
    pub verify_life: Duration,
    /// Life of a link that changes the address; default 1 h.
    pub change_life: Duration,
    /// How long the owner of the old address may object; default 72 h.
    pub objection_life: Duration,
    /// Life of a link that lifts the delays after wrong passwords; and no account is written to about that more often. Default 24 h.
    pub unlock_life: Duration,
    /// Life of an invitation; default 7 d.
    pub invitation_life: Duration,
    /// No account is sent a link of the same purpose sooner than this after the last; default 1 min.
    pub pause: Duration,
    /// Attempts at one mail; default 8.
    pub attempts: u32,
    /// The pause after the first attempt that fails; it doubles with each, up to an hour. Default 5 s.
    pub first_pause: Duration,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            reset_life: Duration::from_mins(15),
            verify_life: Duration::from_hours(24),
            change_life: Duration::from_hours(1),
            objection_life: Duration::from_hours(72),
            unlock_life: Duration::from_hours(24),
            invitation_life: Duration::from_hours(7 * 24),
            pause: Duration::from_mins(1),
            attempts: 8,
            first_pause: Duration::from_secs(5),
        }
    }
}

impl MailSettings {
    /// How long to wait after so many attempts that failed.
    pub(crate) fn pause_after(&self, attempts: u32) -> Duration {
        const LONGEST: Duration = Duration::from_hours(1);
        let doubled = self
            .first_pause
            .saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let settings = MailSettings::default();
        let seconds = |attempts| settings.pause_after(attempts).as_secs();
        assert_eq!([seconds(1), seconds(2), seconds(3)], [5, 10, 20]);
        assert_eq!([seconds(20), seconds(40), seconds(u32::MAX)], [3_600; 3]);
    }
}
