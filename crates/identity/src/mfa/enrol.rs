//! Makes the secret of a new authenticator app. It counts once a code has confirmed it.

use std::time::Duration;

use vutf_kernel::{Ctx, FactorId, Secret, Stamps};

use super::{
    ENROLMENT_LIFE, InsufficientAuthentication, TotpFactor, TotpSecret, factors,
    freshness::{FRESH, FRESH_SECOND_FACTOR},
    own, totp,
};
use crate::{Identity, RuleError, action, refusal::use_case_error, role::permission, work::Work};

/// What an app is given. Shown once.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// For an app that reads no QR code.
    pub secret: Secret<String>,
    /// For a QR code.
    pub otpauth_uri: Secret<String>,
    /// How long it waits to be confirmed.
    pub expires_in: Duration,
}

use_case_error! {
    /// Why no secret was made.
    EnrolError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
    } {
        /// A permission is missing.
        Rule(RuleError);
        /// The last proof is too old; of whoever has a second factor, that factor is asked for.
        Fresh(InsufficientAuthentication);
    }
}

/// Makes a secret, in the place of another that waits to be confirmed. A factor that is confirmed stays until the new one is.
pub async fn enrol(ctx: &Ctx, id: &Identity) -> Result<Enrolment, EnrolError> {
    let done = id.run(ctx, (), |work| Box::pin(apply(work))).await;
    id.audited(ctx, own(action::MFA_ENROL, ctx), done).await
}

async fn apply(mut work: Work<'_, ()>) -> Result<Enrolment, EnrolError> {
    let user = work.signed_in().ok_or(EnrolError::NotSignedIn)?;
    work.require(&permission::SELF_MANAGE)?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    FRESH.check(&work.ctx, now)?;
    if factors(&mut work, user).await?.any() {
        FRESH_SECOND_FACTOR.check(&work.ctx, now)?;
    }
    let account = work.tx.users().find(organization, user).await?;
    let account = account.ok_or(EnrolError::NotSignedIn)?;
    let secret = TotpSecret::generate(work.env.entropy);
    let issuer = totp::issuer_name(&work.id.settings.issuer);
    let otpauth_uri = secret.otpauth_uri(issuer, account.username.expose())?;
    let factor = TotpFactor {
        id: FactorId::generate(work.env.clock, work.env.entropy),
        organization_id: organization,
        user_id: user,
        secret: secret.clone(),
        confirmed_at: None,
        last_step: 0,
        stamps: Stamps::new(Some(user), now),
    };
    work.tx.mfa().enrol(&factor).await?;
    work.done(&own(action::MFA_ENROL, &work.ctx)).await?;
    Ok(Enrolment {
        secret: secret.to_base32(),
        otpauth_uri,
        expires_in: ENROLMENT_LIFE,
    })
}
