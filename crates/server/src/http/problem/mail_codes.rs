//! The stable codes of mailed links and invitations, by status.

use super::code::{Code, code};

/// Of recovery, verification and invitations.
pub(super) const MAIL: &[Code] = &[
    code(
        "invitation_needed",
        403,
        "Registration is by invitation",
        "Ask an administrator to invite you, and send the token of the invitation along.",
    ),
    code(
        "invitation_invalid",
        403,
        "The invitation is not valid for this address",
        "Register with the address to which it was mailed, or ask for a new one.",
    ),
    code(
        "link_invalid",
        403,
        "The link is not valid any more",
        "A link is good once and for a while, and a newer one ends it. Ask for a new one.",
    ),
    code(
        "mail_off",
        403,
        "This service sends no mail",
        "Ask an administrator. The operator sets `mail.delivery`.",
    ),
    code(
        "invitation_not_found",
        404,
        "There is no such invitation",
        "It was accepted, taken back, or is over. List those that are open.",
    ),
    code(
        "already_registered",
        409,
        "There is an account of this address",
        "Give it roles instead: `PUT /api/v1/users/{id}/roles`.",
    ),
    code(
        "email_unchanged",
        409,
        "This is the address already",
        "Nothing is to be done.",
    ),
    code(
        "email_changed_recently",
        409,
        "The address was changed lately",
        "Whoever had the address before may object for a while. Change it again after that.",
    ),
];
