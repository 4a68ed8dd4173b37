//! How much and how lately somebody must have proved who they are. RFC 9470 (step-up), NIST SP 800-63B-4.

use std::time::Duration;

use vutf_kernel::{Aal, Assurance, Class, Ctx, Timestamp};

use crate::session::is_break_glass;

/// What an act demands of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The least level.
    pub aal: Aal,
    /// The last proof is at most so old.
    pub max_age: Duration,
}

/// Whoever changes a factor has proved within 5 min who they are (OWASP ASVS 5.0 §7.5.1).
pub const FRESH: Demand = Demand {
    aal: Aal::Aal1,
    max_age: Duration::from_mins(5),
};

/// The same with two factors, of whoever has two.
pub const FRESH_SECOND_FACTOR: Demand = Demand {
    aal: Aal::Aal2,
    ..FRESH
};

/// The session has not proved enough, or not lately enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prove again who you are, and repeat the request")]
pub struct InsufficientAuthentication(pub Demand);

impl InsufficientAuthentication {
    /// RFC 9470 §3: the credential is not enough.
    pub fn class(&self) -> Class {
        Class::Unauthenticated
    }
    /// The error code of RFC 9470 §3.
    pub fn code(&self) -> &'static str {
        "insufficient_user_authentication"
    }
}

impl Demand {
    /// Refuses a session that does not meet it. Who is in none has proved nothing, but for the service itself and its operator.
    pub fn check(&self, ctx: &Ctx, now: Timestamp) -> Result<(), InsufficientAuthentication> {
        // Whoever broke the glass can prove nothing anew, and has not long.
        let meets = |assurance: &Assurance| {
            is_break_glass(assurance)
                || assurance.aal >= self.aal && now.since(assurance.auth_time) <= self.max_age
        };
        // A proof counts where it was given.
        if ctx.is_trusted() || !ctx.moved && ctx.assurance.as_ref().is_some_and(meets) {
            Ok(())
        } else {
            Err(InsufficientAuthentication(*self))
        }
    }
}

/// `before`, after another method was proved. The level never falls.
pub(crate) fn raised(before: &Assurance, aal: Aal, method: &str, auth_time: Timestamp) -> Assurance {
    let mut amr = before.amr.clone();
    if !amr.iter().any(|known| known == method) {
        amr.push(method.to_owned());
    }
    Assurance {
        aal: before.aal.max(aal),
        auth_time,
        amr,
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{Actor, OrganizationId, Origin, RequestId};

    use super::*;

    fn ctx(aal: Aal, auth_time: Timestamp) -> Ctx {
        let request = RequestId::parse("r").unwrap();
        Ctx {
            assurance: Some(Assurance {
                aal,
                auth_time,
                amr: vec!["pwd".to_owned()],
            }),
            ..Ctx::anonymous(OrganizationId::DEFAULT, request, Origin::default())
        }
    }

    #[test]
    fn level_and_age_are_both_needed() {
        let then = Timestamp::from_secs(1_000);
        let (just, late) = (
            then.plus(FRESH.max_age),
            then.plus(FRESH.max_age + Duration::from_micros(1)),
        );
        for (demand, aal, now, met) in [
            (FRESH, Aal::Aal1, just, true),
            (FRESH, Aal::Aal1, late, false),
            (FRESH, Aal::Aal2, just, true),
            (FRESH_SECOND_FACTOR, Aal::Aal1, then, false),
            (FRESH_SECOND_FACTOR, Aal::Aal2, just, true),
            (FRESH_SECOND_FACTOR, Aal::Aal3, just, true),
            (FRESH_SECOND_FACTOR, Aal::Aal2, late, false),
        ] {
            assert_eq!(
                demand.check(&ctx(aal, then), now).is_ok(),
                met,
                "{demand:?} {aal:?}"
            );
        }
    }

    #[test]
    fn a_proof_counts_where_it_was_given() {
        let then = Timestamp::from_secs(1_000);
        let elsewhere = Ctx {
            moved: true,
            ..ctx(Aal::Aal3, then)
        };
        assert!(FRESH.check(&elsewhere, then).is_err());
    }

    #[test]
    fn strangers_have_proved_nothing_and_the_operator_needs_not() {
        let now = Timestamp::from_secs(1);
        let request = RequestId::parse("r").unwrap();
        let stranger = Ctx::anonymous(OrganizationId::DEFAULT, request.clone(), Origin::default());
        assert_eq!(
            FRESH.check(&stranger, now),
            Err(InsufficientAuthentication(FRESH))
        );
        let operator = Ctx::internal(OrganizationId::DEFAULT, Actor::Operator, request);
        assert_eq!(FRESH_SECOND_FACTOR.check(&operator, now), Ok(()));
    }

    #[test]
    fn a_proof_adds_a_method_and_never_lowers_the_level() {
        let before = ctx(Aal::Aal2, Timestamp::from_secs(1)).assurance.unwrap();
        let after = raised(&before, Aal::Aal1, "otp", Timestamp::from_secs(9));
        assert_eq!((after.aal, after.auth_time), (Aal::Aal2, Timestamp::from_secs(9)));
        assert_eq!(after.amr, ["pwd", "otp"]);
        assert_eq!(raised(&after, Aal::Aal2, "otp", after.auth_time), after);
    }
}
