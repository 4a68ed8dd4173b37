//! What a right password is answered with where a second factor is asked for: a secret that is good for one sign-in, for five
//! minutes, and for nothing else.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{Entropy, PortError, Secret, Timestamp, UserId};

use crate::{
    User, action,
    mfa::{CHALLENGE_LIFE, Method, MfaChallenge},
    passkey::{Challenge, RequestOptions},
    refresh::TokenHash,
    work::{About, Work},
};

/// By which scanners recognise a leaked one.
const PREFIX: &str = "vutf_mc_";

/// A sign-in that waits for its second factor.
#[derive(Clone, Debug)]
pub struct Challenged {
    /// Opaque; presented with the code.
    pub challenge: Secret<String>,
    /// What may be presented.
    pub methods: Vec<Method>,
    /// How to answer with a passkey, of whoever has one.
    pub passkey: Option<RequestOptions>,
    /// How long it waits.
    pub expires_in: Duration,
    /// Who signs in.
    pub user_id: UserId,
}

/// Makes one, bound to the user, to their epoch and to the password that was proved.
pub(super) async fn challenge<C>(
    work: &mut Work<'_, C>,
    user: &User,
    password_changed_at: Timestamp,
) -> Result<Challenged, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let secret = fresh(work.env.entropy);
    let waiting = MfaChallenge {
        hash: TokenHash::of(secret.expose()),
        organization_id: organization,
        user_id: user.id,
        epoch: user.epoch,
        password_changed_at,
        expires_at: now.plus(CHALLENGE_LIFE),
        created_at: now,
    };
    work.tx.mfa().open_challenge(&waiting).await?;
    let passkeys = work.tx.passkeys().of_user(organization, user.id).await?;
    let mut methods = Vec::with_capacity(3);
    if !passkeys.is_empty() {
        methods.push(Method::Passkey);
    }
    if work.tx.mfa().confirmed(organization, user.id).await?.is_some() {
        methods.push(Method::Totp);
    }
    if work.tx.mfa().codes_left(organization, user.id).await? > 0 {
        methods.push(Method::BackupCode);
    }
    work.done(&About::user(action::MFA_CHALLENGE, user.id)).await?;
    // The password was proved: that somebody has the authenticator is the second factor.
    let asked = RequestOptions::of(
        &work.id.settings.passkeys,
        Challenge::of_sign_in(&secret),
        &passkeys,
        false,
    );
    Ok(Challenged {
        challenge: secret,
        passkey: (!passkeys.is_empty()).then_some(asked),
        methods,
        expires_in: CHALLENGE_LIFE,
        user_id: user.id,
    })
}

fn fresh(entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.expose(), &mut text);
    Secret::new(text)
}
