//! The stable codes of passkeys, by status.

use super::code::{Code, code};

/// Of registration and sign-in, and of whoever has to enrol.
pub(super) const PASSKEYS: &[Code] = &[
    code(
        "passkey_refused",
        400,
        "The answer of the authenticator does not hold",
        "Begin anew: `POST /api/v1/me/mfa/passkeys/register/begin`. The page must be of an origin that the operator allows \
         (`identity.passkeys.origins`).",
    ),
    code(
        "invalid_passkey",
        401,
        "This passkey does not sign anybody in",
        "Begin anew: a challenge is good once, for 5 min. If the password was changed since the passkey was last used beside it, \
         sign in with both once: `POST /api/v1/auth/login`.",
    ),
    code(
        "second_factor_needed",
        403,
        "A role of this account demands a second factor",
        "Enrol one (`POST /api/v1/me/mfa/passkeys/register/begin` or `POST /api/v1/me/mfa/totp`), or prove the one that there is (`POST \
         /api/v1/auth/step-up`), and repeat the request.",
    ),
    code(
        "passkey_not_found",
        404,
        "There is no such passkey",
        "List those that there are: `GET /api/v1/me/mfa/passkeys`.",
    ),
    code(
        "no_passkey_ceremony",
        409,
        "No registration of a passkey waits for this answer",
        "Begin one in the same session, and answer it once, within 5 min.",
    ),
    code(
        "passkey_known",
        409,
        "This passkey is registered already",
        "Nothing is to be done; or use another authenticator.",
    ),
    code(
        "too_many_passkeys",
        409,
        "There are as many passkeys as there may be",
        "Remove one first.",
    ),
    code(
        "no_passkey",
        409,
        "This account has no passkey",
        "Prove yourself with what `GET /api/v1/me/mfa` shows.",
    ),
];
