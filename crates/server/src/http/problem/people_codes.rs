//! The stable codes of exports, erasures that persons ask for, the system-use notice, and administration in batches; by status.

use super::code::{Code, code};

/// Of persons and their accounts.
pub(super) const PEOPLE: &[Code] = &[
    code(
        "number_of_passwords",
        400,
        "Too many passwords at once",
        "Make at most 20 accounts with a password in one request, or leave the passwords out and have them set by mail.",
    ),
    code(
        "password_change_required",
        403,
        "The password is to be changed first",
        "Change it: `POST /api/v1/auth/password/change`. Nothing else can be done in this session until then.",
    ),
    code(
        "system_use_not_accepted",
        403,
        "Whoever signs in agrees to the system-use notice first",
        "Show `GET /api/v1/system-use`, and send its version as `accept_system_use`.",
    ),
    code(
        "erasure_not_requested",
        404,
        "Nobody asked to erase this account",
        "Nothing is to be done.",
    ),
    code(
        "receipt_not_found",
        404,
        "There is no request with this receipt",
        "It may have been taken back. The receipt was shown once, when the erasure was asked for.",
    ),
    code(
        "erasure_requested",
        409,
        "The erasure is asked for already",
        "See when it is due: `GET /api/v1/me/erasure`; take it back: `DELETE /api/v1/me/erasure`.",
    ),
    code(
        "no_password",
        409,
        "The account has no password",
        "There is none to be changed: it is a program's, or its person has not set one yet.",
    ),
];
